"""Assets by API: what was bought once, taken back, and until when it lasts (BC-32)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.billing.models import Charge
from app.core.clock import utc_now
from app.core.ids import new_id
from app.subscriptions.asset_models import AssetCost
from app.subscriptions.models import Asset, AssetStatus
from tenants.context import scope
from tests.counting import locked_tables, statements_of
from tests.domain.assets.conftest import billing, buy
from tests.factories.execution import all_of
from tests.web.api.conftest import refused

__all__ = ["billing", "buy"]


def bought(session, world, account, code, payer=None, **values):
    """An asset of an account: three at 60.00, its payer's cost 40.00."""
    payer = payer or account
    with scope(world.scope):
        asset = Asset(
            id=new_id(), reseller_id=account.reseller_id, account_id=account.id, code=code, payer_id=payer.id,
            product_id=world.tool.id, name="Migration", quantity=3, unit_price=Decimal(60), currency="EUR",
            status=AssetStatus.ACTIVE, created_at=utc_now(), **values,
        )  # fmt: skip
        session.add(asset)
        session.flush()
        session.add(
            AssetCost(
                reseller_id=account.reseller_id, account_id=payer.id, asset_id=asset.id, unit_cost=Decimal(40),
                base_cost=Decimal(40), currency="EUR",
            )
        )  # fmt: skip
        session.commit()
    return asset


@pytest.fixture
def theirs(session, world):
    return bought(session, world, world.tech.customers[0], "AST-000001", world.tech.account)


@pytest.fixture
def direct(session, world):
    return bought(session, world, world.direct, "AST-000002")


def test_a_storefront_reads_its_own_at_what_was_paid_there(session, world, shop, theirs, direct):
    """RS-F59 (partly): no cost in an answer of a storefront's API."""
    bought(session, world, world.tech.account, "AST-000003", bought_by_reseller=True)
    listed = shop.get("/assets", **{"$orderby": "code"}).json
    assert [(each["code"], each["unit_price"]) for each in listed["items"]] == [
        ("AST-000001", "60.0000"), ("AST-000003", None),
    ]  # fmt: skip
    assert "40.0000" not in shop.get("/assets").text
    assert shop.get("/assets/AST-000001").json == listed["items"][0]
    refused(shop.get("/assets/AST-000002"), 404)
    assert shop.get("/assets", **{"$filter": "code eq 'AST-000001' and status eq 'active'"}).json["total"] == 1
    refused(shop.get("/assets", **{"$filter": "cost gt 1"}), 422, "$filter")


def test_the_back_office_reads_all_at_what_their_payers_paid(world, office, theirs, direct):
    """BSS never shows what a reseller's customers pay (decisions section 8)."""
    shown = office.get("/assets/AST-000001").json
    assert (shown["unit_cost"], shown["payer_id"]) == ("40.0000", str(world.tech.id))
    assert "60.0000" not in office.get("/assets").text
    assert office.get("/assets").json["total"] == 2


def test_the_last_day_is_patched_and_taken_away(world, office, direct):
    """RFC 7396: null takes a value away."""
    set_ = office.patch("/assets/AST-000002", {"expires_on": "2035-12-31"})
    assert (set_.status_code, set_.json["expires_on"]) == (200, "2035-12-31"), set_.text
    assert office.patch("/assets/AST-000002", {}).json["expires_on"] == "2035-12-31"
    assert office.patch("/assets/AST-000002", {"expires_on": None}).json["expires_on"] is None
    for wrong in ({"expires_on": "some day"}, {"quantity": 1}):
        refused(office.patch("/assets/AST-000002", wrong), 422, next(iter(wrong)))


@pytest.fixture
def bought_today(session, world, buy):
    """Three at 100.00 that a direct customer has ordered and was charged for; they may be returned."""
    with scope(world.scope):
        kind = session.get_one(type(world.product_type), (world.id, world.tool.product_type_id))
        kind.return_days = 30
        session.commit()
    return buy(3, day=utc_now().date())


def credited(session, world) -> list[Decimal]:
    with scope(world.scope):
        return sorted(each.net_amount for each in all_of(session, Charge) if each.net_amount < 0)


def test_what_is_taken_back_is_credited_once(session, world, office, bought_today):
    path = f"/assets/{bought_today.code}"
    for wrong in (0, 4, "1"):
        refused(office.post(f"{path}/return", {"quantity": wrong}), 422, "quantity")
    assert (credited(session, world), office.get(path).json["quantity"]) == ([], 3)
    first = office.post(f"{path}/return", {"quantity": 2}, key="back")
    again = office.post(f"{path}/return", {"quantity": 2}, key="back")
    assert (first.status_code, first.json["quantity"], first.json["quantity_returned"]) == (200, 1, 2), first.text
    assert again.json == first.json
    assert (office.get(path).json["quantity"], credited(session, world)) == (1, [Decimal(-200)])


def test_a_return_locks_the_payer_before_the_asset(connection, office, bought_today):
    """GO-02: as everybody does; the other way round two would wait for each other."""
    with statements_of(connection) as seen:
        assert office.post(f"/assets/{bought_today.code}/return", {"quantity": 1}).status_code == 200
    assert locked_tables(seen)[:2] == ["accounts", "assets"]
