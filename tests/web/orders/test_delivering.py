"""Delivering by hand, with custom fields of what the delivery makes (CB-21)."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from sqlalchemy import update

from app.audit.services import SYSTEM
from app.catalogue.models import BillingCycle, ProductKind, ProductType, Term
from app.core import db
from app.core.db import unit_of_work
from app.core.ids import new_id
from app.orders.execution import process_work
from app.orders.models import DeliveryStatus, Order, OrderItem, OrderStatus
from app.subscriptions.asset_models import (
    AssetFieldKind,
    AssetFieldValues,
    FieldSubject,
    SubscriptionFieldValues,
)
from app.subscriptions.custom_fields import FieldDetails, create_field
from app.subscriptions.models import Asset, Subscription
from tenants.context import scope
from tests.factories.execution import Placed, Wanted, all_of, root_order
from tests.factories.world import MONDAY_NOON, World

JSON = {"Accept": "application/json"}
REFUSED = HTTPStatus.UNPROCESSABLE_ENTITY


@pytest.fixture
def bss(sign_in, world: World):
    return sign_in(world.bss_user)


@pytest.fixture
def placed(session, world: World) -> Placed:
    """An order In Progress: seats and a tool, both delivered by people."""
    with scope(world.scope):
        session.execute(update(ProductType).values(non_automatic=True))
        session.commit()
    tool = Wanted(world.tool, 1, "50.00", term=Term.NONE, cycle=BillingCycle.ONE_TIME)
    made = root_order(session, world, [Wanted(world.seats, 2, "10.00"), tool])
    with scope(world.scope), unit_of_work():
        process_work(made.work.id, at=MONDAY_NOON)
    return made


def make_field(world: World, code: str, subject: FieldSubject, **columns: object):
    with scope(world.scope), unit_of_work():
        types = [each.id for each in all_of(db.session, ProductType) if _fits(each, subject)]
        details = FieldDetails(
            code=code, name=code.title(), subject=subject, product_type_ids=frozenset(types),
            **{"kind": AssetFieldKind.TEXT, **columns},
        )  # fmt: skip
        return create_field(details, actor=SYSTEM, at=MONDAY_NOON).id


def _fits(product_type: ProductType, subject: FieldSubject) -> bool:
    return (product_type.kind is ProductKind.ONE_OFF) is (subject is FieldSubject.ASSET)


def rows(world: World, model: type) -> list:
    with scope(world.scope):
        found = all_of(db.session, model)
        db.session.commit()
        db.session.expunge_all()
    return found


def path_of(placed: Placed, index: int) -> str:
    return f"/bss/orders/{placed.number}/items/{placed.items[index].id}/deliver"


def test_the_form_asks_what_the_delivery_makes(bss, world: World, placed):
    """CB-21: external id and custom fields on delivery; a subscription's for one, an asset's for the other."""
    of_seats = make_field(world, "tenant", FieldSubject.SUBSCRIPTION, default_value="main")
    of_tool = make_field(world, "serial", FieldSubject.ASSET)
    first, second = path_of(placed, 0), path_of(placed, 1)
    assert f'href="{first}"' in bss.get(f"/bss/orders/{placed.number}").text
    page = bss.get(first).text
    assert f'name="field-{of_seats}" type="text" value="main"' in page
    assert str(of_tool) not in page
    data = {"vendor_reference": "V-77", f"field-{of_seats}": "nordwind-1", f"field-{of_tool}": "not asked"}
    assert bss.post(first, data=data).status_code == HTTPStatus.SEE_OTHER
    assert bss.post(second, data={f"field-{of_tool}": "S-1"}).status_code == HTTPStatus.SEE_OTHER
    ((subscription,), (asset,)) = rows(world, Subscription), rows(world, Asset)
    (kept,), (kept_of_asset,) = rows(world, SubscriptionFieldValues), rows(world, AssetFieldValues)
    assert (kept.subscription_id, kept.answers) == (subscription.id, {str(of_seats): "nordwind-1"})
    assert (kept_of_asset.asset_id, kept_of_asset.answers) == (asset.id, {str(of_tool): "S-1"})
    assert next(each for each in rows(world, Order) if each.id == placed.id).status is OrderStatus.EXECUTED


@pytest.mark.parametrize(
    ("columns", "typed"),
    [
        ({"kind": AssetFieldKind.NUMBER}, "many"),
        ({"kind": AssetFieldKind.DATE}, "31.12.2026"),
        ({"kind": AssetFieldKind.CHOICE, "choices": ("a", "b")}, "c"),
        ({"is_required": True}, " "),
        ({}, "x" * 501),
    ],
)
def test_a_wrong_value_delivers_nothing(bss, world: World, placed, columns, typed):
    field_id = make_field(world, "tenant", FieldSubject.SUBSCRIPTION, **columns)
    refused = bss.post(path_of(placed, 0), data={"vendor_reference": "V-77", f"field-{field_id}": typed})
    assert refused.status_code == REFUSED
    assert f'id="field-{field_id}-error"' in refused.text
    assert 'value="V-77"' in refused.text
    assert (rows(world, Subscription), rows(world, SubscriptionFieldValues)) == ([], [])
    assert {item.delivery_status for item in rows(world, OrderItem)} == {DeliveryStatus.PENDING}


def test_a_reference_that_is_too_long_is_refused(bss, world: World, placed):
    assert bss.post(path_of(placed, 0), data={"vendor_reference": "x" * 201}).status_code == REFUSED
    assert rows(world, Subscription) == []


def test_a_delivered_item_is_not_delivered_again(bss, world: World, placed):
    """CB-21: 409."""
    path = path_of(placed, 0)
    bss.post(path, data={})
    for late in (bss.post(path, data={}, headers=JSON), bss.get(path, headers=JSON)):
        assert late.status_code == HTTPStatus.CONFLICT
    assert len(rows(world, Subscription)) == 1


def test_an_item_of_another_order_is_not_found(bss, placed):
    assert bss.post(f"/bss/orders/{placed.number}/items/{new_id()}/deliver").status_code == HTTPStatus.NOT_FOUND
