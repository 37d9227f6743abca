from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.audit.services import SYSTEM
from app.changes.assets import NewAssetPrice, edit_asset_price, return_asset
from app.changes.price_quotes import WantedPrice
from app.core.errors import Invalid
from app.core.ids import new_id
from app.notifications.models import OutboundMail
from app.subscriptions.asset_models import AssetCost
from app.subscriptions.assets import (
    AssetFilter,
    AssetNotFound,
    AssetStep,
    WrongAssetState,
    change_expiry,
    count_assets,
    expire_assets,
    get_asset,
    list_assets,
    move,
    remind_of_assets,
)
from app.subscriptions.models import Asset, AssetStatus, PriceLabel, SyncStatus
from tenants.context import scope
from tests.domain.assets.conftest import FIRST, as_it_stands, noon
from tests.factories.execution import all_of, use_service_manager

D = Decimal
TENTH = date(2026, 6, 10)


def edit(session, world, asset: Asset, *, key=None, day: date = TENTH, by_admin: bool = False, **wanted) -> None:
    with scope(world.scope):
        edit_asset_price(
            NewAssetPrice(
                code=asset.code, wanted=WantedPrice(**wanted), request_key=key or new_id(), may_go_below_cost=by_admin
            ),
            actor=SYSTEM,
            at=noon(day),
        )
        session.commit()


def give_back(session, world, asset: Asset, quantity: int, *, key=None, day: date = TENTH) -> None:
    with scope(world.scope):
        return_asset(asset.code, quantity, request_key=key or new_id(), actor=SYSTEM, at=noon(day))
        session.commit()


def test_what_was_paid_is_kept_out_of_an_end_customers_reach(session, world, buy):
    asset = buy(2, for_customer=True)
    assert (asset.status, asset.sync_status) == (AssetStatus.ACTIVE, SyncStatus.NOT_REQUIRED)
    with scope(world.scope):
        (cost,) = all_of(session, AssetCost)
        assert (cost.unit_cost, cost.account_id, cost.label) == (D(100), world.tech.id, PriceLabel.LIST)
    with scope(world.tech.customer_scope()):
        assert [each.code for each in all_of(session, Asset)] == [asset.code]
        assert all_of(session, AssetCost) == []
    with scope(world.cloudia.scope), pytest.raises(AssetNotFound):
        get_asset(asset.code)


def test_a_lower_price_credits_the_old_and_charges_the_new(session, world, billing, buy):
    """CB-F99: an asset of 3 x 100.00 edited to 90.00 creates a credit of 300.00 and a debit of 270.00."""
    asset = buy()
    assert billing.papers() == [(FIRST, "invoice", D("300.00"))]
    edit(session, world, asset, user_price=D("90.00"))
    assert sorted(billing.papers()[1:]) == [(TENTH, "credit_note", D("300.00")), (TENTH, "invoice", D("270.00"))]
    assert as_it_stands(session, world, asset.code).unit_price == D("90.00")
    edit(session, world, asset, discount_percent=D(15))  # of 100.00, the same day: each pair against the last price
    assert sorted(billing.papers()[3:]) == [(TENTH, "credit_note", D("270.00")), (TENTH, "invoice", D("255.00"))]


def test_one_submit_twice_makes_one_pair(session, world, billing, buy):
    asset, key = buy(), new_id()
    for _ in range(2):
        edit(session, world, asset, user_price=D("90.00"), key=key)
    assert len(billing.papers()) == 3


def test_a_customers_own_price_stays_where_the_reseller_pays(session, world, buy):
    asset = buy(for_customer=True)
    edit(session, world, asset, user_price=D("90.00"))
    assert as_it_stands(session, world, asset.code).unit_price == D("100.00")


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"user_price": D(-1)}, "amount_range"),
        ({"discount_percent": D(101)}, "percent_range"),
        ({"user_price": D("39.99")}, "below_cost"),
        ({"price_list_id": new_id()}, "not_priced"),
        ({}, "unchanged"),
    ],
)
def test_a_wrong_price_changes_nothing(session, world, billing, buy, wanted, code):
    asset = buy()
    with pytest.raises(Invalid) as refusal:
        edit(session, world, asset, **wanted)
    assert refusal.value.codes == (code,)
    session.rollback()
    assert len(billing.papers()) == 1
    with scope(world.scope):
        assert all_of(session, AssetCost)[0].unit_cost == D(100)


