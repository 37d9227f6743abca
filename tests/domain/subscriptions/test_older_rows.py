"""What migration 0036 tells of what stood before it: names that subscriptions have, and what assets were charged for."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from importlib import import_module

import pytest

from app.audit.services import SYSTEM
from app.billing.models import Charge
from app.catalogue.models import Product, ProductKind, ProductType
from app.changes.assets import NewAssetPrice, edit_asset_price
from app.changes.price_quotes import WantedPrice
from app.core.ids import new_id
from app.subscriptions.domains.models import DomainClaim
from app.subscriptions.domains.services import contested_by, take_name
from app.subscriptions.models import Subscription, SubscriptionStatus
from tenants.context import scope
from tests.domain.assets.conftest import billing, buy, noon
from tests.factories.execution import all_of
from tests.factories.subscriptions import BOUGHT_AT, Running, make_running
from tests.factories.world import World, make_product, make_world

__all__ = ("billing", "buy")
services = import_module("migrations.versions.0036_services")


@pytest.fixture
def world(session) -> World:
    made = make_world(session)
    session.expunge_all()
    return made


@pytest.fixture
def domain(session, world) -> Product:
    with scope(world.scope):
        kind = ProductType(name="Domains", kind=ProductKind.DOMAIN, created_at=BOUGHT_AT)
        session.add(kind)
        session.flush()
        product = make_product(session, kind, "Domain .example")
        session.commit()
        session.expunge_all()
    return product


def named(session, world: World, domain: Product, name: str, *, days: int = 0, **more) -> Running:
    at = BOUGHT_AT + timedelta(days=days)
    return make_running(session, world, world.direct, domain, quantity=1, created_at=at,
                        characteristics={"domain": name, "action": "register"}, **more)  # fmt: skip


def claims(session, world: World) -> dict[str, object]:
    with scope(world.scope):
        services.claim_older_names(session.connection())
        session.commit()
        return {each.name: each.order_item_id or each.subscription_id for each in all_of(session, DomainClaim)}


def test_the_older_of_two_subscriptions_gets_the_name(session, world, domain):
    """CB-01: names that were ordered before names were claimed are claimed, once each, as IDNA writes them."""
    younger = named(session, world, domain, "shared.example", days=2)
    older = named(session, world, domain, "Shared.Example.", days=1)
    other = named(session, world, domain, "bücher.example")
    named(session, world, domain, "gone.example", status=SubscriptionStatus.CANCELED)
    expected = {"shared.example": older.id, "xn--bcher-kva.example": other.id}
    assert claims(session, world) == expected
    assert claims(session, world) == expected
    assert younger.id not in expected.values()


@pytest.mark.parametrize("name", ["shared.example", "Shared.Example.", "bücher.example"])
def test_the_page_of_the_younger_one_says_who_has_its_name(session, world, domain, name):
    """CB-01: names are compared as claims hold them, however they were written."""
    older = named(session, world, domain, name)
    younger = named(session, world, domain, name, days=9)
    claims(session, world)
    with scope(world.scope):
        here = {each.id: contested_by(each) for each in all_of(session, Subscription)}
        assert here == {older.id: None, younger.id: older.code}


def test_an_older_subscription_gets_a_name_that_was_claimed_since(session, world, domain):
    older = named(session, world, domain, "shared.example")
    younger = named(session, world, domain, "shared.example", days=9)
    with scope(world.scope):
        assert take_name("shared.example", subscription_id=younger.id, at=BOUGHT_AT)
        session.commit()
    assert claims(session, world) == {"shared.example": older.id}


def test_a_claim_of_the_older_subscription_stays(session, world, domain):
    older = named(session, world, domain, "shared.example")
    named(session, world, domain, "shared.example", days=9)
    with scope(world.scope):
        assert take_name("shared.example", subscription_id=older.id, at=BOUGHT_AT)
        session.commit()
    assert claims(session, world) == {"shared.example": older.id}


def test_charges_of_an_assets_price_name_its_order_item(session, world, buy):
    """CB-31: an edit of before counts when the asset is returned; another asset's charges keep to themselves."""
    edited, other = buy(), buy()
    with scope(world.scope):
        edit_asset_price(
            NewAssetPrice(code=edited.code, wanted=WantedPrice(user_price=Decimal(90)), request_key=new_id()),
            actor=SYSTEM, at=noon(BOUGHT_AT.date()),
        )  # fmt: skip
        prices = [each for each in all_of(session, Charge) if each.source_key.startswith("asset-price:")]
        for each in prices:
            each.order_item_id = None
        session.commit()
        services.name_items_of_asset_charges(session.connection())
        session.commit()
        found = [each for each in all_of(session, Charge) if each.source_key.startswith("asset-price:")]
        assert {each.order_item_id for each in found} == {edited.order_item_id}
        assert other.order_item_id != edited.order_item_id
