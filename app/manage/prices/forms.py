"""What people fill in to set markups and special prices."""

from __future__ import annotations

from decimal import Decimal

from wtforms import DateField, IntegerField, SelectField, StringField
from wtforms import Form as PlainForm
from wtforms.validators import Optional

from app.catalogue.units import read_unit, sold_units
from app.pricing.amounts import Period
from app.pricing.rules import UnitKey
from app.web.forms import Form


def unit_choices() -> list[tuple[str, str]]:
    """Return the units the distributor sells, as selects write them."""
    return [(f"{unit.term.value}/{unit.cycle.value}", unit.words) for unit in sold_units()]


def unit_of(text: str | None) -> UnitKey | None:
    """Read a term and cycle as the select offers them; anything else is none in particular."""
    unit = read_unit((text or "").replace("/", "."))
    return UnitKey(unit.term, unit.cycle) if unit is not None else None


class DatedForm(Form):
    """First and last day, both included, in the storefront's zone."""

    valid_from = DateField("From", validators=[Optional()], description="Empty: from now on")
    valid_to = DateField("Until", validators=[Optional()], description="The last day, included. Empty: for good")

    def period(self) -> Period:
        """Return the days; raises Invalid with date_order."""
        return Period(self.valid_from.data, self.valid_to.data)


class MarkupForm(DatedForm):
    """A markup of any level. Services read the percentage, so that every refusal has its code (RS-19)."""

    code = StringField("Product", description="Name or SKU")
    percent = StringField("Markup (%)", description="Added to your cost. 15 turns 100.00 into 115.00.")
    unit = SelectField("Applies to", choices=lambda: [("", "All terms and cycles"), *unit_choices()])


class SpecialPriceForm(DatedForm):
    """A fixed price of a product, for everybody or for one customer (RS-20)."""

    code = StringField("Product", description="Name or SKU")
    unit = SelectField("Term and cycle", choices=unit_choices)
    amount = StringField("Special price", description="Net, per unit and billing cycle. It is not rounded.")


class WhyForm(PlainForm):
    """Whose price is to be explained. Sent by GET: a question changes nothing, so it carries no token."""

    customer = SelectField("Customer")
    unit = SelectField("Term and cycle")
    quantity = IntegerField("Quantity", default=1)

    def amount_of_units(self) -> int:
        """Return the quantity, 1 where it makes no sense."""
        return min(max(self.quantity.data or 1, 1), 1_000_000)


def shown(value: Decimal | None) -> str:
    """Write a percentage without needless zeros: 25, 12.5."""
    return "-" if value is None else f"{value.normalize():f}"
