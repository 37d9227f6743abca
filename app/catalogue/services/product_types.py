"""Product types: the definition of a service and the switches that steer its execution (CB-01)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select

from app.audit.services import Actor, record
from app.catalogue.models import Product, ProductKind, ProductType
from app.catalogue.queries import get_product_type
from app.catalogue.refunds import RefundPolicy
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.core.versions import lock_at_version
from tenants.context import current_scope

NAME_LENGTH = 255
VENDOR_LENGTH = 200
TAX_CODE_LENGTH, URL_LENGTH = 40, 500
MAX_QUANTITY = 1_000_000
MAX_RETURN_DAYS = 365
MAX_CAP = Decimal(10) ** 12
DEFAULT_POLICY = RefundPolicy()


@dataclass(frozen=True, slots=True)
class TypeSwitches:
    """How orders, changes and returns of a type's products are treated (CB-01, CB-25, CB-29 to CB-31).

    `cancellation_cap` is the net recurring amount of what is canceled, above which BSS decides; None: no cap.
    """

    automatic_cancellation: bool = True
    automatic_add_on_cancellation: bool = True
    automatic_downgrade: bool = False
    cancellation_cap: Decimal | None = None
    refund_policy: RefundPolicy = DEFAULT_POLICY
    early_termination_percent: Decimal | None = None  # None: not before the term's end
    allows_upgrade: bool = True
    allows_downgrade: bool = True
    allows_suspension: bool = True
    billed_while_suspended: bool = True
    one_per_customer: bool = False
    return_days: int = 0
    min_quantity: int | None = None
    max_quantity: int | None = None
    terms_url: str = ""
    tax_code: str = ""


DEFAULT_SWITCHES = TypeSwitches()


@dataclass(frozen=True, slots=True)
class ProductTypeDetails:
    """What a person says about a type. Only name and kind are needed; without `inherits_from_id` it is a root."""

    name: str
    kind: ProductKind
    inherits_from_id: UUID | None = None
    vendor: str = ""
    service_manager_id: UUID | None = None  # who provisions it; None: people do
    non_automatic: bool = False  # new orders wait In Progress for people (CB-21)
    is_active: bool = True
    switches: TypeSwitches = DEFAULT_SWITCHES


def create_product_type(details: ProductTypeDetails, *, actor: Actor, at: datetime) -> ProductType:
    """Make a product type. Raises Invalid."""
    _require_valid(details, None)
    made = ProductType(
        name=details.name.strip(),
        kind=details.kind,
        inherits_from_id=details.inherits_from_id,
        vendor=details.vendor.strip() or None,
        service_manager_id=details.service_manager_id,
        non_automatic=details.non_automatic,
        is_active=details.is_active,
        created_at=at,
        **_switch_columns(details.switches),
    )
    session.add(made)
    session.flush()
    record("catalogue.type_created", actor=actor, at=at, target_kind="product_type", target_id=made.id,
           after={"name": made.name, "kind": made.kind.value})  # fmt: skip
    return made


def update_product_type(
    type_id: UUID, details: ProductTypeDetails, *, version: int, actor: Actor, at: datetime
) -> ProductType:
    """Change a type; only future orders notice. Its kind stays once it has products.

    Raises ProductTypeNotFound, StaleVersion, Invalid.
    """
    product_type = get_product_type(type_id)
    lock_at_version(product_type, version, name=product_type.name)
    _require_valid(details, product_type)
    before = _facts(product_type)
    product_type.name, product_type.vendor = details.name.strip(), details.vendor.strip() or None
    product_type.kind, product_type.inherits_from_id = details.kind, details.inherits_from_id
    product_type.service_manager_id = details.service_manager_id
    product_type.non_automatic, product_type.is_active = details.non_automatic, details.is_active
    for name, value in _switch_columns(details.switches).items():
        setattr(product_type, name, value)
    product_type.version += 1
    after = _facts(product_type)
    changed = {name for name in after if before[name] != after[name]}
    record("catalogue.type_changed", actor=actor, at=at, target_kind="product_type", target_id=product_type.id,
           before={name: before[name] for name in changed}, after={name: after[name] for name in changed})  # fmt: skip
    return product_type


def _require_valid(details: ProductTypeDetails, product_type: ProductType | None) -> None:
    errors: list[FieldError] = []
    name = details.name.strip()
    if not name or len(name) > NAME_LENGTH:
        errors.append(FieldError("name", "name_length", f"Enter a name of 1 to {NAME_LENGTH} characters"))
    elif _name_taken(name, product_type):
        errors.append(FieldError("name", "name_taken", "Another product type has this name"))
    if len(details.vendor.strip()) > VENDOR_LENGTH:
        errors.append(FieldError("vendor", "vendor_length", f"Enter at most {VENDOR_LENGTH} characters"))
    if product_type is not None and details.kind is not product_type.kind and _has_products(product_type):
        errors.append(FieldError("kind", "kind_frozen", "The type has products; its kind cannot change any more"))
    if details.inherits_from_id is not None:
        errors += _inheritance_errors(details.inherits_from_id, product_type)
    errors += _switch_errors(details.switches)
    if errors:
        raise Invalid(*errors)


def _switch_errors(switches: TypeSwitches) -> Iterator[FieldError]:
    cap, percent = switches.cancellation_cap, switches.early_termination_percent
    least, most = switches.min_quantity, switches.max_quantity
    if cap is not None and not 0 <= cap <= MAX_CAP:
        yield FieldError("cancellation_cap", "amount_range", "Enter an amount of 0 or more, or leave it empty")
    if percent is not None and not 0 <= percent <= 100:  # noqa: PLR2004 - percent
        yield FieldError("early_termination_percent", "percent_range", "Enter 0 to 100 %, or leave it empty")
    if not 0 <= switches.return_days <= MAX_RETURN_DAYS:
        yield FieldError("return_days", "days_range", f"Enter 0 to {MAX_RETURN_DAYS} days")
    if least is not None and not 1 <= least <= MAX_QUANTITY:
        yield FieldError("min_quantity", "quantity_range", "Enter a whole number from 1 to 1,000,000")
    if most is not None and not (least or 1) <= most <= MAX_QUANTITY:
        yield FieldError("max_quantity", "quantity_order", "Enter a number between the smallest quantity and 1,000,000")
    if switches.terms_url and not (
        switches.terms_url.startswith(("https://", "http://")) and len(switches.terms_url) <= URL_LENGTH
    ):
        yield FieldError("terms_url", "url", "Enter an address that begins with https://")
    if len(switches.tax_code.strip()) > TAX_CODE_LENGTH:
        yield FieldError("tax_code", "length", f"Enter at most {TAX_CODE_LENGTH} characters")
    yield from switches.refund_policy.errors()


def _switch_columns(switches: TypeSwitches) -> dict[str, Any]:
    return {
        "automatic_cancellation": switches.automatic_cancellation,
        "automatic_add_on_cancellation": switches.automatic_add_on_cancellation,
        "automatic_downgrade": switches.automatic_downgrade,
        "cancellation_cap": switches.cancellation_cap,
        "refund_policy": switches.refund_policy.as_json(),
        "early_termination_percent": switches.early_termination_percent,
        "allows_upgrade": switches.allows_upgrade,
        "allows_downgrade": switches.allows_downgrade,
        "allows_suspension": switches.allows_suspension,
        "billed_while_suspended": switches.billed_while_suspended,
        "one_per_customer": switches.one_per_customer,
        "return_days": switches.return_days,
        "min_quantity": switches.min_quantity,
        "max_quantity": switches.max_quantity,
        "terms_url": switches.terms_url.strip() or None,
        "tax_code": switches.tax_code.strip() or None,
    }


def _inheritance_errors(base_id: UUID, product_type: ProductType | None) -> list[FieldError]:
    field = "inherits_from_id"
    if product_type is not None and base_id == product_type.id:
        return [FieldError(field, "inherits_itself", "A type cannot inherit from itself")]
    base = session.scalar(_types().where(ProductType.id == base_id))
    if base is None:
        return [FieldError(field, "base_unknown", "Choose a product type")]
    if base.inherits_from_id is not None:
        return [FieldError(field, "base_inherits", f"{base.name} inherits itself; choose a root type")]
    if product_type is not None and session.scalar(
        _types().where(ProductType.inherits_from_id == product_type.id).limit(1)
    ):
        return [FieldError(field, "is_base", "Other types inherit from this one; it must stay a root type")]
    return []


def _types() -> Select[ProductType]:
    return select(ProductType).where(ProductType.distributor_id == current_scope().distributor_id)


def _name_taken(name: str, product_type: ProductType | None) -> bool:
    statement = _types().where(func.lower(ProductType.name) == name.lower())
    if product_type is not None:
        statement = statement.where(ProductType.id != product_type.id)
    return session.scalar(statement.limit(1)) is not None


def _has_products(product_type: ProductType) -> bool:
    statement = select(Product.id).where(
        Product.distributor_id == product_type.distributor_id, Product.product_type_id == product_type.id
    )
    return session.scalar(statement.limit(1)) is not None


def _facts(product_type: ProductType) -> dict[str, object]:
    return {
        "name": product_type.name,
        "kind": product_type.kind.value,
        "vendor": product_type.vendor,
        "inherits_from": product_type.inherits_from_id,
        "service_manager": product_type.service_manager_id,
        "non_automatic": product_type.non_automatic,
        "is_active": product_type.is_active,
        **{name: getattr(product_type, name) for name in _switch_columns(DEFAULT_SWITCHES)},
    }
