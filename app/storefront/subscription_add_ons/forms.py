"""The form of one add-on in a storefront."""

from __future__ import annotations

from uuid import UUID

from wtforms import HiddenField, IntegerField, RadioField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from app.changes.effects import NewChange
from app.changes.offers import AddOnOffer
from app.core.errors import Invalid
from app.core.ids import new_id, parse_id
from app.subscriptions.models import ChangeKind, ChangeTiming, Subscription
from app.web.forms import Form

TIMINGS = [
    (ChangeTiming.NOW.value, "Now"),
    (ChangeTiming.PERIOD_END.value, "At the end of the billing period"),
]


class AddOnForm(Form):
    """The new total of an add-on; 0 cancels it. The key makes a second submit harmless."""

    request_key = HiddenField()
    quantity = IntegerField("New total", validators=[InputRequired("Enter a whole number")])
    timing = RadioField("When", choices=TIMINGS, default=ChangeTiming.NOW.value, validate_choice=False)
    comment = TextAreaField(
        "Comment", validators=[Optional(), Length(max=2000, message="Use at most 2,000 characters")],
        render_kw={"rows": 3},
    )  # fmt: skip

    def buys_more_than(self, offer: AddOnOffer) -> bool:
        """Whether there shall be more now: that is an order."""
        return self.timing.data == ChangeTiming.NOW.value and (self.quantity.data or 0) > offer.quantity

    def to_change(self, subscription: Subscription, product_id: UUID) -> NewChange:
        """Return what is wanted; raises Invalid where the choice of a time is not one of the page's."""
        if self.timing.data not in dict(TIMINGS):
            raise Invalid.field("timing", "choice", "Choose when")
        return NewChange(
            subscription_id=subscription.id,
            kind=ChangeKind.ADD_ON,
            request_key=parse_id(self.request_key.data or "") or new_id(),
            timing=ChangeTiming(self.timing.data),
            quantity_to=self.quantity.data,
            target_product_id=product_id,
            comment=self.comment.data,
            is_from_storefront=True,
        )
