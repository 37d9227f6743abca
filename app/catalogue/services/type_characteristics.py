"""Characteristics of a product type: defined, changed, taken away while nothing live uses them (CB-01)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import String, Uuid, column, func, or_, select, table
from sqlalchemy.dialects.postgresql import JSONB

from app.audit.services import Actor, record
from app.catalogue.characteristics import (
    MOST_CHARACTERISTICS,
    Characteristic,
    as_json,
    characteristics_of,
    definition_errors,
)
from app.catalogue.errors import CharacteristicNotFound, StillUsed
from app.catalogue.models import Product, ProductType
from app.catalogue.queries import get_product_type, get_product_type_for_update
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.core.versions import lock_at_version
from tenants.context import current_scope

# Subscriptions stand in a domain above this one: the table is named, its model is not imported.
SUBSCRIPTIONS = table(
    "subscriptions",
    column("distributor_id", Uuid()),
    column("product_id", Uuid()),
    column("status", String()),
    column("characteristics", JSONB()),
)
OVER = ("canceled", "expired")


def add_characteristic(type_id: UUID, new: Characteristic, *, actor: Actor, at: datetime) -> None:
    """Add a definition to a type. Future orders alone notice. Raises ProductTypeNotFound, Invalid."""
    product_type = get_product_type_for_update(type_id)
    errors = _errors(product_type, new, None)
    if len(product_type.characteristics) >= MOST_CHARACTERISTICS:
        errors.append(FieldError("id", "too_many", f"A type has at most {MOST_CHARACTERISTICS} characteristics"))
    if errors:
        raise Invalid(*errors)
    _write(product_type, [*product_type.characteristics, as_json(new)], new, actor=actor, at=at)


def replace_characteristic(
    type_id: UUID, replaced: str, new: Characteristic, *, version: int, actor: Actor, at: datetime
) -> None:
    """Put a definition in the place of one of a type's own; `version` is the type's.

    Its id stays once it is in use: a changed id is a new characteristic. Raises ProductTypeNotFound, StaleVersion,
    CharacteristicNotFound, StillUsed, Invalid.
    """
    product_type = get_product_type(type_id)
    lock_at_version(product_type, version, name=product_type.name)
    own = list(product_type.characteristics)
    place = next((number for number, row in enumerate(own) if row["id"] == replaced), None)
    if place is None:
        raise CharacteristicNotFound(replaced)
    if errors := _errors(product_type, new, replaced):
        raise Invalid(*errors)
    if replaced != new.id:
        _require_unused(product_type, replaced)
    own[place] = as_json(new)
    _write(product_type, own, new, actor=actor, at=at)


def delete_characteristic(type_id: UUID, characteristic_id: str, *, actor: Actor, at: datetime) -> None:
    """Take a definition away. Raises ProductTypeNotFound, CharacteristicNotFound, StillUsed where a live one has it."""
    product_type = get_product_type_for_update(type_id)
    left = [row for row in product_type.characteristics if row["id"] != characteristic_id]
    if len(left) == len(product_type.characteristics):
        raise CharacteristicNotFound(characteristic_id)
    _require_unused(product_type, characteristic_id)
    product_type.characteristics, product_type.version = left, product_type.version + 1
    record("catalogue.characteristic_deleted", actor=actor, at=at, target_kind="product_type",
           target_id=product_type.id, before={"characteristic": characteristic_id})  # fmt: skip


def _errors(product_type: ProductType, new: Characteristic, replaced: str | None) -> list[FieldError]:
    others = [each for each in characteristics_of(product_type) if each.is_inherited or each.id != replaced]
    return list(definition_errors(new, [*others, *_of_heirs(product_type)]))


def _write(
    product_type: ProductType, rows: list[dict[str, Any]], saved: Characteristic, *, actor: Actor, at: datetime
) -> None:
    before = {"characteristics": [row["id"] for row in product_type.characteristics]}
    product_type.characteristics, product_type.version = rows, product_type.version + 1
    record("catalogue.characteristic_saved", actor=actor, at=at, target_kind="product_type", target_id=product_type.id,
           before=before, after={"characteristic": saved.id})  # fmt: skip


def _of_heirs(product_type: ProductType) -> list[Characteristic]:
    heirs = session.scalars(
        select(ProductType).where(
            ProductType.distributor_id == product_type.distributor_id, ProductType.inherits_from_id == product_type.id
        )
    )
    return [each for heir in heirs for each in characteristics_of(heir) if not each.is_inherited]


def _require_unused(product_type: ProductType, characteristic_id: str) -> None:
    live = SUBSCRIPTIONS
    count = session.scalar(
        select(func.count())
        .select_from(live)
        .join(
            Product,
            (Product.distributor_id == live.c.distributor_id) & (Product.id == live.c.product_id),
        )
        .join(
            ProductType,
            (ProductType.distributor_id == Product.distributor_id) & (ProductType.id == Product.product_type_id),
        )
        .where(
            live.c.distributor_id == current_scope().distributor_id,
            live.c.status.not_in(OVER),
            or_(ProductType.id == product_type.id, ProductType.inherits_from_id == product_type.id),
            or_(
                live.c.characteristics.has_key(characteristic_id),
                Product.characteristics.has_key(characteristic_id),
            ),
        )
    )
    if count:
        raise StillUsed(
            f"The characteristic “{characteristic_id}”",
            count,
            "active subscriptions",
            "Hide it in storefronts instead.",
        )
