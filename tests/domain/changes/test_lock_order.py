"""Everybody locks task, payer, subscription, change in this order, so nobody waits in a ring (GO-02)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import update

from app.audit.services import SYSTEM
from app.catalogue.models import BillingCycle, ProductType, Term
from app.changes.assets import NewAssetPrice, edit_asset_price, return_asset
from app.changes.price_edits import NewPriceEdit, edit_price
from app.changes.price_quotes import WantedPrice
from app.core import db
from app.core.ids import new_id
from app.orders.execution import process_work
from app.subscriptions.models import Asset, ChangeTiming
from tenants.context import scope
from tests.counting import locked_tables, statements_of
from tests.domain.changes.conftest import on
from tests.factories.execution import Wanted, make_order

ONCE = {"term": Term.NONE, "cycle": BillingCycle.ONE_TIME}
DEAR = WantedPrice(user_price=Decimal(90))


@pytest.fixture
def asset(session, desk) -> Asset:
    """Three tools that may be returned."""
    world = desk.world
    with scope(world.scope):
        session.execute(update(ProductType).values(return_days=30))
        session.commit()
    placed = make_order(
        db.session, world, world.direct, world.direct_buyer, [Wanted(world.tool, 3, "50.00", **ONCE)], at=on(1)
    )
    work_id = placed.work.id
    db.session.remove()
    desk.do(process_work, work_id, at=on(1))
    (made,) = desk.rows(Asset)
    return made


def test_an_edited_price_locks_the_payer_first(connection, desk):
    """GO-02: as the billing of a day does."""
    running = desk.running()
    edit = NewPriceEdit(subscription_id=running.id, wanted=DEAR, timing=ChangeTiming.NOW, request_key=new_id())
    with statements_of(connection) as statements:
        desk.do(edit_price, edit, actor=SYSTEM, at=on(10))
    assert locked_tables(statements)[:2] == ["accounts", "subscriptions"]


def test_an_assets_price_and_its_return_lock_the_payer_first(connection, desk, asset):
    """GO-02: as giving its order up does."""
    edit = NewAssetPrice(code=asset.code, wanted=DEAR, request_key=new_id())
    with statements_of(connection) as statements:
        desk.do(edit_asset_price, edit, actor=SYSTEM, at=on(10))
    assert locked_tables(statements)[:2] == ["accounts", "assets"]
    with statements_of(connection) as statements:
        desk.do(return_asset, asset.code, 1, request_key=new_id(), actor=SYSTEM, at=on(10))
    assert locked_tables(statements)[:2] == ["accounts", "assets"]
