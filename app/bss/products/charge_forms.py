"""Forms of what a product is charged by and sold with: tiers, options, related products, components of a bundle."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from wtforms import (
    BooleanField,
    DecimalField,
    FieldList,
    FormField,
    IntegerField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms import Form as PlainForm
from wtforms.validators import Optional

from app.catalogue.bundles.models import BundleComponent, ComponentRule
from app.catalogue.bundles.services import Component
from app.catalogue.charging import PriceOption, Tier, options_of, tiers_of
from app.catalogue.models import BillingType, PriceScheme, Product, RequiredMode, UsageChargeRule
from app.catalogue.queries import price_points, products_by_code
from app.catalogue.relations import Relations
from app.catalogue.services import ChargeSettings
from app.catalogue.units import RECURRING, Unit, own_base_unit, read_unit
from app.core.errors import FieldError, Invalid
from app.pricing.currencies import usable_currencies
from app.web.forms import VersionedForm

SPARE_ROWS = 3
BILLING_TYPE_WORDS = {BillingType.ON_START: "On start, in advance", BillingType.ON_END: "On end, in arrears"}
USAGE_WORDS = {UsageChargeRule.ACTUAL_DAYS: "The actual days", UsageChargeRule.FULL_AMOUNT: "The full amount"}
SCHEME_WORDS = {
    PriceScheme.PER_UNIT: "Per unit: price × quantity",
    PriceScheme.VOLUME: "Volume: the tier of the whole quantity prices every unit",
    PriceScheme.TIERED: "Tiered: each slice at its own tier's price",
}
RULE_WORDS = {
    ComponentRule.LIST: "List price",
    ComponentRule.DISCOUNT: "Discount, %",
    ComponentRule.FIXED: "Fixed amount",
    ComponentRule.FREE: "Free",
}
MODE_WORDS = {RequiredMode.ALL: "All of them", RequiredMode.ANY: "Any one of them"}


def _or_none(value: str | None) -> str:
    """Let a choice that was not sent be the empty one."""
    return value or ""


class TierRow(PlainForm):
    """One tier."""

    from_quantity = IntegerField("From", validators=[Optional()])
    to_quantity = IntegerField("To", validators=[Optional()])
    percent = DecimalField("Discount, %", places=None, validators=[Optional()])


class OptionRow(PlainForm):
    """One option."""

    code = StringField("Code", validators=[Optional()])
    name = StringField("Name", validators=[Optional()])
    amount = DecimalField("Adds, amount", places=None, validators=[Optional()])
    currency = SelectField("Currency", choices=[], validate_choice=False)
    percent = DecimalField("Adds, %", places=None, validators=[Optional()])


class ComponentRow(PlainForm):
    """One product of a bundle."""

    code = StringField("Product code", validators=[Optional()])
    quantity = IntegerField("Quantity", default=1, validators=[Optional()])
    rule = SelectField("Price", choices=[(each.value, words) for each, words in RULE_WORDS.items()], default="list")
    value = DecimalField("% or amount", places=None, validators=[Optional()])


class ChargesForm(VersionedForm):
    """When and how a product is charged."""

    billing_type = SelectField(
        "Billing type", choices=[(each.value, words) for each, words in BILLING_TYPE_WORDS.items()]
    )
    usage_charge_rule = SelectField(
        "A short first period costs", choices=[(each.value, words) for each, words in USAGE_WORDS.items()]
    )
    excluded_from_proration = BooleanField(
        "Exclude from pro-rata", description="Its periods begin on the day of purchase, whatever the account says."
    )
    billing_day = IntegerField(
        "Billing day", validators=[Optional()], description="1 to 31. Empty: the customer's own options."
    )
    base_unit = SelectField(
        "Base unit", default="", validate_choice=False, filters=[_or_none], description="Shown first in storefronts."
    )
    price_scheme = SelectField("Price scheme", choices=[(each.value, words) for each, words in SCHEME_WORDS.items()])
    tiers = FieldList(FormField(TierRow), min_entries=SPARE_ROWS, max_entries=40)
    options = FieldList(FormField(OptionRow), min_entries=SPARE_ROWS, max_entries=60)

    def to_settings(self) -> ChargeSettings:
        """Return the validated input; raises Invalid for a row that is half filled."""
        return ChargeSettings(
            billing_type=BillingType(self.billing_type.data),
            usage_charge_rule=UsageChargeRule(self.usage_charge_rule.data),
            excluded_from_proration=self.excluded_from_proration.data,
            billing_day=self.billing_day.data,
            price_scheme=PriceScheme(self.price_scheme.data),
            tiers=tuple(self._tiers()),
            options=tuple(self._options()),
            base_unit=self._base_unit(),
        )

    def _base_unit(self) -> Unit | None:
        unit = read_unit(self.base_unit.data)
        if self.base_unit.data and unit is None:
            raise Invalid.field("base_unit", "choice", "Choose one of the list")
        return unit

    def _tiers(self) -> Iterable[Tier]:
        for row in self.tiers.data:
            if row["from_quantity"] is None and row["percent"] is None and row["to_quantity"] is None:
                continue
            if row["from_quantity"] is None or row["percent"] is None:
                raise Invalid.field("tiers", "tier_incomplete", "A tier needs a first quantity and a discount")
            yield Tier(row["from_quantity"], row["percent"], row["to_quantity"])

    def _options(self) -> Iterable[PriceOption]:
        known = usable_currencies()
        for row in self.options.data:
            code, name = (row["code"] or "").strip(), (row["name"] or "").strip()
            if not code and not name and row["amount"] is None and row["percent"] is None:
                continue
            currency = row["currency"] if row["amount"] is not None else None
            if currency is not None and currency not in known:
                raise Invalid.field("options", "currency_unknown", "Choose the currency of each amount")
            yield PriceOption(code, name or code, row["amount"], row["percent"], currency)

    def _choose_base_unit(self, product: Product) -> None:
        """Offer the units the product is priced for."""
        priced = {Unit(each.term, each.cycle) for each in price_points(product.id) if not each.is_withdrawn}
        own = own_base_unit(product)
        offered = [unit for unit in RECURRING if unit in priced or unit == own]
        self.base_unit.choices = [("", "The usual one"), *((unit.value, unit.words) for unit in offered)]
        if not self.is_submitted():
            self.base_unit.data = own.value if own else ""

    @classmethod
    def of(cls, product: Product) -> ChargesForm:
        """Return the form of an existing product, with rows to spare."""
        tiers, options = tiers_of(product), options_of(product)
        ends = [*(tier.from_quantity - 1 for tier in tiers[1:]), *([None] if tiers else [])]
        form = cls(
            obj=product,
            data={
                "tiers": [
                    {"from_quantity": tier.from_quantity, "to_quantity": end, "percent": tier.percent}
                    for tier, end in zip(tiers, ends, strict=True)
                ],
                "options": [
                    {"code": each.code, "name": each.name, "amount": each.amount, "currency": each.currency,
                     "percent": each.percent}
                    for each in options
                ],
            },
        )  # fmt: skip
        if not form.is_submitted():
            for name in ("billing_type", "usage_charge_rule", "price_scheme"):
                form[name].data = getattr(product, name).value
            add_spare_rows(form.tiers)
            add_spare_rows(form.options)
        form._choose_base_unit(product)
        codes = [(code, code) for code in usable_currencies()]
        for row in form.options:
            row.form.currency.choices = codes
        return form


class RelationsForm(VersionedForm):
    """What a product means to others: one code a line, since a catalogue has thousands of them."""

    required = TextAreaField("Required products", validators=[Optional()], description="One product code a line.")
    required_mode = SelectField(
        "Needed", choices=[(each.value, words) for each, words in MODE_WORDS.items()], default="all"
    )
    exclusive = TextAreaField(
        "Mutually exclusive products", validators=[Optional()], description="Nobody can own both. Holds for both sides."
    )
    upgrades = TextAreaField(
        "Upgrades to", validators=[Optional()], description="Of the same product type. The way back is a downgrade."
    )
    add_ons = TextAreaField("Add-ons", validators=[Optional()], description="Sold only with a subscription of this.")
    linked_add_ons = TextAreaField(
        "Add-ons whose quantity follows", validators=[Optional()], description="As many as the subscription has."
    )
    related = TextAreaField("Related products", validators=[Optional()], description="Shown beside it in storefronts.")

    def to_relations(self) -> Relations:
        """Return the validated input; raises Invalid for a code the catalogue does not have."""
        names = ("required", "exclusive", "upgrades", "add_ons", "linked_add_ons", "related")
        ids = {name: _ids(name, self[name].data or "") for name in names}
        return Relations(
            required=ids["required"],
            required_mode=RequiredMode(self.required_mode.data),
            exclusive=ids["exclusive"],
            upgrades=ids["upgrades"],
            add_ons=tuple(dict.fromkeys((*ids["add_ons"], *ids["linked_add_ons"]))),
            linked_add_ons=frozenset(ids["linked_add_ons"]),
            related=ids["related"],
        )


class BundleForm(VersionedForm):
    """What a bundle holds."""

    components = FieldList(FormField(ComponentRow), min_entries=SPARE_ROWS, max_entries=60)

    def to_components(self) -> list[Component]:
        """Return the validated input; raises Invalid for a code the catalogue does not have."""
        rows = [row for row in self.components.data if (row["code"] or "").strip()]
        known = products_by_code([row["code"] for row in rows])
        unknown = [row["code"].strip() for row in rows if row["code"].strip().lower() not in known]
        if unknown:
            raise Invalid.field("components", "product_unknown", f"There is no product “{unknown[0][:64]}”")
        return [
            Component(
                known[row["code"].strip().lower()].id,
                row["quantity"] if row["quantity"] is not None else 0,
                ComponentRule(row["rule"]),
                row["value"],
            )
            for row in rows
        ]

    @classmethod
    def of(cls, components: Sequence[BundleComponent], codes: dict[UUID, str]) -> BundleForm:
        """Return the form of an existing bundle, with rows to spare."""
        form = cls(
            data={
                "components": [
                    {"code": codes.get(each.product_id, ""), "quantity": each.quantity, "rule": each.rule.value,
                     "value": each.value}
                    for each in components
                ]
            }
        )  # fmt: skip
        if not form.is_submitted():
            add_spare_rows(form.components)
        return form


def add_spare_rows(rows: Any) -> None:
    """Leave some empty rows to write into."""
    empty = sum(
        1 for row in rows if not any(value for name, value in row.data.items() if name in ("from_quantity", "code"))
    )
    for _ in range(SPARE_ROWS - empty):
        if len(rows) < rows.max_entries:
            rows.append_entry()


def codes_text(codes: Iterable[str]) -> str:
    """Write codes as a text field shows them."""
    return "\n".join(codes)


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
