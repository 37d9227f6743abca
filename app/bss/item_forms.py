"""What forms of items share, on orders and on offers: how many, below what, at which price (CB-17, CB-18)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from wtforms import DecimalField, HiddenField, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from app.access import signed_in_viewer
from app.bss.item_answers import PREFIX
from app.core.errors import FieldError, Invalid
from app.core.ids import new_id, parse_id
from app.orders.agreed import MOST_PRICE, AgreedPrice
from app.orders.back_office_add_ons import PARENT, ParentChoice
from app.orders.back_office_licences import FIELD as ADDS_TO
from app.orders.idempotency import Submit
from app.web.forms import Form, VersionedForm

OWN_FIELDS = ("alias", "friendly_name", "user_price", "discount_percent", PARENT, ADDS_TO)


class ItemForm(VersionedForm):
    """Quantity, the customer's own name for it, what an add-on is added to, and a price by hand."""

    request_key = HiddenField()
    quantity = IntegerField("Quantity", default=1, validators=[InputRequired("Enter a quantity")])
    friendly_name = StringField(
        "Name for the customer", validators=[Optional(), Length(max=100, message="Use at most 100 characters")]
    )
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

    @property
    def agreed(self) -> AgreedPrice:
        """What is agreed on; call it where the price was asked."""
        return AgreedPrice(self.user_price.data, self.discount_percent.data or Decimal(0))

    @property
    def wanted_parent(self) -> UUID | None:
        """What an add-on is added to."""
        return parse_id(self.parent_id.data or "")

    def offer_parents(self, parents: Sequence[ParentChoice]) -> None:
        """Let an add-on be added to one of these."""
        self.parent_id.choices = [("", "Choose"), *((str(each.id), each.name) for each in parents)]


def submit_of(form: Form, route: str, *words: object) -> Submit:
    """Return a submit with its key; a request without one is a new one."""
    key = parse_id(form.request_key.data or "") or new_id()
    said = (*words, *(field.data for field in form if field.name not in ("csrf_token", "request_key", "version")))
    return Submit(str(signed_in_viewer().user_id), route, key, said)


def at_the_quantity(refusal: Invalid) -> Invalid:
    """The form has no field for the product itself: what is wrong with it is told at the quantity."""
    return Invalid(
        *(
            error
            if error.field.startswith(PREFIX) or error.field in OWN_FIELDS
            else FieldError("quantity", error.code, error.message)
            for error in refusal.errors
        )
    )
