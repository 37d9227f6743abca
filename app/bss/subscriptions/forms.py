"""Forms of what staff alone may want of a subscription; the others are `app.owner.change_forms`."""

from __future__ import annotations

from collections.abc import Sequence

from wtforms import BooleanField, DateField, RadioField, SelectField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from app.changes.starting import MAX_REASON
from app.owner.change_forms import END, NOW, ChangeForm, timing_choices
from app.subscriptions.models import ChangeTiming
from app.web.forms import Form


class CancelForm(ChangeForm):
    """Why, and from when on."""

    timing = RadioField("When", choices=timing_choices(NOW, ChangeTiming.ON_DATE, END), default=NOW.value)
    effective_on = DateField(
        "Last day", validators=[Optional()], description="Today or earlier, within the running billing period."
    )
    reason = SelectField("Reason", validate_choice=False)
    despite_dependants = BooleanField("Cancel it although others need it")

    def offer(self, reasons: Sequence[str]) -> None:
        """Offer the distributor's reasons."""
        self.reason.choices = [("", "Choose a reason"), *((each, each) for each in reasons)]


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
