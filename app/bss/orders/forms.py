"""Forms of orders made by staff."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from wtforms import DateField, DecimalField, HiddenField, IntegerField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from app.bss.records.forms import NewRecordForm
from app.core.ids import parse_id
from app.orders.agreed import MOST_PRICE, NOTHING, AgreedPrice
from app.orders.back_office import ItemChange, NewOrder, OrderDetails, WantedItem
from app.pricing.quotes import PriceKey
from app.web.forms import Form


class DetailsForm(Form):
    """What an order is called and what goes with it."""

    name = StringField(
        "Name",
        validators=[Optional(), Length(max=255, message="Use at most 255 characters")],
        description="Empty: the account's name with the order's number.",
    )
    starts_on = DateField("Requested start", validators=[Optional()])
    po_number = StringField("PO number", validators=[Optional(), Length(max=50, message="Use at most 50 characters")])
    comment = TextAreaField(
        "Note", validators=[Optional(), Length(max=500, message="Use at most 500 characters")], render_kw={"rows": 3}
    )

    def to_details(self) -> OrderDetails:
        """Return the validated input; call it after validate_on_submit()."""
        return OrderDetails(
            self.name.data or "", self.po_number.data or None, self.comment.data or None, self.starts_on.data
        )


class NewOrderForm(DetailsForm, NewRecordForm):
    """What an order starts with; items follow on its page. The key makes a second submit harmless (GO-02)."""

    request_key = HiddenField()

    def to_new(self, account_id: UUID) -> NewOrder:
        """Return the order to start; call it after validate_on_submit()."""
        details = self.to_details()
        return NewOrder(account_id, details.name, details.po_number, details.comment, details.starts_on)


class ItemForm(Form):
    """Quantity, the customer's own name for it, a plan's alias, and a price by hand."""

    request_key = HiddenField()

    quantity = IntegerField("Quantity", default=1, validators=[InputRequired("Enter a quantity")])
    friendly_name = StringField(
        "Name for the customer", validators=[Optional(), Length(max=100, message="Use at most 100 characters")]
    )
    alias = StringField("Storefront alias", validators=[Optional()])
    parent_id = SelectField("Added to", choices=[], validate_choice=False)
    user_price = DecimalField(
        "Price by hand",
        validators=[Optional(), NumberRange(min=Decimal(0), max=MOST_PRICE, message="Enter an amount from 0")],
        places=4,
        description="Per unit and cycle. It wins over a discount.",
    )
    discount_percent = DecimalField(
        "Discount",
        validators=[Optional(), NumberRange(min=Decimal(0), max=Decimal(100), message="Enter 0 to 100")],
        places=2,
    )

    def to_wanted(self, key: PriceKey) -> WantedItem:
        """Return what to put on the order; call it after validate_on_submit()."""
        return WantedItem(
            key.product_id,
            key.term,
            key.cycle,
            self.quantity.data if self.quantity.data is not None else 1,
            friendly_name=self.friendly_name.data,
            alias=self.alias.data,
            agreed=self.agreed,
            parent_id=parse_id(self.parent_id.data or ""),
        )

    @property
    def agreed(self) -> AgreedPrice:
        """What staff agrees on; nothing where both fields are empty, or were not asked."""
        if not self.asks_price:
            return NOTHING
        return AgreedPrice(self.user_price.data, self.discount_percent.data or Decimal(0))

    def to_change(self) -> ItemChange:
        """Return what changes on an item; call it after validate_on_submit()."""
        return ItemChange(
            self.quantity.data if self.quantity.data is not None else 1,
            friendly_name=self.friendly_name.data,
            alias=self.alias.data,
            agreed=self.agreed if self.asks_price else None,
        )

    @property
    def asks_price(self) -> bool:
        """Whether the page let the person agree on a price: what was not asked is not changed."""
        return "user_price" in self and "discount_percent" in self


class ExecuteForm(Form):
    """From which day on."""

    starts_on = DateField(
        "Start", validators=[Optional()], description="First day of subscriptions and invoice. Later: scheduled."
    )


class MoveForm(Form):
    """Another name for where an order stands."""

    status_ref = SelectField("Status", choices=[], validate_choice=False)


class CancelForm(Form):
    """Why an order is canceled; only staff read it."""

    status_ref = SelectField("Status", choices=[], validate_choice=False)
    reason = StringField("Reason", validators=[InputRequired("Say why the order is canceled"), Length(max=500)])


class ActionForm(Form):
    """A button that changes something: nothing but its token."""
