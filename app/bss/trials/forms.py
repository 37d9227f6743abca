"""Forms of trials."""

from __future__ import annotations

from uuid import UUID

from wtforms import HiddenField, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional

from app.catalogue.models import BillingCycle, Term
from app.core.errors import Invalid
from app.core.ids import parse_id
from app.web.forms import Form

WHOLE_NUMBER = "Enter a whole number"


class StartForm(Form):
    """Which product an account tries, how many of it, under which name."""

    product = SelectField("Product", validate_choice=False)
    quantity = IntegerField("Quantity", validators=[InputRequired(WHOLE_NUMBER)], default=1)
    friendly_name = StringField(
        "Name for the customer", validators=[Optional(), Length(max=100, message="Use at most 100 characters")]
    )

    def to_product_id(self) -> UUID:
        """Return the chosen product; raises Invalid for what is none."""
        found = parse_id(self.product.data or "")
        if found is None:
            raise Invalid.field("product", "choice", "Choose a product")
        return found


class ExtendForm(Form):
    """By how many days."""

    days = IntegerField(
        "Days to add",
        validators=[InputRequired(WHOLE_NUMBER)],
        description="Twice and 90 days in total; only administrators can add more.",
    )


class ConvertForm(Form):
    """What a trial goes on as."""

    request_key = HiddenField()
    offer = SelectField("Term and billing", validate_choice=False)
    quantity = IntegerField("Quantity", validators=[InputRequired(WHOLE_NUMBER)])
    friendly_name = StringField(
        "Name for the customer", validators=[Optional(), Length(max=100, message="Use at most 100 characters")]
    )

    def to_key(self) -> tuple[Term, BillingCycle]:
        """Return the chosen term and cycle; raises Invalid for one that is not on the page."""
        term, _, cycle = (self.offer.data or "").partition(".")
        try:
            return Term(term), BillingCycle(cycle)
        except ValueError:
            raise Invalid.field("offer", "choice", "Choose a term and billing cycle") from None
