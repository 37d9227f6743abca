"""Forms of what people want of a subscription, in the back office and in storefronts (CB-24, CB-25, CB-27, CB-29).

Each draws the key that makes a second submit harmless. What a surface alone asks for stands with its own forms.
"""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from wtforms import BooleanField, HiddenField, IntegerField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from app.changes.effects import NewChange
from app.changes.kinds.upgrade import CANCELS_ADD_ONS, CYCLE, TERM
from app.changes.requests import MAX_COMMENT
from app.changes.words import TIMING_WORDS
from app.core.errors import Invalid
from app.core.ids import new_id, parse_id
from app.subscriptions.models import ChangeKind, ChangeTiming, Subscription
from app.subscriptions.services import MAX_NAME
from app.web.forms import Form

NOW, END = ChangeTiming.NOW, ChangeTiming.PERIOD_END
NEW = ""  # the target is a new subscription


def timing_choices(*timings: ChangeTiming) -> list[tuple[str, str]]:
    """Return choices of when something takes effect."""
    return [(each.value, TIMING_WORDS[each]) for each in timings]


class ActionForm(Form):
    """A button that changes something: nothing but its token and key."""

    request_key = HiddenField(default=lambda: str(new_id()))

    @property
    def key(self) -> UUID:
        """Return the key the form was drawn with; one that was tampered with is a new one."""
        return parse_id(self.request_key.data or "") or new_id()


class ChangeForm(ActionForm):
    """Something that may wait for the period's end."""

    is_from_storefront: ClassVar[bool] = False
    timing = RadioField("When", choices=timing_choices(NOW, END), default=NOW.value)
    comment = TextAreaField(
        "Comment",
        validators=[Optional(), Length(max=MAX_COMMENT, message=f"Use at most {MAX_COMMENT} characters")],
        render_kw={"rows": 3},
    )

    @property
    def chosen_timing(self) -> ChangeTiming:
        """Return when it shall take effect; call it after validate_on_submit()."""
        return ChangeTiming(self.timing.data)


class QuantityForm(ChangeForm):
    """The new total."""

    quantity = IntegerField("New number of licences", validators=[InputRequired("Enter the new number of licences")])


class NameForm(Form):
    """What the customer calls it."""

    name = StringField(
        "Name",
        validators=[InputRequired("Enter a name"), Length(max=MAX_NAME, message=f"Use at most {MAX_NAME} characters")],
    )


class AddOnForm(ChangeForm):
    """The new total of an add-on; 0 cancels it."""

    quantity = IntegerField("New total", validators=[InputRequired("Enter a whole number")])

    def to_change(self, subscription: Subscription, product_id: UUID) -> NewChange:
        """Return what is wanted; call it after validate_on_submit()."""
        return NewChange(
            subscription_id=subscription.id,
            kind=ChangeKind.ADD_ON,
            request_key=self.key,
            timing=self.chosen_timing,
            quantity_to=self.quantity.data,
            target_product_id=product_id,
            comment=self.comment.data,
            is_from_storefront=self.is_from_storefront,
        )


class UpgradeForm(ChangeForm):
    """What a subscription is to become: another product, at a term and cycle, for some of it or all."""

    target = RadioField("Becomes", validators=[InputRequired("Choose a product")], validate_choice=False)
    quantity = IntegerField("Licences", validators=[InputRequired("Enter a whole number")])
    target_subscription = SelectField("Into", validate_choice=False, default=NEW)
    cancels_add_ons = BooleanField("Cancel add-ons the new product does not have")

    def to_change(self, subscription: Subscription, kind: ChangeKind) -> NewChange:
        """Return what is wanted; raises Invalid where a choice is not one of the page's."""
        written, _, unit = (self.target.data or "").partition(".")
        term, _, cycle = unit.partition(".")
        product_id = parse_id(written)
        if product_id is None or self.target.data not in {each[0] for each in self.target.choices or ()}:
            raise Invalid.field("target", "choice", "Choose a product of the list")
        assert self.quantity.data is not None
        if not 1 <= self.quantity.data <= subscription.quantity:
            raise Invalid.field("quantity", "quantity_range", f"Enter a number from 1 to {subscription.quantity}")
        return NewChange(
            subscription_id=subscription.id,
            kind=kind,
            request_key=self.key,
            timing=self.chosen_timing,
            quantity_to=subscription.quantity - self.quantity.data,
            target_product_id=product_id,
            target_subscription_id=self._existing(),
            details={TERM: term, CYCLE: cycle, CANCELS_ADD_ONS: self.cancels_add_ons.data},
            comment=self.comment.data,
            is_from_storefront=self.is_from_storefront,
        )

    def _existing(self) -> UUID | None:
        if (self.target_subscription.data or NEW) == NEW:
            return None
        found = parse_id(self.target_subscription.data)
        if found is None:
            raise Invalid.field("target_subscription", "choice", "Choose a subscription of the list")
        return found
