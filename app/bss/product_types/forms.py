"""The forms of a product type: its switches, and one characteristic of it."""

from __future__ import annotations

from wtforms import BooleanField, DecimalField, IntegerField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Optional

from app.catalogue.characteristics import Characteristic, CodedValue, DataType, Usage
from app.catalogue.models import ProductKind, ProductType
from app.catalogue.queries import list_product_types
from app.catalogue.refunds import PRESET_WORDS, PRESETS, Allowed, RefundPolicy, Then, policy_of, preset_of
from app.catalogue.services import ProductTypeDetails, TypeSwitches
from app.core.errors import Invalid
from app.core.ids import parse_id
from app.provisioning.queries import list_service_managers
from app.web.forms import Form, VersionedForm

KIND_WORDS = {
    ProductKind.SUBSCRIPTION: "Subscription",
    ProductKind.ONE_OFF: "One-off",
    ProductKind.PAY_PER_USE: "Pay per use",
    ProductKind.RESELLER_PLAN: "Reseller plan",
    ProductKind.BUNDLE: "Bundle",
    ProductKind.DOMAIN: "Domain",
}
ALLOWED_WORDS = {
    Allowed.ALWAYS: "Always",
    Allowed.WITHIN: "Within some hours of the purchase",
    Allowed.NEVER: "Never",
}
THEN_WORDS = {Then.DAY: "For the unused days", Then.HOUR: "For the unused hours", Then.NONE: "Nothing"}
CUSTOM = "custom"
DATA_TYPE_WORDS = {
    DataType.TEXT: "Text",
    DataType.NUMBER: "Number",
    DataType.BOOLEAN: "Yes or no",
    DataType.LIST: "One of a list",
}
USAGE_WORDS = {Usage.METERED: "Metered", Usage.ALLOCATED: "Allocated"}


class RefundFields(Form):
    """A refund policy: a preset, or each answer of its own."""

    refund_preset = SelectField(
        "Refund policy",
        choices=[*PRESET_WORDS.items(), (CUSTOM, "As set below")],
        default="default",
        description="A preset answers all questions below.",
    )
    refund_allowed = SelectField(
        "Money goes back", choices=[(each.value, words) for each, words in ALLOWED_WORDS.items()], default="always"
    )
    refund_within_hours = IntegerField("Within hours", default=0, validators=[Optional()])
    refund_full_hours = IntegerField("In full within hours", default=0, validators=[Optional()])
    refund_then = SelectField(
        "Afterwards", choices=[(each.value, words) for each, words in THEN_WORDS.items()], default="day"
    )
    refund_per_batch = BooleanField("Added licences have a clock of their own")
    refund_includes_setup = BooleanField("A full refund includes the setup fee")
    refund_whole_only = BooleanField("Whole subscription only")
    refund_immediate_only = BooleanField("Immediately only")

    def to_policy(self) -> RefundPolicy:
        """Return the policy chosen."""
        if self.refund_preset.data in PRESETS:
            return PRESETS[self.refund_preset.data]
        return RefundPolicy(
            allowed=Allowed(self.refund_allowed.data),
            within_hours=self.refund_within_hours.data or 0,
            full_hours=self.refund_full_hours.data or 0,
            then=Then(self.refund_then.data),
            per_batch=self.refund_per_batch.data,
            includes_setup=self.refund_includes_setup.data,
            whole_only=self.refund_whole_only.data,
            immediate_only=self.refund_immediate_only.data,
        )

    def show_policy(self, policy: RefundPolicy) -> None:
        """Fill the fields with a stored policy."""
        self.refund_preset.data = preset_of(policy)
        for name, value in policy.as_json().items():
            self[f"refund_{name}"].data = value


