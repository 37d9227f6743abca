"""The form of a promotion."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from uuid import UUID

from wtforms import (
    BooleanField,
    DateField,
    DecimalField,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Optional

from app.catalogue.models import BillingCycle, Product
from app.catalogue.queries import products_by_code
from app.catalogue.words import CYCLE_WORDS
from app.core.errors import FieldError, Invalid
from app.pricing.models import Promotion, PromotionAmount, PromotionDuration
from app.pricing.promotions.services import PromotionDetails
from app.web.forms import VersionedForm

AMOUNT_WORDS = {PromotionAmount.PERCENT: "Percentage", PromotionAmount.AMOUNT: "Amount per unit"}
DURATION_WORDS = {
    PromotionDuration.ONE_TIME: "The first billing cycle",
    PromotionDuration.LIMITED: "So many billing cycles",
    PromotionDuration.LIFETIME: "As long as it is subscribed",
}


class PromotionForm(VersionedForm):
    """What a promotion takes off, of what, for whom, how often."""

    name = StringField("Name", validators=[InputRequired("Enter a name")], description="Shown in the basket.")
    code = StringField(
        "Code",
        validators=[Optional()],
        description="4 to 32 letters, digits or dashes, in any case. Empty: it applies by itself.",
    )
    starts_on = DateField("First day", validators=[InputRequired("Enter a day, such as 2026-01-31")])
    ends_on = DateField("Last day", validators=[Optional()], description="Included. Empty: open.")
    amount_kind = SelectField("Reduction", choices=[(each.value, words) for each, words in AMOUNT_WORDS.items()])
    value = DecimalField("Of", places=None, validators=[InputRequired("Enter a number")])
    currency = SelectField("Currency of the amount", choices=[], validate_choice=False)
    duration = SelectField("For", choices=[(each.value, words) for each, words in DURATION_WORDS.items()])
    cycles = IntegerField("Billing cycles", validators=[Optional()], description="A shorter first one counts.")
    products = TextAreaField(
        "Products", validators=[Optional()], description="One product code a line. Empty: all recurring products."
    )
    billing_cycles = SelectMultipleField(
        "Billing plans",
        choices=[(each.value, words.capitalize()) for each, words in CYCLE_WORDS.items() if each.months],
        description="None chosen: all of them.",
    )
    required_products = TextAreaField(
        "Only for owners of", validators=[Optional()], description="One product code a line; all are needed."
    )
    new_customers_only = BooleanField("New customers only", description="Without an executed order.")
    includes_resellers = BooleanField("Resellers too")
    max_redemptions = IntegerField("Orders in total, at most", validators=[Optional()])
    max_per_account = IntegerField("Orders per account, at most", validators=[Optional()])
    is_active = BooleanField("Active", default=True)
    is_published = BooleanField("Shown in the storefront")

    def to_details(self) -> PromotionDetails:
        """Return the validated input; raises Invalid for a code of a product that is not there."""
        return PromotionDetails(
            name=self.name.data or "",
            starts_on=self.starts_on.data or date.min,
            ends_on=self.ends_on.data,
            code=self.code.data or "",
            amount_kind=PromotionAmount(self.amount_kind.data),
            value=self.value.data if self.value.data is not None else Decimal(0),
            currency=self.currency.data or None,
            duration=PromotionDuration(self.duration.data),
            cycles=self.cycles.data,
            product_ids=_ids("products", self.products.data or ""),
            billing_cycles=tuple(BillingCycle(each) for each in self.billing_cycles.data or ()),
            required_product_ids=_ids("required_products", self.required_products.data or ""),
            new_customers_only=self.new_customers_only.data,
            includes_resellers=self.includes_resellers.data,
            max_redemptions=self.max_redemptions.data,
            max_per_account=self.max_per_account.data,
            is_active=self.is_active.data,
            is_published=self.is_published.data,
        )

    @classmethod
    def of(cls, promotion: Promotion, known: Mapping[UUID, Product]) -> PromotionForm:
        """Return the form of an existing promotion."""
        form = cls(obj=promotion)
        if not form.is_submitted():
            form.amount_kind.data, form.duration.data = promotion.amount_kind.value, promotion.duration.value
            form.products.data = _codes(promotion.product_ids, known)
            form.required_products.data = _codes(promotion.required_product_ids, known)
        return form


def _codes(product_ids: list[UUID], known: Mapping[UUID, Product]) -> str:
    return "\n".join(known[each].code for each in product_ids if each in known)


def _ids(field: str, text: str) -> tuple[UUID, ...]:
    codes = [line.strip() for line in text.splitlines() if line.strip()]
    known = products_by_code(codes)
    errors = [
        FieldError(field, "product_unknown", f"There is no product “{code[:64]}”")
        for code in codes
        if code.lower() not in known
    ]
    if errors:
        raise Invalid(*errors)
    return tuple(dict.fromkeys(known[code.lower()].id for code in codes))
