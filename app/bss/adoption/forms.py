"""Forms of taking over."""

from __future__ import annotations

from datetime import date

from wtforms import DateField, DecimalField, IntegerField, SelectField, StringField
from wtforms.validators import Length, Optional

from app.catalogue.models import BillingCycle, Term
from app.catalogue.words import CYCLE_WORDS, TERM_WORDS
from app.provisioning.adoption import Wanted
from app.provisioning.adoption_queries import account_with_code, product_with_code
from app.provisioning.models import Adoption
from app.web.forms import Form

NOT_KNOWN = ("", "Not known")
TERMS = (NOT_KNOWN, *((each.value, words) for each, words in TERM_WORDS.items() if each.months))
CYCLES = (NOT_KNOWN, *((each.value, words.capitalize()) for each, words in CYCLE_WORDS.items() if each.months))


class ActionForm(Form):
    """A button that changes something: nothing but its token."""


class AdoptionForm(Form):
    """What a service shall become here; what is empty is filled in, or asked for later."""

    account_id = StringField("Account code", validators=[Length(max=64)], description="Whose service it is.")
    product_id = StringField("Product code", validators=[Length(max=64)])
    quantity = IntegerField("Quantity", validators=[Optional()])
    term = SelectField("Term", choices=TERMS)
    cycle = SelectField("Billing", choices=CYCLES)
    unit_cost = DecimalField(
        "Cost per unit",
        places=4,
        validators=[Optional()],
        description="What the payer pays per billing cycle. Empty: by its price lists.",
    )
    unit_price = DecimalField(
        "Price per unit",
        places=4,
        validators=[Optional()],
        description="What a reseller's customer pays. Empty: the reseller sets it later.",
    )
    billed_from = DateField(
        "Billed from",
        validators=[Optional()],
        description="Empty: from the first of next month. Nothing before is billed.",
    )

    def show(self, row: Adoption, codes: tuple[str, str]) -> None:
        """Fill the form with a service as it stands."""
        self.account_id.data, self.product_id.data = codes
        self.quantity.data, self.unit_cost.data, self.unit_price.data = row.quantity, row.unit_cost, row.unit_price
        self.term.data = row.term.value if row.term else ""
        self.cycle.data = row.cycle.value if row.cycle else ""
        self.billed_from.data = row.billed_from

    def to_wanted(self) -> Wanted | None:
        """Return the validated input, or None where an account or a product of that code does not exist."""
        account_code, product_code = (self.account_id.data or "").strip(), (self.product_id.data or "").strip()
        account_id = account_with_code(account_code) if account_code else None
        product_id = product_with_code(product_code) if product_code else None
        if account_code and account_id is None:
            self.account_id.errors = [*self.account_id.errors, "There is no account with this code"]
        if product_code and product_id is None:
            self.product_id.errors = [*self.product_id.errors, "There is no product with this code"]
        if self.account_id.errors or self.product_id.errors:
            return None
        day = self.billed_from.data
        return Wanted(
            account_id=account_id,
            product_id=product_id,
            quantity=self.quantity.data,
            term=Term(self.term.data) if self.term.data else None,
            cycle=BillingCycle(self.cycle.data) if self.cycle.data else None,
            unit_cost=self.unit_cost.data,
            unit_price=self.unit_price.data,
            billed_from=day if isinstance(day, date) else None,
        )