def test_only_an_administrator_goes_below_cost(session, world, billing, buy):
    edit(session, world, buy(), user_price=D("39.99"), by_admin=True)
    assert sorted(billing.papers()[1:]) == [(TENTH, "credit_note", D("300.00")), (TENTH, "invoice", D("119.97"))]


@pytest.mark.parametrize("status", [AssetStatus.CANCELED, AssetStatus.RETURNED])
def test_what_is_gone_has_no_price_to_edit(session, world, billing, buy, status):
    asset = buy()
    with scope(world.scope):
        session.get_one(Asset, (world.id, asset.id)).status = status
        session.commit()
    with pytest.raises(WrongAssetState):
        edit(session, world, asset, user_price=D("90.00"))
    session.rollback()
    assert len(billing.papers()) == 1


def test_a_part_and_then_all_is_returned_within_the_window(session, world, billing, buy, returnable):
    """CB-31: within the type's return window, full or partial: a credit of that quantity."""
    asset = buy()
    give_back(session, world, asset, 1)
    left = as_it_stands(session, world, asset.code)
    assert (left.quantity, left.quantity_returned, left.status) == (2, 1, AssetStatus.ACTIVE)
    give_back(session, world, asset, 2, day=date(2026, 6, 15))
    left = as_it_stands(session, world, asset.code)
    assert (left.quantity, left.quantity_returned, left.status) == (0, 3, AssetStatus.RETURNED)
    assert billing.papers()[1:] == [
        (TENTH, "credit_note", D("100.00")),
        (date(2026, 6, 15), "credit_note", D("200.00")),
    ]


def test_a_return_sent_twice_is_credited_once(session, world, billing, buy, returnable):
    asset, key = buy(), new_id()
    for _ in range(2):
        give_back(session, world, asset, 1, key=key)
    assert (len(billing.papers()), as_it_stands(session, world, asset.code).quantity) == (2, 2)


def test_what_comes_back_piece_by_piece_is_what_was_charged(session, world, billing, buy, returnable):
    """CB-31: 3 x 3.335 are 10.01; one by one 3.34, 3.34 and the 3.33 that is left."""
    asset = buy(unit_cost="3.335")
    for _ in range(3):
        give_back(session, world, asset, 1)
    assert [net for _, _, net in billing.papers()] == [D("10.01"), D("3.34"), D("3.34"), D("3.33")]
    assert sum(each.net_amount for each in billing.charges()) == 0


def test_what_comes_back_after_an_edited_price_is_the_edited_price(session, world, billing, buy, returnable):
    """CB-31: of 3 x 100.00 edited to 80.00, 240.00 come back in all."""
    asset = buy()
    edit(session, world, asset, user_price=D("80.00"))
    give_back(session, world, asset, 1)
    give_back(session, world, asset, 2)
    assert [net for _, _, net in billing.papers()[3:]] == [D("80.00"), D("160.00")]
    assert sum(each.net_amount for each in billing.charges()) == 0


@pytest.mark.parametrize(("quantity", "day"), [(4, TENTH), (0, TENTH), (-1, TENTH), (1, date(2026, 6, 16))])
def test_beyond_window_or_quantity_nothing_is_returned(session, world, billing, buy, returnable, quantity, day):
    asset = buy()
    with pytest.raises(Invalid) as refusal:
        give_back(session, world, asset, quantity, day=day)
    assert refusal.value.codes == ("outside_window" if day != TENTH else "quantity_range",)
    session.rollback()
    assert (len(billing.papers()), as_it_stands(session, world, asset.code).quantity) == (1, 3)


