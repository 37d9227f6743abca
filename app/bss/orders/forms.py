"""Forms of orders made by staff."""

from __future__ import annotations

from wtforms import IntegerField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from app.orders.back_office import ItemChange, WantedItem
from app.pricing.quotes import PriceKey
from app.web.forms import Form


class NewOrderForm(Form):
    """What an order starts with; items follow on its page."""

    po_number = StringField("PO number", validators=[Optional(), Length(max=50, message="Use at most 50 characters")])
    comment = TextAreaField(
        "Note", validators=[Optional(), Length(max=500, message="Use at most 500 characters")], render_kw={"rows": 3}
    )


class ItemForm(Form):
    """Quantity, the customer's own name for it, and a plan's alias."""

    quantity = IntegerField("Quantity", default=1, validators=[InputRequired("Enter a quantity")])
    friendly_name = StringField(
        "Name for the customer", validators=[Optional(), Length(max=100, message="Use at most 100 characters")]
    )
    alias = StringField("Storefront alias", validators=[Optional()])

    def to_wanted(self, key: PriceKey) -> WantedItem:
        """Return what to put on the order; call it after validate_on_submit()."""
        return WantedItem(
            key.product_id,
            key.term,
            key.cycle,
            self.quantity.data if self.quantity.data is not None else 1,
            friendly_name=self.friendly_name.data,
            alias=self.alias.data,
        )

    def to_change(self) -> ItemChange:
        """Return what changes on an item; call it after validate_on_submit()."""
        return ItemChange(
            self.quantity.data if self.quantity.data is not None else 1,
            friendly_name=self.friendly_name.data,
            alias=self.alias.data,
        )


class CancelForm(Form):
    """Why an order is canceled; only staff read it."""

    reason = StringField("Reason", validators=[InputRequired("Say why the order is canceled"), Length(max=500)])


class ActionForm(Form):
    """A button that changes something: nothing but its token."""
