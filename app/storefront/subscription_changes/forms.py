"""Forms of what customers want of a subscription; each draws the key that makes a second submit harmless."""

from __future__ import annotations

from uuid import UUID

from wtforms import HiddenField, IntegerField, RadioField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from app.changes.requests import MAX_COMMENT
from app.changes.words import TIMING_WORDS
from app.core.ids import new_id, parse_id
from app.subscriptions.models import ChangeTiming
from app.subscriptions.services import MAX_NAME
from app.web.forms import Form

TIMINGS = [(each.value, TIMING_WORDS[each]) for each in (ChangeTiming.NOW, ChangeTiming.PERIOD_END)]


class ActionForm(Form):
    """A button that changes something: nothing but its token and key."""

    request_key = HiddenField(default=lambda: str(new_id()))

    @property
    def key(self) -> UUID:
        """Return the key the form was drawn with; one that was tampered with is a new one."""
        return parse_id(self.request_key.data or "") or new_id()


class CancelForm(ActionForm):
    """When it shall end, and what the customer wants to say."""

    timing = RadioField("When", choices=TIMINGS, default=ChangeTiming.PERIOD_END.value)
    comment = TextAreaField(
        "Comment",
        validators=[Optional(), Length(max=MAX_COMMENT, message=f"Use at most {MAX_COMMENT} characters")],
        render_kw={"rows": 3},
    )

    @property
    def chosen_timing(self) -> ChangeTiming:
        """Return when it shall take effect; call it after validate_on_submit()."""
        return ChangeTiming(self.timing.data)


class QuantityForm(CancelForm):
    """The new total: fewer now, or any number with the next period."""

    quantity = IntegerField("New number of licences", validators=[InputRequired("Enter the new number of licences")])


class NameForm(Form):
    """What the customer calls it."""

    name = StringField(
        "Name",
        validators=[InputRequired("Enter a name"), Length(max=MAX_NAME, message=f"Use at most {MAX_NAME} characters")],
    )
