"""The complete picture of a running service, as it shall be: sent to its vendor with every change (CB-22)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.accounts.models import Account
from app.catalogue.characteristics import TRUE_WORDS, Characteristic, DataType, characteristics_of, shown_value
from app.catalogue.models import Product, ProductType
from app.core.db import session
from app.provisioning.models import OF_A_LATER_DAY, TaskStatus
from app.provisioning.pictures import (
    AddOnPicture,
    CharacteristicPicture,
    ResourcePicture,
    company_picture,
    from_json,
)
from app.provisioning.queries import last_task_of
from app.subscriptions.add_ons import list_add_ons
from app.subscriptions.models import Subscription, SubscriptionStatus
from app.subscriptions.queries import find_subscription
from tenants.context import current_scope

NONE, CREATE, UPDATE, CANCEL = "none", "create", "update", "cancel"


def complete_picture(
    subscription: Subscription,
    *,
    quantity: int | None = None,
    product_id: UUID | None = None,
    characteristics: Mapping[str, Any] | None = None,
    add_ons: Mapping[UUID, int] | None = None,
    revived: Sequence[Subscription] = (),
) -> ResourcePicture:
    """Return a service as it shall be: what is not given stays as it is, all add-ons and characteristics included.

    `quantity` is the new total, `add_ons` new totals by product, 0 ends one. Add-ons that are linked follow the
    quantity. `revived` are add-ons that have expired and stand in it again. What an unfinished task has asked for
    already counts as asked. Works in the distributor's scope.
    """
    asked = _asked(subscription.id)
    product, product_type = _product(product_id or subscription.product_id)
    total = quantity if quantity is not None else (asked.quantity if asked else subscription.quantity)
    receiver, payer = _account(subscription.account_id), _account(subscription.payer_id)
    values = {
        **product.characteristics,
        **(subscription.characteristics if characteristics is None else characteristics),
    }
    return ResourcePicture(
        service_type=product_type.external_id or product_type.name,
        product_code=product.vendor_code,
        product_name=product.name,
        quantity=total,
        term=subscription.term.value,
        billing_cycle=subscription.cycle.value,
        currency=subscription.currency,
        account=company_picture(receiver),
        reseller=company_picture(payer) if payer.id != receiver.id else None,
        edition=product.plan_edition,
        characteristics=characteristic_pictures(product_type, values),
        add_ons=_add_ons([*list_add_ons(subscription.id), *revived], total, add_ons or {}, asked),
    )


def asked_add_on(parent_id: UUID, product_id: UUID, current: int) -> int:
    """Return how many of an add-on there will be once the parent's waiting task is done."""
    asked = _asked(parent_id)
    found = next((each for each in asked.add_ons if each.product_id == product_id), None) if asked else None
    if found is None:
        return current
    return 0 if found.action == CANCEL else found.quantity


def component_quantity(component: Subscription) -> int:
    """Return how many of a component its bundle asks for."""
    bundle = find_subscription(component.parent_id) if component.parent_id else None
    if bundle is None or component.quantity_per_parent is None:
        return component.quantity
    return bundle.quantity * component.quantity_per_parent


def service_manager_of(product_id: UUID) -> UUID | None:
    """Return the service manager a product is provisioned by; None: people do it, or there is nothing to do."""
    _, product_type = _product(product_id)
    return None if product_type.non_automatic else product_type.service_manager_id


def characteristic_pictures(product_type: ProductType, values: Mapping[str, Any]) -> tuple[CharacteristicPicture, ...]:
    """Return what a type and its root define, with the values given or their defaults; what nobody defines is left out."""
    return tuple(
        _characteristic(each, values.get(each.id, each.default))
        for each in characteristics_of(product_type)
        if values.get(each.id, each.default) not in (None, "")
    )


def _characteristic(definition: Characteristic, value: object) -> CharacteristicPicture:
    if definition.data_type is DataType.BOOLEAN:
        text = "1" if value is True or str(value).lower() in TRUE_WORDS else "0"
    else:
        text = str(value)
    is_coded = any(each.code == text for each in definition.values)
    return CharacteristicPicture(
        id=definition.id,
        name=definition.name,
        value=shown_value(definition, text) if is_coded else text,
        code=text if is_coded else "",
        is_quantity_linked=definition.is_quantity_linked,
    )


def _add_ons(
    records: Sequence[Subscription], total: int, wanted: Mapping[UUID, int], asked: ResourcePicture | None
) -> tuple[AddOnPicture, ...]:
    before = {each.product_id: each for each in (asked.add_ons if asked else ())}
    pictures = []
    for add_on in records:
        product, product_type = _product(add_on.product_id)
        earlier = before.get(add_on.product_id)
        stands = earlier.quantity if earlier is not None else add_on.quantity
        quantity = wanted.get(add_on.product_id, add_on.quantity_per_parent and total * add_on.quantity_per_parent)
        quantity = stands if quantity is None else quantity
        is_new = add_on.status is SubscriptionStatus.PENDING_ACTIVATION and earlier is None
        if quantity == 0:
            action = CANCEL
        elif is_new:
            action = CREATE
        else:
            action = UPDATE if quantity != stands else NONE
        if earlier is not None and earlier.action == CANCEL and quantity == 0:
            continue
        pictures.append(
            AddOnPicture(
                subscription_id=add_on.id,
                product_id=product.id,
                product_code=product.vendor_code,
                product_name=product.name,
                quantity=quantity or (add_on.quantity if action == CANCEL else 0),
                action=action,
                characteristics=characteristic_pictures(
                    product_type, {**product.characteristics, **add_on.characteristics}
                ),
            )
        )
    return (*pictures, *_new_add_ons(wanted, {each.product_id for each in pictures}))


def _new_add_ons(wanted: Mapping[UUID, int], known: Collection[UUID]) -> list[AddOnPicture]:
    """Return what has no record yet: it is made when the vendor has confirmed."""
    pictures = []
    for product_id, quantity in wanted.items():
        if product_id in known or quantity == 0:
            continue
        product, product_type = _product(product_id)
        pictures.append(
            AddOnPicture(
                subscription_id=None,
                product_id=product.id,
                product_code=product.vendor_code,
                product_name=product.name,
                quantity=quantity,
                action=CREATE,
                characteristics=characteristic_pictures(product_type, product.characteristics),
            )
        )
    return pictures


def _asked(subject_id: UUID) -> ResourcePicture | None:
    """Return what the newest task of a subject has asked for, while the vendor has not answered."""
    last = last_task_of(subject_id)
    if last is None or last.status in (TaskStatus.SUCCEEDED, TaskStatus.CANCELED) or last.kind in OF_A_LATER_DAY:
        return None
    return from_json(last.request)


def _product(product_id: UUID) -> tuple[Product, ProductType]:
    row = session.execute(
        select(Product, ProductType)
        .join(
            ProductType,
            (ProductType.distributor_id == Product.distributor_id) & (ProductType.id == Product.product_type_id),
        )
        .where(Product.distributor_id == current_scope().distributor_id, Product.id == product_id)
    ).one()
    return row.Product, row.ProductType


def _account(account_id: UUID | None) -> Account:
    return session.get_one(Account, (current_scope().distributor_id, account_id))