class ProductTypeForm(RefundFields, VersionedForm):
    """Name and kind are enough."""

    name = StringField("Name", validators=[InputRequired("Enter a name")])
    kind = SelectField(
        "Kind",
        choices=[(each.value, words) for each, words in KIND_WORDS.items()],
        default=ProductKind.SUBSCRIPTION.value,
        description="What an order of it becomes. Fixed once it has products.",
    )
    inherits_from_id = SelectField("Basic type", default="", description="Its characteristics are shown here too.")
    vendor = StringField("Vendor", validators=[Optional()])
    terms_url = StringField("Terms of use", validators=[Optional()], description="An address, such as https://…")
    tax_code = StringField("Tax code", validators=[Optional()], description="Applies to all its products.")
    service_manager_id = SelectField("Service manager", default="", description="Who provisions its products.")
    non_automatic = BooleanField(
        "Non-automatic execution",
        description="New orders wait for somebody to work on them. Changes future orders only.",
    )
    is_active = BooleanField("Active", default=True)
    min_quantity = IntegerField("Smallest quantity", validators=[Optional()])
    max_quantity = IntegerField("Largest quantity", validators=[Optional()])
    one_per_customer = BooleanField("One per customer")
    automatic_cancellation = BooleanField(
        "Cancel subscriptions at once", default=True, description="Off: you decide on each request."
    )
    automatic_add_on_cancellation = BooleanField("Cancel add-ons at once", default=True)
    automatic_downgrade = BooleanField("Downgrade at once")
    cancellation_cap = DecimalField(
        "Up to an amount",
        places=None,
        validators=[Optional()],
        description="Net recurring amount of what is canceled; above it you decide. Empty: no limit.",
    )
    early_termination_percent = DecimalField(
        "Early termination, %",
        places=None,
        validators=[Optional()],
        description="Of what is left of the term. Empty: no cancellation before the term ends.",
    )
    allows_upgrade = BooleanField("Upgrades", default=True)
    allows_downgrade = BooleanField("Downgrades", default=True)
    allows_suspension = BooleanField("Suspension", default=True)
    billed_while_suspended = BooleanField("Billed while suspended", default=True)
    return_days = IntegerField("Assets may be returned for, days", default=0, validators=[Optional()])

    def choose(self, own: ProductType | None = None) -> None:
        """Offer root types and service managers."""
        self.inherits_from_id.choices = [("", "Root type")] + [
            (str(line.product_type.id), line.product_type.name)
            for line in list_product_types()
            if line.product_type.inherits_from_id is None and (own is None or line.product_type.id != own.id)
        ]
        self.service_manager_id.choices = [("", "None: people do")] + [
            (str(manager.id), manager.name) for manager in list_service_managers()
        ]

    def to_details(self) -> ProductTypeDetails:
        """Return the validated input; call it after validate_on_submit()."""
        return ProductTypeDetails(
            name=self.name.data or "",
            kind=ProductKind(self.kind.data),
            inherits_from_id=parse_id(self.inherits_from_id.data or ""),
            vendor=self.vendor.data or "",
            service_manager_id=parse_id(self.service_manager_id.data or ""),
            non_automatic=self.non_automatic.data,
            is_active=self.is_active.data,
            switches=TypeSwitches(
                automatic_cancellation=self.automatic_cancellation.data,
                automatic_add_on_cancellation=self.automatic_add_on_cancellation.data,
                automatic_downgrade=self.automatic_downgrade.data,
                cancellation_cap=self.cancellation_cap.data,
                refund_policy=self.to_policy(),
                early_termination_percent=self.early_termination_percent.data,
                allows_upgrade=self.allows_upgrade.data,
                allows_downgrade=self.allows_downgrade.data,
                allows_suspension=self.allows_suspension.data,
                billed_while_suspended=self.billed_while_suspended.data,
                one_per_customer=self.one_per_customer.data,
                return_days=self.return_days.data or 0,
                min_quantity=self.min_quantity.data,
                max_quantity=self.max_quantity.data,
                terms_url=(self.terms_url.data or "").strip(),
                tax_code=self.tax_code.data or "",
            ),
        )

    @classmethod
    def of(cls, product_type: ProductType) -> ProductTypeForm:
        """Return the form of an existing type."""
        form = cls(obj=product_type)
        if not form.is_submitted():
            form.kind.data = product_type.kind.value
            form.show_policy(policy_of(product_type.refund_policy))
            for name in ("inherits_from_id", "service_manager_id"):
                form[name].data = str(getattr(product_type, name) or "")
        return form


class CharacteristicForm(VersionedForm):
    """One characteristic of a type."""

    name = StringField("Name", validators=[InputRequired("Enter a name")], description="What people read.")
    id = StringField("Id", validators=[InputRequired("Enter an id")], description="What the vendor is sent.")
    data_type = SelectField(
        "Data type", choices=[(each.value, words) for each, words in DATA_TYPE_WORDS.items()], default="text"
    )
    values = TextAreaField(
        "Values",
        validators=[Optional()],
        description="Of a list: one a line, a code and its words, such as “eu = Europe”. At most 500.",
    )
    default = StringField("Default", validators=[Optional()])
    asked_at_order = SelectField(
        "Where it is set",
        choices=[("", "Fixed on each product"), ("1", "Asked when it is ordered")],
        default="",
    )
    is_required = BooleanField("Required")
    is_read_only = BooleanField("Read-only")
    is_visible = BooleanField("Visible in storefronts", default=True)
    is_compared = BooleanField("Compare editions by it", description="A row on the pages of product groups.")
    is_quantity_linked = BooleanField("Follows the quantity of licences")
    usage = SelectField(
        "Usage resource",
        choices=[("", "No"), *((each.value, words) for each, words in USAGE_WORDS.items())],
        default="",
    )

    def to_characteristic(self) -> Characteristic:
        """Return the validated input; call it after validate_on_submit()."""
        data_type = DataType(self.data_type.data)
        return Characteristic(
            id=(self.id.data or "").strip(),
            name=(self.name.data or "").strip(),
            data_type=data_type,
            is_required=self.is_required.data,
            is_read_only=self.is_read_only.data,
            is_visible=self.is_visible.data,
            is_compared=self.is_compared.data,
            asked_at_order=bool(self.asked_at_order.data),
            is_quantity_linked=self.is_quantity_linked.data,
            usage=Usage(self.usage.data) if self.usage.data else None,
            values=_coded(self.values.data or "") if data_type is DataType.LIST else (),
            default=(self.default.data or "").strip(),
        )

    @classmethod
    def of(cls, found: Characteristic) -> CharacteristicForm:
        """Return the form of an existing characteristic."""
        form = cls(obj=found)
        if not form.is_submitted():
            form.data_type.data = found.data_type.value
            form.usage.data = found.usage.value if found.usage else ""
            form.asked_at_order.data = "1" if found.asked_at_order else ""
            form.values.data = "\n".join(f"{each.code} = {each.value}" for each in found.values)
        return form


def _coded(text: str) -> tuple[CodedValue, ...]:
    """Read the values of a list, one a line; a code without words is its own words."""
    found = []
    for line in text.splitlines():
        code, _, words = line.partition("=")
        if code.strip():
            found.append(CodedValue(code.strip(), words.strip() or code.strip()))
        elif words.strip():
            raise Invalid.field("values", "value_code", f"“{line.strip()[:40]}” has no code before the =")
    return tuple(found)
