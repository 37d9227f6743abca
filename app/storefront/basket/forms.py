"""Forms of the basket: what is typed becomes typed values; what fits together is the services' to say."""

from __future__ import annotations

from uuid import UUID

from wtforms import HiddenField, IntegerField, RadioField, StringField
from wtforms.validators import InputRequired, Length, Optional

from app.catalogue.models import BillingCycle, Term
from app.core.errors import Invalid
from app.core.ids import parse_id
from app.orders.baskets import NewItem
from app.storefront.basket.answers import answers_about, chosen, ticked_add_ons
from app.web.forms import Form
from tenants.context import current_scope

WHOLE_NUMBER = "Enter a whole number"


class QuantityField(IntegerField):
    """A whole number; anything else is told in our words."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the number as typed."""
        if not valuelist or not valuelist[0].strip():
            return
        try:
            self.data = int(valuelist[0])
        except ValueError as error:
            self.data = None
            raise ValueError(WHOLE_NUMBER) from error


class BasketForm(Form):
    """What the forms of the basket share."""

    @property
    def first_error(self) -> str:
        """One sentence for who typed, where there is room for one."""
        return next((str(message) for messages in self.errors.values() for message in messages), "Check your choice")


class AddForm(BasketForm):
    """Puts one product, at one term and cycle, into the basket."""

    product_id = HiddenField()
    price = RadioField("Term and billing", validate_choice=False)
    quantity = QuantityField("Quantity", validators=[InputRequired(WHOLE_NUMBER)], default=1)
    friendly_name = StringField(
        "Friendly name",
        validators=[Optional(), Length(max=100, message="Use at most 100 characters")],
        description="How you want to find it again, such as “Sales team”.",
    )

    def to_new_item(self) -> NewItem:
        """Return what was chosen; raises Invalid where the choice is not one of the page's."""
        term, _, cycle = (self.price.data or "").partition(".")
        product_id: UUID | None = parse_id(self.product_id.data or "")
        try:
            key = Term(term), BillingCycle(cycle)
        except ValueError as error:
            raise Invalid.field("price", "choice", "Choose a term and billing period") from error
        if product_id is None:
            raise Invalid.field("price", "choice", "Choose a product")
        assert self.quantity.data is not None
        return NewItem(
            product_id,
            *key,
            self.quantity.data,
            self.friendly_name.data or None,
            characteristics=answers_about(product_id, current_scope().distributor_id),
            options=chosen(),
            add_ons=ticked_add_ons(),
        )


class ItemForm(BasketForm):
    """Changes one item of the basket."""

    quantity = QuantityField("Quantity", validators=[InputRequired(WHOLE_NUMBER)])
    friendly_name = StringField("Friendly name", validators=[Length(max=100, message="Use at most 100 characters")])


class CodeForm(BasketForm):
    """A promotion's code."""

    code = StringField("Promotion code", validators=[Length(max=60, message="Use at most 60 characters")])


class LicencesForm(BasketForm):
    """How many licences to add to a subscription."""

    quantity = QuantityField("More licences", validators=[InputRequired(WHOLE_NUMBER)], default=1)
