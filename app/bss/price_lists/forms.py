"""Forms of price lists."""

from __future__ import annotations

from wtforms import BooleanField, DateField, DecimalField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Optional

from app.catalogue.models import BillingCycle, Term
from app.catalogue.words import unit_words
from app.core.errors import Invalid
from app.core.ids import parse_id
from app.pricing.currencies import usable_currencies
from app.pricing.models import PriceList, PriceRule
from app.pricing.price_lists.entries import EntryRule
from app.pricing.price_lists.group_lines import NewLine
from app.pricing.price_lists.services import PriceListDetails
from app.web.forms import Form

RULE_WORDS = {
    PriceRule.FIXED: "Fixed price",
    PriceRule.DISCOUNT: "Discount on the list price, %",
    PriceRule.MARKUP: "Markup on the vendor cost, %",
    PriceRule.SAME: "Same as the list price",
}

UNITS = (
    (Term.P1M, BillingCycle.MONTHLY),
    (Term.P1Y, BillingCycle.MONTHLY),
    (Term.P1Y, BillingCycle.ANNUAL),
    (Term.P3Y, BillingCycle.MONTHLY),
    (Term.P3Y, BillingCycle.ANNUAL),
    (Term.P3Y, BillingCycle.TRIENNIAL),
    (Term.NONE, BillingCycle.ONE_TIME),
)


class PriceListForm(Form):
    """What a price list is called and when it is valid."""

    name = StringField("Name", validators=[InputRequired("Enter a name")])
    currency = SelectField(
        "Currency",
        choices=lambda: [(code, code) for code in usable_currencies()],
        description="Fixed as soon as the list has a price.",
    )
    valid_from = DateField("Valid from", validators=[InputRequired("Enter a day, such as 2026-01-31")])
    valid_to = DateField("Valid to", validators=[Optional()], description="The last day, included. Empty: open.")
    is_active = BooleanField("Active", default=True)
    is_default = BooleanField(
        "Default list of its currency", description="Asked after the lists assigned to an account, and for visitors."
    )
    description = TextAreaField("Description", validators=[Optional()])
    version = HiddenField(default="1")

    def to_details(self) -> PriceListDetails:
        """Return the validated input; call it after validate_on_submit()."""
        assert self.valid_from.data is not None
        return PriceListDetails(
            name=self.name.data or "",
            currency=self.currency.data,
            valid_from=self.valid_from.data,
            valid_to=self.valid_to.data,
            is_active=self.is_active.data,
            is_default=self.is_default.data,
            description=self.description.data or "",
        )

    @property
    def seen_version(self) -> int:
        """The version the form was opened at; 0 where somebody tampered with it."""
        written = self.version.data or ""
        return int(written) if written.isascii() and written.isdigit() else 0

    @classmethod
    def of(cls, price_list: PriceList) -> PriceListForm:
        """Return the form of an existing list, whatever its currency."""
        form = cls(obj=price_list)
        codes = dict.fromkeys((*usable_currencies(), price_list.currency))
        form.currency.choices = [(code, code) for code in codes]
        return form


class RuleForm(Form):
    """How entries make their price."""

    rule = SelectField(
        "Rule", choices=[(each.value, words) for each, words in RULE_WORDS.items()], default=PriceRule.DISCOUNT.value
    )
    value = DecimalField("Value", places=None, validators=[Optional()], description="An amount or a percentage.")

    def to_rule(self) -> EntryRule:
        """Return the validated input. Raises Invalid where the value does not suit the rule."""
        rule = EntryRule(PriceRule(self.rule.data), self.value.data)
        if rule.rule is PriceRule.SAME:
            rule = EntryRule(PriceRule.SAME)
        rule.require_valid()
        return rule


class GroupLineForm(RuleForm):
    """A standing line: a rule for all products of a price group (CB-05)."""

    price_group_id = SelectField("Price group", validate_choice=False)
    unit = SelectField(
        "Term and billing",
        choices=[
            ("", "Every one"),
            *((f"{term.value}.{cycle.value}", unit_words(term, cycle)) for term, cycle in UNITS),
        ],
        validate_choice=False,
        description="A line for one term wins over a line for every one.",
    )

    def to_line(self) -> NewLine:
        """Return the validated input. Raises Invalid at the field that is wrong."""
        group_id = parse_id(self.price_group_id.data or "")
        if group_id is None:
            raise Invalid.field("price_group_id", "group_unknown", "Choose a price group")
        units = {f"{term.value}.{cycle.value}": (term, cycle) for term, cycle in UNITS}
        if self.unit.data and self.unit.data not in units:
            raise Invalid.field("unit", "choice", "Choose a term and billing period")
        return NewLine(group_id, self.to_rule(), units.get(self.unit.data or ""))


class AssignForm(Form):
    """Which list an account shall pay by."""

    price_list = SelectField("Price list", validators=[InputRequired("Choose a price list")])
