"""Forms of orders made by staff."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from wtforms import DateField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from app.bss.item_forms import ItemForm
from app.bss.records.forms import NewRecordForm
from app.core.errors import Invalid
from app.core.ids import parse_id
from app.orders.agreed import NOTHING
from app.orders.back_office import NewOrder, OrderDetails
from app.orders.back_office_items import ItemChange, WantedItem
from app.orders.back_office_licences import FIELD as LICENCES_FIELD
from app.orders.back_office_licences import SubscriptionChoice
from app.pricing.quotes import PriceKey
from app.web.forms import Form, VersionedForm

OF_ITS_OWN = "A subscription of its own"


class DetailsForm(VersionedForm):
    """What an order is called and what goes with it."""

    name = StringField(
        "Name",
        validators=[Optional(), Length(max=255, message="Use at most 255 characters")],
        description="Empty: the account's name with the order's number.",
    )
    contact_email = StringField(
        "Contact's e-mail",
        filters=[lambda typed: (typed or "").strip()],
        validators=[Optional(), Length(max=254, message="Use at most 254 characters")],
        description="Empty: the account's primary contact.",
    )
    starts_on = DateField("Requested start", validators=[Optional()])
    po_number = StringField("PO number", validators=[Optional(), Length(max=50, message="Use at most 50 characters")])
    comment = TextAreaField(
        "Note", validators=[Optional(), Length(max=500, message="Use at most 500 characters")], render_kw={"rows": 3}
    )

    def to_details(self) -> OrderDetails:
        """Return the validated input; call it after validate_on_submit()."""
        return OrderDetails(
            self.name.data or "", self.po_number.data or None, self.comment.data or None, self.starts_on.data,
            self.contact_email.data or "",
        )  # fmt: skip


class NewOrderForm(DetailsForm, NewRecordForm):
    """What an order starts with; items follow on its page. The key makes a second submit harmless (GO-02)."""

    request_key = HiddenField()

    def to_new(self, account_id: UUID) -> NewOrder:
        """Return the order to start; call it after validate_on_submit()."""
        details = self.to_details()
        return NewOrder(
            account_id, details.name, details.po_number, details.comment, details.starts_on, details.contact_email
        )


class OrderItemForm(ItemForm):
    """An item of an order: a plan's alias beside what all items have."""

    alias = StringField("Storefront alias", validators=[Optional()])
    subscription_id = SelectField("Goes to", choices=[], validate_choice=False)

    def offer_running(self, running: Sequence[SubscriptionChoice]) -> None:
        """Let the item add to one of these subscriptions."""
        self.subscription_id.choices = [("", OF_ITS_OWN), *((str(each.id), each.name) for each in running)]

    @property
    def wanted_subscription(self) -> UUID | None:
        """The subscription to add to. Raises Invalid for what is none."""
        found = parse_id(self.subscription_id.data or "")
        if self.subscription_id.data and found is None:
            raise Invalid.field(LICENCES_FIELD, "choice", "Choose one of the subscriptions")
        return found

    def to_wanted(self, key: PriceKey) -> WantedItem:
        """Return what to put on the order; call it after validate_on_submit()."""
        return WantedItem(
            key.product_id,
            key.term,
            key.cycle,
            self.quantity.data if self.quantity.data is not None else 1,
            friendly_name=self.friendly_name.data,
            alias=self.alias.data,
            agreed=self.agreed if self.asks_price else NOTHING,
            parent_id=self.wanted_parent,
            adds_to_id=self.wanted_subscription,
        )

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