def test_a_type_without_a_window_takes_nothing_back(session, world, buy):
    asset = buy()
    with pytest.raises(Invalid):
        give_back(session, world, asset, 1, day=FIRST)
    session.rollback()
    assert as_it_stands(session, world, asset.code).quantity == 3


def test_an_asset_expires_with_its_last_day_and_is_told_of_once(session, world, buy):
    asset = buy()
    with scope(world.scope):
        change_expiry(
            session.get_one(Asset, (world.id, asset.id)), date(2026, 7, 31), today=FIRST, actor=SYSTEM, at=noon(FIRST)
        )
        assert [remind_of_assets(on=date(2026, 7, day), at=noon(FIRST)) for day in (1, 2)] == [1, 0]
        assert remind_of_assets(on=date(2026, 6, 30), at=noon(FIRST)) == 0
        assert [expire_assets(on=date(2026, 7, 31), at=noon(FIRST))] == [0]
        assert [expire_assets(on=date(2026, 8, 1), at=noon(FIRST)) for _ in range(2)] == [1, 0]
        session.commit()
        mails = [mail for mail in all_of(session, OutboundMail) if mail.template == "asset_expiring"]
        assert [mail.to_email for mail in mails] == [world.direct_buyer.email]
        expired = session.get_one(Asset, (world.id, asset.id))
        assert expired.status is AssetStatus.EXPIRED
        with pytest.raises(Invalid):
            change_expiry(expired, FIRST, today=TENTH, actor=SYSTEM, at=noon(TENTH))
        change_expiry(expired, date(2027, 1, 1), today=TENTH, actor=SYSTEM, at=noon(TENTH))
        assert expired.status is AssetStatus.ACTIVE


@pytest.mark.parametrize("status", [AssetStatus.CANCELED, AssetStatus.RETURNED])
@pytest.mark.parametrize("step", AssetStep)
def test_what_is_over_stays_over(status, step):
    asset = Asset(code="AST-1", status=status)
    with pytest.raises(WrongAssetState):
        move(asset, step)
    assert asset.status is status


def test_lists_find_by_code_product_account_and_status(session, world, buy):
    first, second = buy(), buy(1, for_customer=True)
    with scope(world.scope):
        assert [row.asset.code for row in list_assets(AssetFilter(), limit=None)] == [second.code, first.code]
        assert count_assets(AssetFilter(search=first.code.lower())) == 1
        assert count_assets(AssetFilter(search="fabrikam")) == 2
        assert count_assets(AssetFilter(account_id=world.direct.id)) == 1
        assert count_assets(AssetFilter(status=AssetStatus.CANCELED)) == 0
        assert [row.unit_cost for row in list_assets(AssetFilter(search="direct"), limit=5)] == [D(100)]


def test_an_asset_of_a_service_manager_waits_for_it(session, world, buy):
    use_service_manager(session, world)
    with scope(world.scope):
        tool_type = session.merge(world.tool).product_type_id
        from app.catalogue.models import ProductType  # noqa: PLC0415

        session.get_one(ProductType, (world.id, tool_type)).service_manager_id = session.merge(
            world.product_type
        ).service_manager_id
        session.commit()
    asset = buy()
    assert (asset.status, asset.sync_status) == (AssetStatus.PENDING_ACTIVATION, SyncStatus.PENDING)


def test_its_owner_hears_that_it_stands(session, world, buy):
    """CB-31: an asset was created, in its seller's name."""
    mine, customers = buy(), buy(for_customer=True)
    with scope(world.scope):
        told = {
            each.fields["asset_code"]: each for each in all_of(session, OutboundMail) if each.template == "asset_ready"
        }
        assert set(told) == {mine.code, customers.code}
        assert told[customers.code].sender_reseller_id == world.tech.id
        assert told[customers.code].to_email != told[mine.code].to_email
