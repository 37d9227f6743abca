"""Currencies in BSS: which ones are used, what they are worth today, written how (BC-07, CB-07)."""

from __future__ import annotations

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, StringField
from wtforms.validators import InputRequired, Optional

from app.access import permission_required, signed_in_viewer
from app.bss.listing import asked_export, asked_text, export, with_args
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.pricing.currencies import (
    CurrencyDetails,
    get_currency,
    home_currency,
    list_currencies,
    save_currency,
)
from app.pricing.exchange_rates.rates import ONE, rates_on
from app.web.forms import Form
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from tenants.days import distributors_day
from themes.frames import Crumb

bp = surface_blueprint("currencies", __name__, surface=Surface.BSS)
EXPORT_HEADER = ("Currency", "Rate to home", "Culture", "Active", "Home")


class CurrencyForm(Form):
    """What can be changed about a currency."""

    culture = StringField(
        "Written as in", validators=[Optional()], description="A culture such as en-GB or de-CH. Empty: as the page."
    )
    is_active = BooleanField("Active", default=True)

    def to_details(self, code: str) -> CurrencyDetails:
        """Return the validated input; call it after validate_on_submit()."""
        return CurrencyDetails(
            code=code,
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
    home = home_currency()
    rates = {home: ONE, **rates_on(home, distributors_day(utc_now()))}
    if kind := asked_export():
        rows = [(line.code, rates.get(line.code), line.culture, line.is_active, line.is_home) for line in lines]
        return export(kind, "currencies", EXPORT_HEADER, rows)
    return page(
        "bss/currencies/index.html",
        title="Currencies",
        lines=lines,
        search=search,
        home=home,
        rates=rates,
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
    return _form(form, "New currency"), form.status


@bp.route("/<code>", methods=["GET", "POST"])
@permission_required(Permission.BSS_SETUP_EDIT)
def edit(code: str) -> ResponseReturnValue:
    """Change how a currency is written, or deactivate it where nothing uses it."""
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
    return _form(form, code), form.status


def _form(form: Form, title: str) -> str:
    crumbs = [Crumb("Currencies", url_for(".index")), Crumb(title)]
    return page("bss/currencies/edit.html", title=title, breadcrumbs=crumbs, form=form)
