"""How a product is charged, what it is described by, and what may be chosen with it (CB-01, CB-03, CB-04)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.audit.services import Actor, record
from app.catalogue.characteristics import asked_of, fixed_of, read_answers
from app.catalogue.charging import (
    PriceOption,
    Tier,
    option_errors,
    options_as_json,
    tier_errors,
    tiers_as_json,
)
from app.catalogue.models import BillingType, PriceScheme, Product, ProductKind, ProductPrice, UsageChargeRule
from app.catalogue.queries import get_product, get_product_type
from app.catalogue.units import Unit
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.core.versions import lock_at_version
from tenants.context import current_scope

LAST_DAY = 31


@dataclass(frozen=True, slots=True)
class ChargeSettings:
    """When and how a product's cycles are charged. `billing_day` 1 to 31; None: the customer's own options."""

    billing_type: BillingType = BillingType.ON_START
    usage_charge_rule: UsageChargeRule = UsageChargeRule.ACTUAL_DAYS
    excluded_from_proration: bool = False
    billing_day: int | None = None
    price_scheme: PriceScheme = PriceScheme.PER_UNIT
    tiers: tuple[Tier, ...] = ()
    options: tuple[PriceOption, ...] = ()
    base_unit: Unit | None = None  # shown first; None: the distributor's


def set_charges(product_id: UUID, settings: ChargeSettings, *, version: int, actor: Actor, at: datetime) -> Product:
    """Change how a product is charged; purchases from now on follow it.

    Raises ProductNotFound, StaleVersion, Invalid.
    """
    product = get_product(product_id)
    lock_at_version(product, version, name=product.name)
    kind = get_product_type(product.product_type_id).kind
    errors = list(_charge_errors(settings, kind))
    if settings.base_unit is not None and not _is_priced(product_id, settings.base_unit):
        errors.append(FieldError("base_unit", "base_not_priced", "Choose a unit that the product has a price for"))
    if errors:
        raise Invalid(*errors)
    _change(
        product,
        {
            "billing_type": settings.billing_type,
            "usage_charge_rule": settings.usage_charge_rule,
            "excluded_from_proration": settings.excluded_from_proration,
            "billing_day": settings.billing_day,
            "price_scheme": settings.price_scheme,
            "price_tiers": tiers_as_json(settings.tiers),
            "price_options": options_as_json(settings.options),
            "base_term": settings.base_unit.term if settings.base_unit else None,
            "base_cycle": settings.base_unit.cycle if settings.base_unit else None,
        },
        "catalogue.charges_changed",
        actor=actor,
        at=at,
    )
    return product


def set_fixed_characteristics(
    product_id: UUID, typed: Mapping[str, str], *, version: int, actor: Actor, at: datetime
) -> Product:
    """Keep what a product is described by, as typed, by characteristic id. What its type does not define is left alone.

    Raises ProductNotFound, StaleVersion, Invalid at the field `characteristic-<id>`.
    """
    product = get_product(product_id)
    lock_at_version(product, version, name=product.name)
    defined = fixed_of(get_product_type(product.product_type_id))
    writable = [each for each in defined if not each.is_read_only]
    answers, errors = read_answers(writable, typed)
    given = {error.field for error in errors}
    errors += [
        FieldError(each.id, "characteristic_required", f"Enter {each.name}")
        for each in writable
        if each.is_required and each.id not in answers and each.id not in given and not each.default
    ]
    if errors:
        raise Invalid(*(FieldError(f"characteristic-{each.field}", each.code, each.message) for each in errors))
    kept = {name: value for name, value in product.characteristics.items() if name not in {w.id for w in writable}}
    _change(product, {"characteristics": {**kept, **answers}}, "catalogue.characteristics_changed", actor=actor, at=at)
    return product


def set_trial_resources(
    product_id: UUID, typed: Mapping[str, str], *, alters: bool, version: int, actor: Actor, at: datetime
) -> Product:
    """Keep what trials of a product begin with, as typed, by characteristic id; and whether customers may alter it (CB-12).

    Running trials stay as they are. Raises ProductNotFound, StaleVersion, Invalid at the field `characteristic-<id>`.
    """
    product = get_product(product_id)
    lock_at_version(product, version, name=product.name)
    answers, errors = read_answers(asked_of(get_product_type(product.product_type_id)), typed)
    if errors:
        raise Invalid(*(FieldError(f"characteristic-{each.field}", each.code, each.message) for each in errors))
    values = {"trial_resources": dict(answers), "trial_alters": alters}
    _change(product, values, "catalogue.trial_resources_changed", actor=actor, at=at)
    return product


def _is_priced(product_id: UUID, unit: Unit) -> bool:
    found = select(ProductPrice.id).where(
        ProductPrice.distributor_id == current_scope().distributor_id,
        ProductPrice.product_id == product_id,
        ProductPrice.term == unit.term,
        ProductPrice.cycle == unit.cycle,
        ProductPrice.is_withdrawn.is_(False),
    )
    return session.scalar(found.limit(1)) is not None


def _charge_errors(settings: ChargeSettings, kind: ProductKind) -> Iterator[FieldError]:
    if settings.billing_day is not None and not 1 <= settings.billing_day <= LAST_DAY:
        yield FieldError("billing_day", "day_range", "Enter a day from 1 to 31, or leave it empty")
    if kind is ProductKind.PAY_PER_USE and settings.billing_type is not BillingType.ON_END:
        yield FieldError("billing_type", "usage_in_arrears", "Pay-per-use is always billed on end")
    if settings.price_scheme is not PriceScheme.PER_UNIT and not settings.tiers:
        yield FieldError("tiers", "tiers_required", "Enter at least one tier")
    yield from tier_errors(settings.tiers)
    yield from option_errors(settings.options)


def _change(product: Product, values: Mapping[str, Any], action: str, *, actor: Actor, at: datetime) -> None:
    before = {name: getattr(product, name) for name in values}
    for name, value in values.items():
        setattr(product, name, value)
    product.version, product.updated_at = product.version + 1, at
    changed = [name for name, value in values.items() if before[name] != value]
    record(action, actor=actor, at=at, target_kind="product", target_id=product.id,
           before={name: before[name] for name in changed}, after={name: values[name] for name in changed})  # fmt: skip
