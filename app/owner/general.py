"""Settings → General for the owner of a storefront (RS-14)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from wtforms import BooleanField, IntegerField, SelectField, StringField, TextAreaField

from app.access import permission_required
from app.accounts.queries import get_account
from app.core.clock import utc_now
from app.core.days import DAY_STYLES
from app.core.db import session, unit_of_work
from app.core.errors import Invalid
from app.owner.scopes import Rights, acting, frame_of, owner_of_request
from app.resellers.general import (
    LANDING_PAGES,
    LANGUAGE_NAMES,
    GeneralSettings,
    is_approval_locked,
    save_general,
    time_zones,
)
from app.web.forms import Form
from app.web.pages import page
from app.web.surfaces import Surface
from tenants.context import current_scope
from tenants.links import storefront_url
from tenants.models import Distributor
from tenants.settings import PASSWORD_DAYS, ROUNDINGS, distributor_settings, storefront_settings

ROUNDING_WORDS = {
    "none": "To the cent, half up: 14.375 becomes 14.38",
    "up_0.05": "Up to 0.05: 14.375 becomes 14.40",
    "up_0.10": "Up to 0.10: 14.375 becomes 14.40",
    "up_0.50": "Up to 0.50: 14.375 becomes 14.50",
    "up_1.00": "Up to 1.00: 14.375 becomes 15.00",
    "up_99": "Up to …99: 14.375 becomes 14.99",
}
DATE_WORDS = {"short": "22/11/2026", "medium": "22 Nov 2026", "long": "22 November 2026"}
LANDING_WORDS = {"home": "Home page", "catalogue": "Catalogue", "dashboard": "Billing overview"}


def _whole(value: object) -> int:
    """Read a number of days; what is none is no choice, and refused as such."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() else -1


class GeneralForm(Form):
    """The fields of General. What is wrong with them is the service's to say, so that nothing is stored halfway."""

    company_name = StringField("Company name", description="The title of the browser tab. Any script may be used.")
    language = SelectField("Language", validate_choice=False)
    time_zone = SelectField(
        "Time zone", validate_choice=False, choices=[(zone, zone.replace("_", " ")) for zone in time_zones()]
    )
    date_format = SelectField("Dates", validate_choice=False, choices=[(each, DATE_WORDS[each]) for each in DAY_STYLES])
    rounding = SelectField(
        "Rounding of marked-up prices",
        validate_choice=False,
        choices=[(each, ROUNDING_WORDS[each]) for each in ROUNDINGS],
        description="Prices you set yourself are never rounded.",
    )
    landing_page = SelectField(
        "First page after sign-in",
        validate_choice=False,
        choices=[(each, LANDING_WORDS[each]) for each in LANDING_PAGES],
        description="What your customers see first.",
    )
    anonymous_access = BooleanField("Show the catalogue without sign-in")
    anonymous_prices = BooleanField("Show prices to visitors")
    self_registration = BooleanField("Let visitors register", description="Needs a catalogue without sign-in.")
    approve_registrations = BooleanField("Approve each registration")
    reseller_registration = BooleanField("Let companies register as resellers")
    new_customers_need_approval = BooleanField(
        "Approve orders of new customers", description="You can change it for each customer."
    )
    show_retail_prices = BooleanField(
        "Show the retail price crossed out", description="Only where it is higher than your price."
    )
    second_factor_by_mail = BooleanField(
        "Ask for a code by e-mail after the password", description="People may use an authenticator app instead."
    )
    password_days = SelectField(
        "Passwords expire",
        validate_choice=False,
        coerce=_whole,
        default=0,
        choices=[(days, f"After {days} days" if days else "Never") for days in PASSWORD_DAYS],
    )
    password_length = IntegerField(
        "Shortest password", default=10, description="8 to 64 characters; for passwords that are set from now on."
    )
    is_indexed = BooleanField(
        "Let search engines list the storefront", description="Needs a catalogue without sign-in."
    )
    seo_title = StringField("Title for search engines", description="Up to 60 characters.")
    seo_description = TextAreaField("Description for search engines", description="Up to 160 characters.")
    seo_keywords = StringField("Keywords", description="Up to 10 words.")
    analytics_id = StringField("Google Analytics id", description="Such as G-AB12CD34. Loaded only after consent.")
    contact_email = StringField("Contact e-mail")
    contact_phone = StringField("Contact phone")
    contact_address = TextAreaField("Contact address")
    contact_intro = TextAreaField("Words above the contact details")

    def to_settings(self) -> GeneralSettings:
        """Return what was typed; absent texts are empty."""
        values: dict[str, Any] = {}
        for name in GeneralSettings.__dataclass_fields__:
            value = self[name].data
            values[name] = value if isinstance(value, bool | int) else value or ""
        return GeneralSettings(**values)


def general_pages(blueprint: Blueprint, *, surface: Surface, rights: Rights, path: str, endpoint: str) -> None:
    """Add the page General to a blueprint of the owner's scope."""

    @blueprint.get(path, endpoint=endpoint)
    @permission_required(rights.view)
    def general() -> ResponseReturnValue:
        """Show the general settings."""
        found = storefront_settings(owner_of_request().storefront_id)
        return _shown(GeneralForm(obj=found, formdata=None), surface)

    @blueprint.post(path, endpoint=f"save_{endpoint}")
    @permission_required(rights.edit)
    def save() -> ResponseReturnValue:
        """Store all fields, or none where one is wrong."""
        form, owner = GeneralForm(), owner_of_request()
        if form.validate_on_submit():
            try:
                with unit_of_work():
                    save_general(
                        owner.storefront_id,
                        form.to_settings(),
                        reseller_id=owner.reseller_id,
                        languages=distributor_settings().languages,
                        actor=acting(),
                        at=utc_now(),
                    )
            except Invalid as refusal:
                form.take(refusal)
            else:
                flash("Settings saved. Visitors see them now.", "success")
                return redirect(url_for(f".{endpoint}"), code=303)
        return _shown(form, surface)


def _shown(form: GeneralForm, surface: Surface) -> ResponseReturnValue:
    owner = owner_of_request()
    form.language.choices = [(code, LANGUAGE_NAMES.get(code, code)) for code in distributor_settings().languages]
    return page(
        "manage/settings/general.html",
        title="General",
        frame=frame_of(surface),
        form=form,
        address=storefront_url(owner.storefront_id),
        currency=_currency(owner.reseller_id),
        is_locked=is_approval_locked(owner.reseller_id),
        is_root=surface is Surface.BSS,
    ), form.status


def _currency(reseller_id: UUID | None) -> str:
    if reseller_id is None:
        return session.scalars(
            select(Distributor.currency).where(Distributor.id == current_scope().distributor_id)
        ).one()
    return get_account(reseller_id).currency
