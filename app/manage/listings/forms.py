"""What people fill in to list products."""

from __future__ import annotations

from wtforms import BooleanField, StringField

from app.web.forms import Form


class ListForm(Form):
    """Listing one product. Services read the percentage, so that every refusal has its code (RS-19)."""

    percent = StringField("Markup (%)", description="Added to your cost. 15 turns 100.00 into 115.00.")
    trial_enabled = BooleanField("Offer the trial", default=True)


class BulkForm(Form):
    """The percentage of a bulk change; the selection travels beside it."""

    percent = StringField("Percentage")
