"""What executing a bundle makes beside its subscription: a technical record and a task for each component (CB-11)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import select

from app.catalogue.bundles.models import BundleComponent
from app.catalogue.models import Product, ProductType
from app.core.db import session
from app.orders.models import OrderItem
from app.provisioning.complete_pictures import complete_picture
from app.provisioning.models import ProvisioningTask, TaskKind
from app.provisioning.services import NewTask, request_provisioning
from app.subscriptions.bundles import NewComponent, create_component, sync_with_components
from app.subscriptions.models import Subscription, SubscriptionStatus
from tenants.context import current_scope


def start_components(item: OrderItem, bundle: Subscription, *, starts_on: date, at: datetime) -> list[ProvisioningTask]:
    """Make the components of a bundle that was bought, and ask for each at its own vendor; none is charged.

    What no machine sets up is active with its bundle. Returns the tasks: the bundle is delivered when all are done.
    """
    tasks = []
    for part, product, product_type in _parts(bundle):
        manager_id = None if product_type.non_automatic else product_type.service_manager_id
        component = create_component(
            bundle,
            NewComponent(
                product_id=product.id,
                name=product.name,
                quantity_per_parent=part.quantity,
                characteristics=_answers(item, product),
                is_provisioned=manager_id is not None,
            ),
            starts_on=starts_on,
            at=at,
        )
        if manager_id is None:
            component.status, component.activated_at = SubscriptionStatus.ACTIVE, at
            continue
        tasks.append(
            request_provisioning(
                NewTask(
                    kind=TaskKind.CREATE,
                    subject_id=component.id,
                    picture=replace(complete_picture(component), quantity=component.quantity),
                    service_manager_id=manager_id,
                    order_id=item.order_id,
                    order_item_id=item.id,
                ),
                at=at,
            )
        )
    session.flush()
    sync_with_components(bundle)
    return tasks


def _parts(bundle: Subscription) -> list[tuple[BundleComponent, Product, ProductType]]:
    rows = session.execute(
        select(BundleComponent, Product, ProductType)
        .join(
            Product,
            (Product.distributor_id == BundleComponent.distributor_id) & (Product.id == BundleComponent.product_id),
        )
        .join(
            ProductType,
            (ProductType.distributor_id == Product.distributor_id) & (ProductType.id == Product.product_type_id),
        )
        .where(
            BundleComponent.distributor_id == current_scope().distributor_id,
            BundleComponent.bundle_id == bundle.product_id,
        )
        .order_by(BundleComponent.position, BundleComponent.id)
    )
    return [(part, product, product_type) for part, product, product_type in rows]


def _answers(item: OrderItem, product: Product) -> dict[str, object]:
    """Return what was answered about a component when its bundle was ordered: under the component's own id."""
    own = item.characteristics.get(str(product.id))
    return dict(own) if isinstance(own, dict) else {}
