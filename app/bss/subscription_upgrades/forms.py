"""The form of an upgrade or a downgrade: what it becomes, how many of it, when, and what happens to add-ons."""

from __future__ import annotations

from uuid import UUID

from wtforms import BooleanField, HiddenField, IntegerField, RadioField, SelectField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from app.changes.effects import NewChange
from app.changes.kinds.upgrade import CANCELS_ADD_ONS, CYCLE, TERM
from app.core.errors import Invalid
from app.core.ids import new_id, parse_id
from app.subscriptions.models import ChangeKind, ChangeTiming, Subscription
from app.web.forms import Form

NEW = ""  # the target is a new subscription
TIMINGS = [
    (ChangeTiming.NOW.value, "Now"),
    (ChangeTiming.PERIOD_END.value, "At the end of the billing period"),
]


class UpgradeForm(Form):
    """What a subscription is to become. The key makes a second submit harmless."""

    request_key = HiddenField()
    target = RadioField("Becomes", validators=[InputRequired("Choose a product")], validate_choice=False)
    quantity = IntegerField("Licences", validators=[InputRequired("Enter a whole number")])
    target_subscription = SelectField("Into", validate_choice=False, default=NEW)
    timing = RadioField("When", choices=TIMINGS, validate_choice=False)
    cancels_add_ons = BooleanField("Cancel add-ons the new product does not have")
    comment = TextAreaField(
        "Comment", validators=[Optional(), Length(max=2000, message="Use at most 2,000 characters")],
        render_kw={"rows": 3},
    )  # fmt: skip

    def to_change(self, subscription: Subscription, kind: ChangeKind) -> NewChange:
        """Return what is wanted; raises Invalid where a choice is not one of the page's."""
        product_id, term, cycle = self._target()
        assert self.quantity.data is not None
        if not 1 <= self.quantity.data <= subscription.quantity:
            raise Invalid.field("quantity", "quantity_range", f"Enter a number from 1 to {subscription.quantity}")
        return NewChange(
            subscription_id=subscription.id,
            kind=kind,
            request_key=parse_id(self.request_key.data or "") or new_id(),
            timing=self._timing(),
            quantity_to=subscription.quantity - self.quantity.data,
            target_product_id=product_id,
            target_subscription_id=self._existing(),
            details={TERM: term, CYCLE: cycle, CANCELS_ADD_ONS: self.cancels_add_ons.data},
            comment=self.comment.data,
        )

    def _target(self) -> tuple[UUID, str, str]:
        written, _, unit = (self.target.data or "").partition(".")
        term, _, cycle = unit.partition(".")
        product_id = parse_id(written)
        if product_id is None or f"{product_id}.{term}.{cycle}" not in {each[0] for each in self.target.choices or ()}:
            raise Invalid.field("target", "choice", "Choose a product of the list")
        return product_id, term, cycle

    def _existing(self) -> UUID | None:
        if (self.target_subscription.data or NEW) == NEW:
            return None
        found = parse_id(self.target_subscription.data)
        if found is None:
            raise Invalid.field("target_subscription", "choice", "Choose a subscription of the list")
        return found

    def _timing(self) -> ChangeTiming:
        if self.timing.data not in dict(TIMINGS):
            raise Invalid.field("timing", "choice", "Choose when")
        return ChangeTiming(self.timing.data)
