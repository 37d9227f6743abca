"""Forms of one asset."""

from __future__ import annotations

from decimal import Decimal

from wtforms import DateField, DecimalField, HiddenField, IntegerField, SelectField
from wtforms.validators import InputRequired, Optional

from app.changes.price_quotes import WantedPrice
from app.core.errors import Invalid
from app.core.ids import parse_id
from app.web.forms import Form

AS_IT_IS = ("", "As it is")


class PriceForm(Form):
    """Where a price comes from, and what staff sets beside it."""

    request_key = HiddenField()
    price_list = SelectField("Price list", validate_choice=False, description="A list chosen here gives today's price.")
    user_price = DecimalField(
        "Price by hand", places=None, validators=[Optional()], description="Per unit. It wins over the discount."
    )
    discount_percent = DecimalField("Discount", places=None, validators=[Optional()])

    def to_wanted(self) -> WantedPrice:
        """Return the validated input; raises Invalid for a list that is none."""
        chosen = self.price_list.data or ""
        list_id = parse_id(chosen) if chosen else None
        if chosen and list_id is None:
            raise Invalid.field("price_list", "choice", "Choose one of the list")
        return WantedPrice(
            price_list_id=list_id,
            user_price=self.user_price.data,
            discount_percent=self.discount_percent.data or Decimal(0),
        )


class ReturnForm(Form):
    """How many come back."""

    request_key = HiddenField()
    quantity = IntegerField("Quantity", validators=[InputRequired("Enter a whole number")])


class ExpiryForm(Form):
    """The last day of warranty or use."""

    expires_on = DateField("Last day", validators=[Optional()], description="Empty: it does not expire.")
