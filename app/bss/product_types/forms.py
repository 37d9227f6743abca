"""The form of a product type."""

from __future__ import annotations

from wtforms import BooleanField, SelectField, StringField
from wtforms.validators import InputRequired, Optional

from app.catalogue.models import ProductKind, ProductType
from app.catalogue.queries import list_product_types
from app.catalogue.services import ProductTypeDetails
from app.core.ids import parse_id
from app.provisioning.queries import list_service_managers
from app.web.forms import Form

KIND_WORDS = {
    ProductKind.SUBSCRIPTION: "Subscription",
    ProductKind.ONE_OFF: "One-off",
    ProductKind.PAY_PER_USE: "Pay per use",
    ProductKind.RESELLER_PLAN: "Reseller plan",
}


class ProductTypeForm(Form):
    """Name and kind are enough."""

    name = StringField("Name", validators=[InputRequired("Enter a name")])
    kind = SelectField(
        "Kind",
        choices=[(each.value, words) for each, words in KIND_WORDS.items()],
        default=ProductKind.SUBSCRIPTION.value,
        description="What an order of it becomes. Fixed once it has products.",
    )
    inherits_from_id = SelectField("Basic type", default="")
    vendor = StringField("Vendor", validators=[Optional()])
    service_manager_id = SelectField("Service manager", default="", description="Who provisions its products.")
    non_automatic = BooleanField(
        "Non-automatic execution",
        description="New orders wait for somebody to work on them. Changes future orders only.",
    )
    is_active = BooleanField("Active", default=True)

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
        )

    @classmethod
    def of(cls, product_type: ProductType) -> ProductTypeForm:
        """Return the form of an existing type."""
        form = cls(obj=product_type)
        if not form.is_submitted():
            form.kind.data = product_type.kind.value
            for name in ("inherits_from_id", "service_manager_id"):
                form[name].data = str(getattr(product_type, name) or "")
        return form
