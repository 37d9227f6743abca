"""Forms of price lists."""

from __future__ import annotations

from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, DateField, DecimalField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from app.catalogue.models import PriceScheme
from app.catalogue.units import read_unit, sold_units
from app.core.errors import Invalid
from app.core.ids import parse_id
from app.identity.permission_rules.records import possible_owners
from app.pricing.currencies import usable_currencies
from app.pricing.models import PriceList, PriceListEntry, PriceListGroupLine, PriceRule
from app.pricing.price_lists.entries import EntryRule
from app.pricing.price_lists.group_lines import NewLine
from app.pricing.price_lists.ladders import EXAMPLE, Ladder, ladder_of, tiers_from_text, tiers_text
from app.pricing.price_lists.services import PriceListDetails
from app.web.forms import Form, VersionedForm

RULE_WORDS = {
    PriceRule.FIXED: "Fixed price",
    PriceRule.DISCOUNT: "Discount on the list price, %",
    PriceRule.MARKUP: "Markup on the vendor cost, %",
    PriceRule.SAME: "Same as the list price",
}


TIERS_LENGTH = 600
KEEP_TIERS = "keep"
TIER_WORDS = {
    "": "As the product is priced",
    PriceScheme.PER_UNIT.value: "No tiers: every unit at this price",
    PriceScheme.VOLUME.value: "Volume: the tier of the whole quantity prices every unit",
    PriceScheme.TIERED.value: "Tiered: each slice at its own tier's price",
}


def tier_words(line: PriceListEntry | PriceListGroupLine) -> str:
    """Return what a line says about quantities; nothing where its products do."""
    ladder = ladder_of(line.price_scheme, line.price_tiers)
    if ladder.scheme is None:
        return ""
    return f"{ladder.scheme.name.capitalize()}: {tiers_text(ladder.tiers)}" if ladder.is_tiered else "No tiers"


class PriceListForm(VersionedForm):
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
    is_agreed = BooleanField("Deactivate it although subscriptions pay by it")
    owner_id = SelectField(
        "Owner",
        default="",
        filters=[lambda value: value or ""],
        description="Told beside billing people when the list ends.",
    )
    description = TextAreaField("Description", validators=[Optional()])

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
            owner_id=parse_id(self.owner_id.data or ""),
        )

    def offer_owners(self) -> None:
        """Offer the distributor's people."""
        people = [(str(each.id), each.full_name) for each in possible_owners()]
        self.owner_id.choices = [("", "Nobody"), *people]

    @classmethod
    def of(cls, price_list: PriceList) -> PriceListForm:
        """Return the form of an existing list, whatever its currency."""
        form = cls(obj=price_list)
        form.offer_owners()
        codes = dict.fromkeys((*usable_currencies(), price_list.currency))
        form.currency.choices = [(code, code) for code in codes]
        return form


class RuleForm(Form):
    """How entries make their price."""

    rule = SelectField(
        "Rule", choices=[(each.value, words) for each, words in RULE_WORDS.items()], default=PriceRule.DISCOUNT.value
    )
    value = DecimalField("Value", places=None, validators=[Optional()], description="An amount or a percentage.")
    price_scheme = SelectField("By quantity", choices=list(TIER_WORDS.items()), default="")
    tiers = StringField(
        "Tiers",
        validators=[Optional(), Length(max=TIERS_LENGTH, message=f"Use at most {TIERS_LENGTH} characters")],
        description=f"From which quantity, how much off this price: {EXAMPLE}",
    )

    def to_rule(self) -> EntryRule:
        """Return the validated input. Raises Invalid where the value does not suit the rule, or tiers are none."""
        kind = PriceRule(self.rule.data)
        rule = EntryRule(kind, None if kind is PriceRule.SAME else self.value.data, self._ladder())
        rule.require_valid()
        return rule

    def _ladder(self) -> Ladder | None:
        scheme, tiers = self.price_scheme.data or "", tiers_from_text(self.tiers.data or "")
        if scheme == KEEP_TIERS and not tiers:
            return None
        return Ladder(PriceScheme(scheme) if scheme not in ("", KEEP_TIERS) else None, tiers)

    def show(self, line: PriceListEntry | PriceListGroupLine) -> None:
        """Fill in what a line says."""
        ladder = ladder_of(line.price_scheme, line.price_tiers)
        self.rule.data, self.value.data = line.rule.value, line.value
        self.price_scheme.data = ladder.scheme.value if ladder.scheme is not None else ""
        self.tiers.data = tiers_text(ladder.tiers)


class ChangeRuleForm(RuleForm):
    """How entries that have tiers already make their price."""

    price_scheme = SelectField(
        "By quantity", choices=[(KEEP_TIERS, "Leave as it is"), *TIER_WORDS.items()], default=KEEP_TIERS
    )


class ChangeLineForm(RuleForm, VersionedForm):
    """Another rule for a standing line."""


class GroupLineForm(RuleForm):
    """A standing line: a rule for all products of a price group (CB-05)."""

    price_group_id = SelectField("Price group", validate_choice=False)
    unit = SelectField(
        "Term and billing",
        choices=lambda: [("", "Every one"), *((unit.value, unit.words) for unit in sold_units())],
        validate_choice=False,
        description="A line for one term wins over a line for every one.",
    )

    def to_line(self) -> NewLine:
        """Return the validated input. Raises Invalid at the field that is wrong."""
        group_id = parse_id(self.price_group_id.data or "")
        if group_id is None:
            raise Invalid.field("price_group_id", "group_unknown", "Choose a price group")
        unit = read_unit(self.unit.data)
        if self.unit.data and unit is None:
            raise Invalid.field("unit", "choice", "Choose a term and billing period")
        return NewLine(group_id, self.to_rule(), (unit.term, unit.cycle) if unit is not None else None)


class LinesFileForm(Form):
    """A file of lines."""

    file = FileField(
        "File",
        validators=[FileRequired("Choose a file")],
        description="Excel (.xlsx) or CSV in UTF-8, up to 5 MB and 10,000 lines. The first row names the columns.",
    )


class AssignForm(Form):
    """Which list an account shall pay by."""

    price_list = SelectField("Price list", validators=[InputRequired("Choose a price list")])
