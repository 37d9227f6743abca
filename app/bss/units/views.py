"""Terms and billing cycles: what prices can be given for, and what a product is shown by first (CB-03)."""

from __future__ import annotations

from collections.abc import Sequence

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import Field, SelectField, SelectMultipleField
from wtforms.widgets import CheckboxInput, ListWidget

from app.access import permission_required, signed_in_viewer
from app.catalogue.models import Term
from app.catalogue.units import ONCE, RECURRING, Unit, choose_units, read_unit, sold_units, units_version
from app.catalogue.words import CYCLE_WORDS, TERM_WORDS
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.web.forms import VersionedForm
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from tenants.settings import distributor_settings

bp = surface_blueprint("units", __name__, surface=Surface.BSS)
SHORTEST = "Each product's shortest billing cycle"


def _name(term: Term) -> str:
    return f"units_{term.value.lower()}"


class UnitsForm(VersionedForm):
    """A list of billing cycles for each term, and the base unit. The lists stand below."""

    base = SelectField(
        "Shown first",
        choices=[("", SHORTEST), *((unit.value, unit.words) for unit in RECURRING)],
        description="The price a product starts from in storefronts. A product may have a base unit of its own.",
    )

    def lists(self) -> Sequence[Field]:
        """Return the fields of the terms, the shortest first."""
        return [self[_name(term)] for term in Term if term.months]

    def chosen(self) -> set[Unit]:
        """Return what is ticked."""
        return {unit for each in self.lists() for value in each.data or () if (unit := read_unit(value))}


for _term in (each for each in Term if each.months):
    _units = [unit for unit in RECURRING if unit.term is _term]
    setattr(
        UnitsForm,
        _name(_term),
        SelectMultipleField(
            f"{TERM_WORDS[_term]}, billed",
            choices=[(unit.value, CYCLE_WORDS[unit.cycle].capitalize()) for unit in _units],
            widget=ListWidget(prefix_label=False),
            option_widget=CheckboxInput(),
        ),
    )


@bp.route("", methods=["GET", "POST"])
@permission_required(Permission.BSS_SETUP_EDIT)
def index() -> ResponseReturnValue:
    """Show and save them."""
    form = UnitsForm()
    form.show_version(units_version(distributor_settings()))
    if form.validate_on_submit():
        try:
            with unit_of_work():
                choose_units(
                    form.chosen(),
                    read_unit(form.base.data),
                    version=form.seen_version,
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(_at_the_lists(refusal))
        else:
            flash("Saved.", "success")
            return redirect(url_for(".index"), code=303)
    if not form.is_submitted():
        sold = sold_units()
        for term in (each for each in Term if each.months):
            form[_name(term)].data = [unit.value for unit in sold if unit.term is term and unit != ONCE]
        form.base.data = distributor_settings().base_unit
    return page("bss/units/index.html", title="Terms and billing", form=form), form.status


def _at_the_lists(refusal: Invalid) -> Invalid:
    """Say what is wrong with a unit at its term, with all of them at the first one."""
    error = refusal.errors[0]
    if (unit := read_unit(error.field)) is not None:
        return Invalid.field(_name(unit.term), error.code, error.message)
    field = _name(Term.P1M) if error.field == "units" else error.field
    return Invalid.field(field, error.code, error.message)
