"""Exchange rates in BSS: their history as a table and a line, entering and removing one (BC-07)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import DateField, DecimalField, StringField
from wtforms.validators import InputRequired

from app.access import permission_required, signed_in_viewer
from app.bss.currencies.views import bp
from app.bss.listing import asked_export, export, with_args
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.identity.queries import names_of
from app.pricing.currencies import home_currency
from app.pricing.exchange_rates.files import COLUMNS
from app.pricing.exchange_rates.rates import (
    NewRate,
    Pair,
    add_rate,
    count_rates,
    list_rates,
    pairs,
    rate_on,
    rates_in_force,
    remove_rate,
    towards,
)
from app.web.formats import day as day_words
from app.web.formats import exact_number
from app.web.forms import Form
from app.web.pages import page
from app.web.pagination import SIZES, Page, requested_page
from tenants.days import distributors_day
from themes.frames import Crumb

POINTS = 53  # of the line: a year by the week
WEEK = timedelta(days=7)


class RateForm(Form):
    """What one currency is worth in another from a day on."""

    from_code = StringField(
        "From", validators=[InputRequired("Enter a currency")], description="ISO 4217, such as USD."
    )
    to_code = StringField("To", validators=[InputRequired("Enter a currency")], description="ISO 4217, such as EUR.")
    rate = DecimalField(
        "Rate",
        places=None,
        validators=[InputRequired("Enter a rate")],
        description="What one unit of the first is worth in the second. Up to 10 decimals.",
    )
    valid_from = DateField(
        "Valid from",
        validators=[InputRequired("Enter a day, such as 2026-01-31")],
        description="It holds until a later rate of the same currencies.",
    )

    def to_rate(self) -> NewRate:
        """Return the validated input; call it after validate_on_submit()."""
        return NewRate(
            (self.from_code.data or "").strip().upper(),
            (self.to_code.data or "").strip().upper(),
            self.rate.data or Decimal(0),
            self.valid_from.data or date.min,
        )


@dataclass(frozen=True, slots=True)
class Course:
    """A pair's rate over time, as the chart draws it."""

    labels: Sequence[str]
    values: Sequence[Decimal]


@bp.get("/rates")
@permission_required(Permission.BSS_PRICES_VIEW)
def rates() -> ResponseReturnValue:
    """Show the history of all rates, or of one pair with its line; or the same as a file that can be uploaded again."""
    pair, today = asked_pair(), distributors_day(utc_now())
    if kind := asked_export():
        rows = [(each.from_code, each.to_code, each.rate.normalize(), each.valid_from.isoformat())
                for each in list_rates(pair, limit=None)]  # fmt: skip
        return export(kind, "exchange-rates", COLUMNS, rows)
    asked = requested_page()
    found = list_rates(pair, limit=asked.size, offset=asked.offset)
    return page(
        "bss/currencies/rates.html",
        title="Exchange rates",
        breadcrumbs=[Crumb("Currencies", url_for(".index")), Crumb("Exchange rates")],
        found=Page(found, count_rates(pair), asked.number, asked.size),
        in_force=rates_in_force(found, today),
        names=names_of({each.entered_by_id for each in found if each.entered_by_id is not None}),
        today=today,
        pair=pair,
        pairs=pairs(),
        todays_rate=rate_on(pair.from_code, pair.to_code, today) if pair is not None else None,
        course=course_of(pair, today) if pair is not None else None,
        may_edit=signed_in_viewer().can(Permission.BSS_RATES_EDIT),
        sizes=SIZES,
        with_args=with_args,
    )


@bp.route("/rates/new", methods=["GET", "POST"])
@permission_required(Permission.BSS_RATES_EDIT)
def new_rate() -> ResponseReturnValue:
    """Enter a rate."""
    form = RateForm()
    pair = asked_pair()
    if not form.is_submitted():
        form.from_code.data, form.to_code.data = (pair.from_code, pair.to_code) if pair else ("", home_currency())
        form.valid_from.data = distributors_day(utc_now())
    if form.validate_on_submit():
        try:
            with unit_of_work():
                made = add_rate(form.to_rate(), actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(f"The rate from {made.from_code} to {made.to_code} was added.", "success")
            return redirect(url_for(".rates", pair=f"{made.from_code}-{made.to_code}"), code=303)
    crumbs = [
        Crumb("Currencies", url_for(".index")),
        Crumb("Exchange rates", url_for(".rates")),
        Crumb("New rate"),
    ]
    return page("bss/currencies/rate.html", title="New exchange rate", breadcrumbs=crumbs, form=form), form.status


@bp.post("/rates/<uuid:rate_id>/remove")
@permission_required(Permission.BSS_RATES_EDIT)
def remove(rate_id: UUID) -> ResponseReturnValue:
    """Take a mistyped rate out of the history."""
    if Form().validate_on_submit():
        with unit_of_work():
            gone = remove_rate(rate_id, actor=signed_in_viewer().actor, at=utc_now())
        written = f"{exact_number(gone.rate)} of {day_words(gone.valid_from)}"
        flash(f"The rate from {gone.from_code} to {gone.to_code}, {written}, was removed.", "success")
        return redirect(url_for(".rates", pair=f"{gone.from_code}-{gone.to_code}"), code=303)
    return redirect(url_for(".rates"), code=303)


def asked_pair() -> Pair | None:
    """Return the pair named in the query string, such as USD-EUR; None for any other text."""
    first, dash, second = request.args.get("pair", "").upper().partition("-")
    is_pair = bool(dash) and all(len(code) == 3 and code.isascii() and code.isalpha() for code in (first, second))  # noqa: PLR2004 - ISO 4217
    return Pair(first, second) if is_pair else None


def course_of(pair: Pair, today: date) -> Course | None:
    """Return a pair's rate week by week up to today, a year at most; None where there is no course to see."""
    history = [each for each in list_rates(pair, limit=None) if each.valid_from <= today]
    history.sort(key=lambda each: (each.valid_from, each.to_code == pair.to_code))
    days = [each.valid_from for each in history]
    weeks = [today - WEEK * back for back in reversed(range(POINTS))]
    shown = [day for day in weeks if days and day >= days[0]]
    if len(shown) < 2 or len(days) < 2:  # noqa: PLR2004 - one point is no line
        return None
    values = [towards(pair.to_code, history[bisect_right(days, day) - 1]).normalize() for day in shown]
    return Course([day_words(day) for day in shown], values)
