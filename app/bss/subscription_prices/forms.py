"""The form of a subscription's pricing."""

from __future__ import annotations

from decimal import Decimal

from wtforms import DecimalField, HiddenField, RadioField, SelectField, StringField
from wtforms.validators import Length, Optional

from app.catalogue.models import BillingCycle
from app.changes.price_quotes import WantedPrice
from app.core.errors import Invalid
from app.core.ids import parse_id
from app.subscriptions.models import ChangeTiming
from app.web.forms import Form

AS_IT_IS = ("", "As it is")
TIMINGS = (
    (ChangeTiming.NOW.value, "Current cycle: credit what was charged, charge it anew"),
    (ChangeTiming.PERIOD_END.value, "Next cycle"),
)


class PricingForm(Form):
    """Where the price comes from, what is set by hand, and from when."""

    request_key = HiddenField()
    timing = RadioField("From", choices=list(TIMINGS), default=ChangeTiming.PERIOD_END.value, validate_choice=False)
    price_list = SelectField("Price list", validate_choice=False, description="A list chosen here gives today's price.")
    user_price = DecimalField(
        "Price by hand",
        places=None,
        validators=[Optional()],
        description="Per unit and cycle. It wins over the discount and ends a price protection.",
    )
    discount_percent = DecimalField("Discount", places=None, validators=[Optional()])
    cycle = SelectField(
        "Billing cycle", validate_choice=False, description="Within the current cycle it can only become longer."
    )
    comment = StringField("Comment", validators=[Optional(), Length(max=2000, message="Use at most 2,000 characters")])

    def to_wanted(self) -> WantedPrice:
        """Return the validated input; raises Invalid for choices that are none."""
        chosen = self.price_list.data or ""
        list_id = parse_id(chosen) if chosen else None
        if chosen and list_id is None:
            raise Invalid.field("price_list", "choice", "Choose one of the list")
        try:
            cycle = BillingCycle(self.cycle.data) if self.cycle.data else None
        except ValueError:
            raise Invalid.field("cycle", "choice", "Choose one of the list") from None
        return WantedPrice(
            price_list_id=list_id,
            user_price=self.user_price.data,
            discount_percent=self.discount_percent.data or Decimal(0),
            cycle=cycle,
        )

    def to_timing(self) -> ChangeTiming:
        """Return from when; raises Invalid for what is no choice."""
        try:
            return ChangeTiming(self.timing.data)
        except ValueError:
            raise Invalid.field("timing", "choice", "Choose the current or the next cycle") from None


class ActionForm(Form):
    """A button."""
