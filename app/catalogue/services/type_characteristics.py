"""Characteristics of a product type: defined, changed, taken away while nothing live uses them (CB-01)."""

from __future__ import annotations

from datetime import datetime
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
from app.catalogue.queries import get_product_type_for_update
from app.core.db import session
from app.core.errors import FieldError, Invalid
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


def save_characteristic(
    type_id: UUID, new: Characteristic, *, replaces: str | None = None, actor: Actor, at: datetime
) -> None:
    """Add a definition to a type, or put it in the place of one. Future orders alone notice.

    Its id stays once it is in use: a changed id is a new characteristic. Raises ProductTypeNotFound,
    CharacteristicNotFound, StillUsed, Invalid.
    """
    product_type = get_product_type_for_update(type_id)
    own = list(product_type.characteristics)
    place = next((number for number, row in enumerate(own) if row["id"] == replaces), None)
    if replaces is not None and place is None:
        raise CharacteristicNotFound(replaces)
    others = [each for each in characteristics_of(product_type) if each.is_inherited or each.id != replaces]
    others += _of_heirs(product_type)
    errors = list(definition_errors(new, others))
    if replaces is None and len(own) >= MOST_CHARACTERISTICS:
        errors.append(FieldError("id", "too_many", f"A type has at most {MOST_CHARACTERISTICS} characteristics"))
    if errors:
        raise Invalid(*errors)
    if replaces is not None and replaces != new.id:
        _require_unused(product_type, replaces)
    if place is None:
        own.append(as_json(new))
    else:
        own[place] = as_json(new)
    before = {"characteristics": [row["id"] for row in product_type.characteristics]}
    product_type.characteristics = own
    record("catalogue.characteristic_saved", actor=actor, at=at, target_kind="product_type", target_id=product_type.id,
           before=before, after={"characteristic": new.id})  # fmt: skip


def delete_characteristic(type_id: UUID, characteristic_id: str, *, actor: Actor, at: datetime) -> None:
    """Take a definition away. Raises ProductTypeNotFound, CharacteristicNotFound, StillUsed where a live one has it."""
    product_type = get_product_type_for_update(type_id)
    left = [row for row in product_type.characteristics if row["id"] != characteristic_id]
    if len(left) == len(product_type.characteristics):
        raise CharacteristicNotFound(characteristic_id)
    _require_unused(product_type, characteristic_id)
    product_type.characteristics = left
    record("catalogue.characteristic_deleted", actor=actor, at=at, target_kind="product_type",
           target_id=product_type.id, before={"characteristic": characteristic_id})  # fmt: skip


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
