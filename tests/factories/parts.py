"""Add-ons, bundles and upgrade paths for tests, and the vendor's answers to what is asked about them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select

from app.catalogue.bundles.models import BundleComponent
from app.catalogue.models import Product, ProductKind, ProductRelation, ProductType, RelationKind
from app.core.db import BoundSession
from app.provisioning.models import ProvisioningTask, TaskStatus
from tenants.context import scope
from tests.factories.world import MONDAY_NOON, World, make_entry, make_product


def relate(
    session: BoundSession,
    world: World,
    kind: RelationKind,
    product: Product,
    other: Product,
    *,
    is_quantity_linked: bool = False,
) -> None:
    """Write what one product means to another."""
    with scope(world.scope):
        session.add(
            ProductRelation(kind=kind, product_id=product.id, other_id=other.id, is_quantity_linked=is_quantity_linked)
        )
        session.commit()


def make_sibling(session: BoundSession, world: World, name: str, price: str, **columns: object) -> Product:
    """Insert a product of the world's main type, at a price of the world's list, and detach it."""
    with scope(world.scope):
        product = make_product(session, world.product_type, name, **columns)
        make_entry(session, world.price_list, product, price)
        session.commit()
        session.refresh(product)
        session.expunge(product)
    return product


def make_bundle(
    session: BoundSession, world: World, price: str, parts: Iterable[tuple[Product, int]], name: str = "Office bundle"
) -> Product:
    """Insert a bundle of some products at a price of the world's list, and detach it."""
    with scope(world.scope):
        bundle_type = ProductType(name=f"{name} type", kind=ProductKind.BUNDLE, created_at=MONDAY_NOON)
        session.add(bundle_type)
        session.flush()
        bundle = make_product(session, bundle_type, name, list_price=price)
        make_entry(session, world.price_list, bundle, price)
        for position, (product, quantity) in enumerate(parts):
            session.add(
                BundleComponent(bundle_id=bundle.id, product_id=product.id, quantity=quantity, position=position)
            )
        session.commit()
        session.refresh(bundle)
        session.expunge(bundle)
    return bundle


def open_tasks(session: BoundSession, world: World) -> list[ProvisioningTask]:
    """Return tasks that still wait for their vendor, oldest first, detached."""
    with scope(world.scope):
        found = list(
            session.scalars(
                select(ProvisioningTask)
                .where(ProvisioningTask.status.in_((TaskStatus.PENDING, TaskStatus.WAITING)))
                .order_by(ProvisioningTask.created_at, ProvisioningTask.sequence, ProvisioningTask.id)
                .execution_options(populate_existing=True)
            )
        )
        session.expunge_all()
        session.commit()
    return found


def noon(year: int, month: int, day: int) -> datetime:
    """Return noon UTC of a day, which is the same day where the world's distributor is."""
    return MONDAY_NOON.replace(year=year, month=month, day=day)
