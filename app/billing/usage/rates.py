"""The rates of a product's resources: product, Pricing, Usage charges (CB-13)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Select, func, select

from app.audit.services import Actor, record
from app.billing.usage.errors import UsageChargeIsUsed, UsageChargeNotFound
from app.billing.usage.models import ResourceKind, UsageCharge, UsageRecord
from app.catalogue.imports.sheet import is_currency
from app.catalogue.models import Product
from app.catalogue.queries import get_product
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.core.ids import new_id
from app.core.versions import lock_at_version
from tenants.context import current_scope

MOST_PRICE = Decimal("99999999.9999")
MOST_QUANTITY = Decimal("99999999999.9999")
RESOURCE_LENGTH, UNIT_LENGTH = 64, 40


@dataclass(frozen=True, slots=True)
class RateDetails:
    """What a person says about a resource. Without `price` the payer's price of `add_on_id` counts."""

    resource: str
    kind: ResourceKind
    unit: str
    currency: str
    price: Decimal | None
    add_on_id: UUID | None = None
    pack_size: Decimal | None = None
    included: Decimal = Decimal(0)


def list_rates(product_id: UUID) -> Sequence[UsageCharge]:
    """Return a product's rates by resource."""
    return session.scalars(
        _rates().where(UsageCharge.product_id == product_id).order_by(UsageCharge.resource_key)
    ).all()


def get_rate(charge_id: UUID) -> UsageCharge:
    """Return a rate; raises UsageChargeNotFound."""
    found = session.scalar(_rates().where(UsageCharge.id == charge_id))
    if found is None:
        raise UsageChargeNotFound(charge_id)
    return found


def add_rate(product_id: UUID, details: RateDetails, *, actor: Actor, at: datetime) -> UsageCharge:
    """Set up a resource of a product. Raises ProductNotFound, Invalid."""
    product = get_product(product_id)
    _refuse(_errors(product, details, None))
    charge = UsageCharge(id=new_id(), product_id=product_id)
    _take(charge, details)
    session.add(charge)
    session.flush()
    record("usage.rate_added", actor=actor, at=at, target_kind="product", target_id=product_id, after=_facts(charge))
    return charge


def change_rate(charge_id: UUID, details: RateDetails, *, version: int, actor: Actor, at: datetime) -> UsageCharge:
    """Change a rate; what is billed stays billed, what is not is rated anew when its cycle ends.

    Raises UsageChargeNotFound, StaleVersion, Invalid.
    """
    charge = get_rate(charge_id)
    lock_at_version(charge, version, name=charge.resource)
    _refuse(_errors(get_product(charge.product_id), details, charge))
    before = _facts(charge)
    _take(charge, details)
    charge.version += 1
    session.flush()
    after = _facts(charge)
    changed = {name for name in after if before[name] != after[name]}
    record("usage.rate_changed", actor=actor, at=at, target_kind="product", target_id=charge.product_id,
           before={name: before[name] for name in changed}, after={name: after[name] for name in changed})  # fmt: skip
    return charge


def remove_rate(charge_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Remove a rate nothing was reported for. Raises UsageChargeNotFound, UsageChargeIsUsed."""
    charge = get_rate(charge_id)
    statement = select(func.count()).select_from(UsageRecord)
    count = session.scalar(
        statement.where(
            UsageRecord.distributor_id == current_scope().distributor_id, UsageRecord.usage_charge_id == charge_id
        )
    )
    if count:
        raise UsageChargeIsUsed(charge.resource, count)
    record("usage.rate_removed", actor=actor, at=at, target_kind="product", target_id=charge.product_id,
           before=_facts(charge))  # fmt: skip
    session.delete(charge)


def add_on_choices(product_id: UUID) -> Sequence[Product]:
    """Return the add-ons a resource may be billed through."""
    return session.scalars(
        select(Product)
        .where(
            Product.distributor_id == current_scope().distributor_id,
            Product.is_add_on.is_(True),
            Product.is_active.is_(True),
            Product.id != product_id,
        )
        .order_by(Product.name)
        .limit(1000)
    ).all()


def _take(charge: UsageCharge, details: RateDetails) -> None:
    charge.resource = " ".join(details.resource.split())
    charge.resource_key = charge.resource.casefold()
    charge.kind, charge.unit = details.kind, details.unit.strip()
    charge.add_on_id, charge.pack_size = details.add_on_id, details.pack_size
    charge.included, charge.price, charge.currency = details.included, details.price, details.currency


def _errors(product: Product, details: RateDetails, charge: UsageCharge | None) -> Iterator[FieldError]:
    name = " ".join(details.resource.split())
    if not name or len(name) > RESOURCE_LENGTH or not name.isprintable():
        yield FieldError("resource", "resource_length", f"Enter a name of 1 to {RESOURCE_LENGTH} characters")
    elif any(other.resource_key == name.casefold() and other is not charge for other in list_rates(product.id)):
        yield FieldError("resource", "resource_taken", "The product has a resource of this name")
    if len(details.unit.strip()) > UNIT_LENGTH:
        yield FieldError("unit", "unit_length", f"Use at most {UNIT_LENGTH} characters")
    if not is_currency(details.currency):
        yield FieldError("currency", "currency", "Enter a currency such as EUR")
    if details.price is None and details.add_on_id is None:
        yield FieldError("price", "price_missing", "Enter a price, or choose the add-on whose price counts")
    if details.price is not None and not 0 <= details.price <= MOST_PRICE:
        yield FieldError("price", "price_range", "Enter a price from 0 to 99,999,999.9999")
    if details.pack_size is not None and not 0 < details.pack_size <= MOST_QUANTITY:
        yield FieldError("pack_size", "pack_range", "Enter a size above 0, or leave it empty")
    if not 0 <= details.included <= MOST_QUANTITY:
        yield FieldError("included", "included_range", "Enter a quantity of 0 or more")
    if details.add_on_id is not None and details.add_on_id not in {each.id for each in add_on_choices(product.id)}:
        yield FieldError("add_on_id", "add_on_unknown", "Choose an add-on")


def _refuse(errors: Iterator[FieldError]) -> None:
    if found := tuple(errors):
        raise Invalid(*found)


def _facts(charge: UsageCharge) -> dict[str, object]:
    return {
        "resource": charge.resource,
        "kind": charge.kind.value,
        "unit": charge.unit,
        "add_on": charge.add_on_id,
        "pack_size": charge.pack_size,
        "included": charge.included,
        "price": charge.price,
        "currency": charge.currency,
    }


def _rates() -> Select[UsageCharge]:
    return select(UsageCharge).where(UsageCharge.distributor_id == current_scope().distributor_id)
