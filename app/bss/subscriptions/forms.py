"""Forms of what staff may want of a subscription; each draws the key that makes a second submit harmless."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from wtforms import (
    BooleanField,
    DateField,
    HiddenField,
    IntegerField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, Optional

from app.changes.requests import MAX_COMMENT, MAX_REASON
from app.changes.words import TIMING_WORDS
from app.core.ids import new_id, parse_id
from app.subscriptions.models import ChangeTiming
from app.subscriptions.services import MAX_NAME
from app.web.forms import Form

NOW, DAY, END = ChangeTiming.NOW, ChangeTiming.ON_DATE, ChangeTiming.PERIOD_END


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

    timing = RadioField("When", choices=timing_choices(NOW, END), default=NOW.value)
    comment = TextAreaField(
        "Comment",
        validators=[Optional(), Length(max=MAX_COMMENT, message=f"Use at most {MAX_COMMENT} characters")],
        render_kw={"rows": 3},
        description="The customer can read it.",
    )

    @property
    def chosen_timing(self) -> ChangeTiming:
        """Return when it shall take effect; call it after validate_on_submit()."""
        return ChangeTiming(self.timing.data)


class QuantityForm(ChangeForm):
    """The new total."""

    quantity = IntegerField("New number of licences", validators=[InputRequired("Enter the new number of licences")])


class CancelForm(ChangeForm):
    """Why, and from when on."""

    timing = RadioField("When", choices=timing_choices(NOW, DAY, END), default=NOW.value)
    effective_on = DateField(
        "Last day", validators=[Optional()], description="Today or earlier, within the running billing period."
    )
    reason = SelectField("Reason", validate_choice=False)
    despite_dependants = BooleanField("Cancel it although others need it")

    def offer(self, reasons: Sequence[str]) -> None:
        """Offer the distributor's reasons."""
        self.reason.choices = [("", "Choose a reason"), *((each, each) for each in reasons)]


class NameForm(Form):
    """What the customer calls it."""

    name = StringField(
        "Name",
        validators=[InputRequired("Enter a name"), Length(max=MAX_NAME, message=f"Use at most {MAX_NAME} characters")],
    )


class AcceptForm(Form):
    """Agreeing to a request."""

    mails_customer = BooleanField("Send the customer a confirmation by mail", default=True)


class RejectForm(Form):
    """Declining a request, or giving up one the vendor refused."""

    reason = TextAreaField(
        "Reason",
        validators=[
            InputRequired("Say why, the customer reads it"),
            Length(max=MAX_REASON, message=f"Use at most {MAX_REASON} characters"),
        ],
        render_kw={"rows": 2},
    )
