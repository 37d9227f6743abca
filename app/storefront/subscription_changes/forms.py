"""Forms of what customers want of a subscription: with the period's end, if nothing else is said."""

from __future__ import annotations

from wtforms import RadioField

from app.owner.change_forms import END, NOW, ChangeForm, QuantityForm, timing_choices


class CancelForm(ChangeForm):
    """When it shall end, and what the customer wants to say."""

    timing = RadioField("When", choices=timing_choices(NOW, END), default=END.value)


class NumberForm(QuantityForm):
    """The new total: fewer now, or any number with the next period."""

    timing = RadioField("When", choices=timing_choices(NOW, END), default=END.value)
