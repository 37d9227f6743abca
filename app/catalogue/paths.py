"""What products mean to each other once one of them is owned: upgrade paths, exclusions, add-ons (CB-10, CB-25, CB-27).

An upgrade from A to B is written once; the way back, a downgrade, is the same row read the other way. Paths chain:
with A to B and B to D, A may become D.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, delete, literal, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from app.audit.services import Actor, record
from app.catalogue.errors import ProductNotFound
from app.catalogue.models import Product, ProductRelation, RelationKind
from app.core.db import session
from app.core.errors import Invalid
from tenants.context import current_scope

LONGEST = 20  # steps of a path; a ring written past the services must end


@dataclass(frozen=True, slots=True)
class AllowedAddOn:
    """An add-on that may be bought with a product."""

    product: Product
    is_quantity_linked: bool  # as many as its subscription has


def upgrade_targets(product_id: UUID) -> Sequence[Product]:
    """Return what a product may become: active products of its own type along the path, by position and name."""
    return _products(_reachable(product_id, ProductRelation.product_id, ProductRelation.other_id), product_id)


def downgrade_targets(product_id: UUID) -> Sequence[Product]:
    """Return what a product may go back to: whatever has it as an upgrade, near or far."""
    return _products(_reachable(product_id, ProductRelation.other_id, ProductRelation.product_id), product_id)


def is_upgrade(product_id: UUID, target_id: UUID) -> bool:
    """Whether the path leads from one product to the other."""
    return any(each.id == target_id for each in upgrade_targets(product_id))


def set_upgrade_targets(product_id: UUID, target_ids: Collection[UUID], *, actor: Actor, at: datetime) -> None:
    """Let a product become these and no others directly.

    Raises ProductNotFound, Invalid `upgrade_type` (another product type) and `upgrade_cycle`. Needs the distributor's scope.
    """
    product = _product(product_id)
    targets = [_product(each) for each in dict.fromkeys(target_ids)]
    for target in targets:
        if target.product_type_id != product.product_type_id:
            raise Invalid.field(
                "upgrades", "upgrade_type", f"{target.name} is of another product type than {product.name}"
            )
        if target.id == product.id or is_upgrade(target.id, product.id):
            raise Invalid.field("upgrades", "upgrade_cycle", f"{target.name} already leads to {product.name}")
    before = list(session.scalars(_direct(product_id).with_only_columns(ProductRelation.other_id)))
    session.execute(
        delete(ProductRelation).where(
            ProductRelation.distributor_id == product.distributor_id,
            ProductRelation.kind == RelationKind.UPGRADE,
            ProductRelation.product_id == product_id,
        )
    )
    for position, target in enumerate(targets):
        session.add(
            ProductRelation(kind=RelationKind.UPGRADE, product_id=product_id, other_id=target.id, position=position)
        )
    session.flush()
    record(
        "product.upgrades_set", actor=actor, at=at, target_kind="product", target_id=product_id,
        before={"upgrades": [str(each) for each in before]}, after={"upgrades": [str(each.id) for each in targets]},
    )  # fmt: skip


def exclusive_with(product_id: UUID) -> frozenset[UUID]:
    """Return the products a customer cannot own beside this one (CB-10); the relation is symmetric."""
    rows = session.execute(
        select(ProductRelation.product_id, ProductRelation.other_id).where(
            ProductRelation.distributor_id == current_scope().distributor_id,
            ProductRelation.kind == RelationKind.EXCLUSIVE,
            or_(ProductRelation.product_id == product_id, ProductRelation.other_id == product_id),
        )
    )
    return frozenset({each for row in rows for each in row} - {product_id})


def allowed_add_ons(product_id: UUID) -> Sequence[AllowedAddOn]:
    """Return the active add-ons that may be bought with a product, by position and name."""
    return tuple(allowed_by_product([product_id])[product_id].values())


def allowed_by_product(product_ids: Collection[UUID]) -> Mapping[UUID, Mapping[UUID, AllowedAddOn]]:
    """Return the active add-ons of each of some products, by their ids, in order of position and name; one statement."""
    found: dict[UUID, dict[UUID, AllowedAddOn]] = {each: {} for each in product_ids}
    if not found:
        return found
    rows = session.execute(
        select(Product, ProductRelation.is_quantity_linked, ProductRelation.product_id)
        .join(
            ProductRelation,
            (ProductRelation.distributor_id == Product.distributor_id) & (ProductRelation.other_id == Product.id),
        )
        .where(
            Product.distributor_id == current_scope().distributor_id,
            ProductRelation.kind == RelationKind.ADD_ON,
            ProductRelation.product_id.in_(found),
            Product.is_active,
            Product.retired_at.is_(None),
        )
        .order_by(ProductRelation.position, Product.name, Product.id)
    )
    for product, is_linked, product_id in rows:
        found[product_id][product.id] = AllowedAddOn(product, is_linked)
    return found


def add_ons_by_product(product_ids: Collection[UUID]) -> Mapping[UUID, frozenset[UUID]]:
    """Return which add-ons each of some products allows; one statement."""
    found: dict[UUID, set[UUID]] = {each: set() for each in product_ids}
    rows = session.execute(
        select(ProductRelation.product_id, ProductRelation.other_id).where(
            ProductRelation.distributor_id == current_scope().distributor_id,
            ProductRelation.kind == RelationKind.ADD_ON,
            ProductRelation.product_id.in_(found),
        )
    )
    for product_id, other_id in rows:
        found[product_id].add(other_id)
    return {product_id: frozenset(others) for product_id, others in found.items()}


def _direct(product_id: UUID) -> Select[ProductRelation]:
    return select(ProductRelation).where(
        ProductRelation.distributor_id == current_scope().distributor_id,
        ProductRelation.kind == RelationKind.UPGRADE,
        ProductRelation.product_id == product_id,
    )


def _reachable(
    product_id: UUID, here: InstrumentedAttribute[UUID], there: InstrumentedAttribute[UUID]
) -> Mapping[UUID, int]:
    """Follow the path from a product; how many steps each of the others is away, the shortest way. One statement."""
    distributor_id = current_scope().distributor_id
    is_step = (ProductRelation.distributor_id == distributor_id) & (ProductRelation.kind == RelationKind.UPGRADE)
    steps = (
        select(there.label("product_id"), literal(1).label("steps"))
        .where(is_step, here == product_id)
        .cte("steps", recursive=True)
    )
    steps = steps.union(
        select(there, steps.c.steps + 1).join(steps, steps.c.product_id == here).where(is_step, steps.c.steps < LONGEST)
    )
    found: dict[UUID, int] = {}
    for row in session.execute(select(steps.c.product_id, steps.c.steps).order_by(steps.c.steps)):
        found.setdefault(row.product_id, row.steps)
    return found


def _products(found: Mapping[UUID, int], product_id: UUID) -> Sequence[Product]:
    distributor_id = current_scope().distributor_id
    own_type = (
        select(Product.product_type_id)
        .where(Product.distributor_id == distributor_id, Product.id == product_id)
        .scalar_subquery()
    )
    products = session.scalars(
        select(Product).where(
            Product.distributor_id == distributor_id,
            Product.id.in_(set(found) - {product_id}),
            Product.product_type_id == own_type,
            Product.is_active,
            Product.retired_at.is_(None),
        )
    )
    return sorted(products, key=lambda each: (found[each.id], each.name, each.id))


def _product(product_id: UUID) -> Product:
    found = session.scalar(
        select(Product).where(Product.distributor_id == current_scope().distributor_id, Product.id == product_id)
    )
    if found is None:
        raise ProductNotFound(product_id)
    return found
