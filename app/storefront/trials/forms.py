"""Forms of trials."""

from __future__ import annotations

from wtforms import IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional

from app.catalogue.models import BillingCycle, Term
from app.core.errors import Invalid
from app.web.forms import Form

WHOLE_NUMBER = "Enter a whole number"


class StartForm(Form):
    """How many, and what they call it."""

    quantity = IntegerField("Quantity", validators=[InputRequired(WHOLE_NUMBER)], default=1)
    friendly_name = StringField(
        "Friendly name",
        validators=[Optional(), Length(max=100, message="Use at most 100 characters")],
        description="How you want to find it again, such as “Sales team”.",
    )


class UpgradeForm(StartForm):
    """What the trial goes on as."""

    offer = SelectField("Term and billing", validate_choice=False)

    def to_key(self) -> tuple[Term, BillingCycle]:
        """Return the chosen term and cycle; raises Invalid for one that is not on the page."""
        term, _, cycle = (self.offer.data or "").partition(".")
        try:
            return Term(term), BillingCycle(cycle)
        except ValueError:
            raise Invalid.field("offer", "choice", "Choose a term and billing cycle") from None
