"""Currencies in BSS: which ones are used, at which rate for reports, written how (CB-07)."""

from __future__ import annotations

from decimal import Decimal

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, DecimalField, StringField
from wtforms.validators import InputRequired, Optional

from app.access import permission_required, signed_in_viewer
from app.bss.listing import asked_export, asked_text, export, with_args
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.pricing.currencies import (
    CurrencyDetails,
    CurrencyLine,
    get_currency,
    home_currency,
    list_currencies,
    save_currency,
)
from app.web.forms import Form
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("currencies", __name__, surface=Surface.BSS)
EXPORT_HEADER = ("Currency", "Rate to home", "Culture", "Active", "Home")


class CurrencyForm(Form):
    """What can be changed about a currency."""

    rate_to_home = DecimalField(
        "Rate to the home currency",
        places=None,
        validators=[InputRequired("Enter a rate")],
        description="What one unit is worth. For reports only: products are priced by hand in each currency.",
    )
    culture = StringField(
        "Written as in", validators=[Optional()], description="A culture such as en-GB or de-CH. Empty: as the page."
    )
    is_active = BooleanField("Active", default=True)

    def to_details(self, code: str) -> CurrencyDetails:
        """Return the validated input; call it after validate_on_submit()."""
        return CurrencyDetails(
            code=code,
            rate_to_home=self.rate_to_home.data or Decimal(0),
            culture=self.culture.data or "",
            is_active=self.is_active.data,
        )


class NewCurrencyForm(CurrencyForm):
    """A currency to be added; its code stays."""

    code = StringField("Currency", validators=[InputRequired("Enter a currency")], description="ISO 4217, such as EUR.")


@bp.get("")
@permission_required(Permission.BSS_PRICES_VIEW)
def index() -> ResponseReturnValue:
    """List the currencies, or export them."""
    search = asked_text()
    lines = [line for line in list_currencies() if search.strip().upper() in line.code]
    if kind := asked_export():
        rows = [(line.code, line.rate_to_home, line.culture, line.is_active, line.is_home) for line in lines]
        return export(kind, "currencies", EXPORT_HEADER, rows)
    return page(
        "bss/currencies/index.html",
        title="Currencies",
        lines=lines,
        search=search,
        home=home_currency(),
        may_edit=signed_in_viewer().can(Permission.BSS_SETUP_EDIT),
        with_args=with_args,
    )


@bp.route("/new", methods=["GET", "POST"])
@permission_required(Permission.BSS_SETUP_EDIT)
def new() -> ResponseReturnValue:
    """Add a currency."""
    form = NewCurrencyForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                made = save_currency(
                    form.to_details((form.code.data or "").strip().upper()),
                    is_new=True,
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(f"{made.code} was added.", "success")
            return redirect(url_for(".index"), code=303)
    return _form(form, "New currency", None), form.status


@bp.route("/<code>", methods=["GET", "POST"])
@permission_required(Permission.BSS_SETUP_EDIT)
def edit(code: str) -> ResponseReturnValue:
    """Change a currency's rate, or deactivate it where nothing uses it."""
    line = get_currency(code)
    form = CurrencyForm(obj=line)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                save_currency(form.to_details(code), is_new=False, actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The currency was saved.", "success")
            return redirect(url_for(".index"), code=303)
    return _form(form, code, line), form.status


def _form(form: Form, title: str, line: CurrencyLine | None) -> str:
    crumbs = [Crumb("Currencies", url_for(".index")), Crumb(title)]
    return page("bss/currencies/edit.html", title=title, breadcrumbs=crumbs, form=form, line=line, home=home_currency())
