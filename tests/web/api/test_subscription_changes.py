"""Subscriptions changed by a storefront's programs: fewer licences, an end; told how far it is (RS-30)."""

from __future__ import annotations

import pytest

from app.core.ids import new_id
from app.subscriptions.models import SubscriptionStatus
from tenants.context import scope
from tests.factories.world import make_product
from tests.web.api.conftest import refused
from tests.web.changes.conftest import changes, look, reread, running

__all__ = ["look", "running"]


@pytest.fixture
def own(session, world, running):
    """Five seats of a customer of Tech Solutions."""
    with scope(world.scope):
        session.get_one(type(world.product_type), (world.id, world.product_type.id)).automatic_cancellation = True
        session.commit()
    return running(
        account=world.tech.customers[0], payer=world.tech.account, quantity=5, unit_cost="10.00", unit_price="13.00"
    )


def test_fewer_licences_are_a_request_that_is_completed(world, shop, own, look):
    """RS-F94: Decrease via API returns a request id whose state becomes completed."""
    asked = shop.post(f"/subscriptions/{own.code}/quantity", {"quantity": 3}, key="fewer")
    assert (asked.status_code, asked.json["status"]) == (202, "submitted"), asked.text
    place = f"/subscriptions/{own.code}/requests/{asked.json['id']}"
    assert asked.headers["Location"].endswith(place)
    assert shop.get(place).json["status"] == "submitted"
    assert shop.post(f"/subscriptions/{own.code}/quantity", {"quantity": 3}, key="fewer").json == asked.json
    look()
    done = shop.get(place).json
    assert (done["status"], done["quantity_from"], done["quantity_to"]) == ("completed", 5, 3)
    assert shop.get(f"/subscriptions/{own.code}").json["quantity"] == 3


def test_a_subscription_is_ended(world, shop, own, look):
    """RS-30: POST /subscriptions/{id}/cancel, immediate."""
    asked = shop.post(f"/subscriptions/{own.code}/cancel", {"comment": "Not used"})
    assert asked.status_code == 202, asked.text
    look()
    assert reread(world, own).status is SubscriptionStatus.CANCELED
    refused(shop.post(f"/subscriptions/{own.code}/cancel", {}), 409)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("quantity", {"quantity": 0}, "quantity"),
        ("quantity", {"quantity": 9}, None),  # more at once are ordered
        ("quantity", {}, "quantity"),
        ("quantity", {"quantity": 3, "timing": "yesterday"}, "timing"),
        ("cancel", {"timing": 7}, "timing"),
        ("cancel", {"reason": "x"}, "reason"),
    ],
)
def test_a_bad_change_is_422_and_nothing_is_asked(world, shop, own, path, body, field):
    refused(shop.post(f"/subscriptions/{own.code}/{path}", body), 422, field)
    assert changes(world) == []


def test_nobody_elses_subscription_is_changed(session, world, shop, running, own):
    """RS-F95: another reseller's, a direct customer's and a plan are 404; nothing is asked."""
    with scope(world.scope):
        product = make_product(session, world.plan_type, "Standard storefront", plan_edition="standard")
        session.commit()
    others = (
        running(account=world.cloudia.customers[0], payer=world.cloudia.account),
        running(account=world.direct),
        running(account=world.tech.account, product=product, plan_edition="standard", quantity=1),
    )
    for other in others:
        refused(shop.post(f"/subscriptions/{other.code}/quantity", {"quantity": 1}), 404)
        refused(shop.post(f"/subscriptions/{other.code}/cancel", {}), 404)
        refused(shop.get(f"/subscriptions/{other.code}/requests/{new_id()}"), 404)
    assert changes(world) == []


def test_a_request_of_another_subscription_is_404(world, shop, running, own):
    other = running(account=world.tech.customers[1], payer=world.tech.account)
    asked = shop.post(f"/subscriptions/{own.code}/cancel", {}).json["id"]
    refused(shop.get(f"/subscriptions/{other.code}/requests/{asked}"), 404)
