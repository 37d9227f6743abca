"""Upgrades and downgrades: who may become what, the money, the records, the vendor (CB-10, CB-25)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.billing.models import Charge
from app.catalogue.models import BillingCycle, ProductType, RelationKind, Term
from app.catalogue.paths import downgrade_targets, is_upgrade, set_upgrade_targets, upgrade_targets
from app.changes.due import apply_due
from app.changes.errors import ChangePending, NotOffered
from app.changes.requests import reject_change
from app.core.errors import Conflict, Invalid
from app.subscriptions.errors import SubscriptionNotFound, WrongSyncState
from app.subscriptions.models import (
    ChangeKind,
    ChangeStatus,
    ChangeTiming,
    Subscription,
    SubscriptionChange,
    SubscriptionCost,
    SubscriptionStatus,
    SubscriptionVendorLink,
    SyncStatus,
)
from tenants.context import scope
from tests.domain.changes.conftest import STAFF, on
from tests.factories.parts import make_sibling, relate
from tests.factories.world import make_entry, make_product
from workers.connectors.base import RequestKind

UPGRADE, DOWNGRADE = ChangeKind.UPGRADE, ChangeKind.DOWNGRADE
JUNE_16 = on(16)
LAST = date(2026, 6, 30)


def target_of(desk, change) -> Subscription:
    found = desk.change(change).target_subscription_id
    return next(each for each in desk.rows(Subscription) if each.id == found)


def charges(desk, subscription) -> list[tuple[str, str, date | None, date | None]]:
    return [
        (each.kind.value, f"{each.net_amount:.2f}", each.period_from, each.period_to)
        for each in desk.rows(Charge)
        if each.subscription_id == subscription.id and each.change_id is not None
    ]


# The path


def test_upgrades_lead_to_products_of_the_same_type_along_the_path_and_back(session, desk, premium):
    """CB-F79: only same-type targets on the path; B as upgrade of A makes A a downgrade of B; A to B to D chains."""
    world = desk.world
    top = make_sibling(session, world, "Contoso Mail Top", "20.00")
    relate(session, world, RelationKind.UPGRADE, premium, top)
    with scope(world.scope):
        other_type = ProductType(name="Other", kind=world.product_type.kind, created_at=JUNE_16)
        session.add(other_type)
        session.flush()
        stranger = make_product(session, other_type, "Stranger")
        session.commit()
        stranger_id = stranger.id
    relate(session, world, RelationKind.UPGRADE, world.seats, session.merge(stranger, load=False))
    with scope(world.scope):
        assert [each.id for each in upgrade_targets(world.seats.id)] == [premium.id, top.id]
        assert [each.id for each in downgrade_targets(top.id)] == [premium.id, world.seats.id]
        assert world.seats.id in {each.id for each in downgrade_targets(premium.id)}
        assert not is_upgrade(premium.id, world.seats.id)
        assert not is_upgrade(world.seats.id, stranger_id)
        assert upgrade_targets(top.id) == []


def test_a_path_that_would_lead_back_or_to_another_type_is_refused(session, desk, premium):
    world = desk.world
    with scope(world.scope):
        with pytest.raises(Invalid) as ring:
            set_upgrade_targets(premium.id, [world.seats.id], actor=STAFF, at=JUNE_16)
        assert ring.value.codes == ("upgrade_cycle",)
        other_type = ProductType(name="Other", kind=world.product_type.kind, created_at=JUNE_16)
        session.add(other_type)
        session.flush()
        stranger = make_product(session, other_type, "Stranger")
        with pytest.raises(Invalid) as foreign:
            set_upgrade_targets(world.seats.id, [premium.id, stranger.id], actor=STAFF, at=JUNE_16)
        assert foreign.value.codes == ("upgrade_type",)
        assert [each.id for each in upgrade_targets(world.seats.id)] == [premium.id]


@pytest.mark.parametrize("kind", [UPGRADE, DOWNGRADE])
def test_what_is_not_on_the_path_is_refused(session, desk, premium, kind):
    """CB-F79: no path, no upgrade; nothing changes."""
    running = desk.running(quantity=10, unit_cost="8.00")
    target = desk.world.suite if kind is UPGRADE else premium
    with pytest.raises(Invalid) as refused:
        desk.submit(running, kind, target_product_id=target.id, at=JUNE_16)
    assert refused.value.codes == ("no_path",)
    assert desk.rows(SubscriptionChange) == []


# The money and the records


def test_a_full_upgrade_credits_the_source_and_charges_the_target(desk, premium):
    """CB-F80: 10 x 8.00 to 15.00 on 16 of 1 to 30 June: credit 40.00 and debit 75.00, two papers."""
    running = desk.running(quantity=10, unit_cost="8.00")
    change = desk.submit(running, UPGRADE, target_product_id=premium.id, at=JUNE_16)
    target = target_of(desk, change)
    assert desk.charged(running) == [("upgrade", "-40.00", date(2026, 6, 16), LAST)]
    assert charges(desk, target) == [("upgrade", "75.00", date(2026, 6, 16), LAST)]
    assert sorted(desk.papers()) == [("credit_note", "40.00"), ("invoice", "75.00")]
    credit = next(each for each in desk.rows(Charge) if each.net_amount < 0)
    paid = next(each for each in desk.rows(Charge) if each.id == credit.credits_id)
    assert (paid.subscription_id, paid.net_amount) == (running.id, Decimal("80.00"))
    source = desk.subscription(running)
    assert (source.status, source.quantity) == (SubscriptionStatus.CANCELED, 10)
    assert (target.status, target.quantity, target.product_id, target.period_from, target.period_to) == (
        SubscriptionStatus.ACTIVE, 10, premium.id, date(2026, 6, 16), LAST,
    )  # fmt: skip
    assert (target.account_id, target.payer_id, target.renews_on) == (
        source.account_id, source.payer_id, source.renews_on,
    )  # fmt: skip
    assert desk.change(change).status is ChangeStatus.COMPLETED


def test_a_partial_upgrade_leaves_the_rest_on_the_source(desk, premium):
    """CB-F81: a partial upgrade of 4 leaves 6 on the source; credit 16.00, debit 30.00."""
    running = desk.running(quantity=10, unit_cost="8.00")
    change = desk.submit(running, UPGRADE, target_product_id=premium.id, quantity_to=6, at=JUNE_16)
    source, target = desk.subscription(running), target_of(desk, change)
    assert (source.quantity, source.status, target.quantity) == (6, SubscriptionStatus.ACTIVE, 4)
    assert desk.charged(running) == [("upgrade", "-16.00", date(2026, 6, 16), LAST)]
    assert charges(desk, target) == [("upgrade", "30.00", date(2026, 6, 16), LAST)]


def test_an_upgrade_may_go_into_an_existing_subscription_of_the_target(desk, premium):
    """CB-25: the target may be an existing subscription; it grows at its own price, to its own period's end."""
    running = desk.running(quantity=10, unit_cost="8.00")
    existing = desk.running(product=premium, quantity=3, unit_cost="14.00")
    desk.submit(
        running, UPGRADE, target_product_id=premium.id, target_subscription_id=existing.id, quantity_to=6, at=JUNE_16
    )
    assert (desk.subscription(running).quantity, desk.subscription(existing).quantity) == (6, 7)
    assert desk.charged(existing) == [("upgrade", "28.00", date(2026, 6, 16), LAST)]
    assert len(desk.rows(Subscription)) == 2


def test_a_target_with_another_unit_begins_its_own_cycle(session, desk, premium):
    """CB-25: the target keeps the source's period end unless its unit differs; then its own cycle from the day on."""
    world = desk.world
    with scope(world.scope):
        yearly = make_product(
            session, world.product_type, "Contoso Mail Yearly", term=Term.P1Y, cycle=BillingCycle.ANNUAL
        )
        make_entry(session, world.price_list, yearly, "150.00", term=Term.P1Y, cycle=BillingCycle.ANNUAL)
        session.commit()
        yearly_id = yearly.id
    relate(session, world, RelationKind.UPGRADE, world.seats, session.merge(yearly, load=False))
    running = desk.running(quantity=10, unit_cost="8.00")
    change = desk.submit(
        running, UPGRADE, target_product_id=yearly_id, details={"term": "P1Y", "cycle": "annual"}, at=JUNE_16
    )
    target = target_of(desk, change)
    assert (target.period_from, target.period_to, target.renews_on) == (
        date(2026, 6, 16), date(2027, 6, 15), date(2027, 6, 16),
    )  # fmt: skip
    assert charges(desk, target) == [("recurring", "1500.00", date(2026, 6, 16), date(2027, 6, 15))]


def test_the_credit_is_never_more_than_was_charged(desk, premium):
    """CB-29 (partly): what was not charged cannot come back."""
    running = desk.running(quantity=10, unit_cost="8.00", is_charged=False)
    desk.submit(running, UPGRADE, target_product_id=premium.id, at=JUNE_16)
    assert desk.charged(running) == []


def test_the_source_of_an_end_customer_is_priced_by_the_resellers_markup(desk, premium):
    """CB-25: end customers of standard resellers upgrade at the reseller's markup; the reseller pays its cost."""
    shop = desk.world.tech
    running = desk.running(
        account=shop.customers[0], payer=shop.account, quantity=2, unit_cost="8.00", unit_price="9.00"
    )
    change = desk.submit(running, UPGRADE, target_product_id=premium.id, at=JUNE_16)
    target = target_of(desk, change)
    cost = next(each for each in desk.rows(SubscriptionCost) if each.subscription_id == target.id)
    assert (cost.unit_cost, cost.account_id) == (Decimal("15.00"), shop.id)
    assert target.unit_price is not None
    assert target.unit_price >= Decimal("15.00")
    assert (target.account_id, target.payer_id) == (shop.customers[0].id, shop.id)


# Timing


def test_a_downgrade_at_the_periods_end_starts_the_next_period_with_the_other_product(desk, premium):
    """CB-25: downgrade at period end; no credit, and the new period is charged at the target's price."""
    running = desk.running(product=premium, quantity=10, unit_cost="15.00")
    change = desk.submit(
        running, DOWNGRADE, target_product_id=desk.world.seats.id, timing=ChangeTiming.PERIOD_END, at=JUNE_16
    )
    assert (change.status, change.effective_on) == (ChangeStatus.SCHEDULED, date(2026, 7, 1))
    assert desk.subscription(running).product_id == premium.id
    with scope(desk.world.scope):
        from app.core.db import session, unit_of_work  # noqa: PLC0415

        with unit_of_work():
            apply_due(session.merge(desk.subscription(running)), on=date(2026, 7, 1), at=on(1, 7))
    target = target_of(desk, change)
    assert desk.subscription(running).status is SubscriptionStatus.CANCELED
    assert (target.product_id, target.period_from, target.period_to) == (
        desk.world.seats.id, date(2026, 7, 1), date(2026, 7, 31),
    )  # fmt: skip
    assert desk.charged(running) == []
    assert charges(desk, target) == [("recurring", "100.00", date(2026, 7, 1), date(2026, 7, 31))]


def test_a_downgrade_now_is_credited_by_the_refund_policy(session, desk, premium):
    """CB-25: of a downgrade the policy applies; of an upgrade the credit is always full."""
    with scope(desk.world.scope):
        session.merge(desk.world.product_type).refund_policy = {"then": "none"}
        session.commit()
    down = desk.running(product=premium, quantity=10, unit_cost="15.00")
    desk.submit(down, DOWNGRADE, target_product_id=desk.world.seats.id, at=JUNE_16)
    assert [row for row in desk.charged(down) if row[1] != "0.00"] == []
    up = desk.running(quantity=10, unit_cost="8.00")
    desk.submit(up, UPGRADE, target_product_id=premium.id, at=JUNE_16)
    assert desk.charged(up) == [("upgrade", "-40.00", date(2026, 6, 16), LAST)]


def test_a_customers_downgrade_waits_for_bss_unless_the_type_says_automatic(session, desk, premium):
    """CB-25: storefront upgrades run automatically; downgrades follow the type switch."""
    first = desk.running(product=premium, quantity=10, unit_cost="15.00")
    asked = desk.submit(first, DOWNGRADE, target_product_id=desk.world.seats.id, is_from_storefront=True, at=JUNE_16)
    desk.look(asked, at=JUNE_16)
    assert desk.change(asked).status is ChangeStatus.SUBMITTED
    with scope(desk.world.scope):
        session.merge(desk.world.product_type).automatic_downgrade = True
        session.commit()
    second = desk.running(product=premium, quantity=10, unit_cost="15.00")
    done = desk.submit(second, DOWNGRADE, target_product_id=desk.world.seats.id, is_from_storefront=True, at=JUNE_16)
    desk.look(done, at=JUNE_16)
    assert desk.change(done).status is ChangeStatus.COMPLETED
    up = desk.running(quantity=10, unit_cost="8.00")
    upgraded = desk.submit(up, UPGRADE, target_product_id=premium.id, is_from_storefront=True, at=JUNE_16)
    desk.look(upgraded, at=JUNE_16)
    assert desk.change(upgraded).status is ChangeStatus.COMPLETED


def test_a_customers_upgrade_beyond_its_payers_credit_is_rejected_in_neutral_words(session, desk, premium):
    """SF-30 (partly): 35.00 more, 30.00 available: rejected, nothing charged; the reseller's account is not named."""
    shop = desk.world.tech
    running = desk.running(account=shop.customers[0], payer=shop.account, quantity=10, unit_cost="8.00")
    with scope(desk.world.scope):
        session.merge(shop.account).credit_limit = Decimal("30.00")
        session.commit()
    wish = {"target_product_id": premium.id, "is_from_storefront": True, "where": shop.customer_scope()}
    asked = desk.submit(running, UPGRADE, at=JUNE_16, **wish)
    desk.look(asked, at=JUNE_16)
    change = desk.change(asked)
    assert change.status is ChangeStatus.REJECTED
    assert change.decision_reason == f"{running.code} cannot be changed at present"
    assert (desk.charged(running), desk.subscription(running).status) == ([], SubscriptionStatus.ACTIVE)
    with scope(desk.world.scope):
        session.merge(shop.account).credit_limit = Decimal("35.00")
        session.commit()
    again = desk.submit(running, UPGRADE, at=JUNE_16, **wish)
    desk.look(again, at=JUNE_16)
    assert desk.change(again).status is ChangeStatus.COMPLETED


# The vendor


def test_a_full_upgrade_changes_the_service_at_the_vendor_first(desk, premium):
    """CB-22: applied and charged only when the vendor has confirmed; the service there keeps its name."""
    running = desk.running(quantity=10, unit_cost="8.00", is_provisioned=True)
    change = desk.submit(running, UPGRADE, target_product_id=premium.id, at=JUNE_16)
    assert desk.subscription(running).status is SubscriptionStatus.ACTIVE
    assert desk.charged(running) == []
    desk.run_tasks(at=JUNE_16)
    (call,) = desk.vendor.requests
    assert (call.request.kind, call.request.product_code, call.request.quantity, call.request.vendor_reference) == (
        RequestKind.UPDATE, premium.code, 10, "resource-1",
    )  # fmt: skip
    target = target_of(desk, change)
    assert [(each.subscription_id, each.vendor_reference) for each in desk.rows(SubscriptionVendorLink)] == [
        (target.id, "resource-1")
    ]
    assert (target.sync_status, desk.subscription(running).status) == (
        SyncStatus.SYNCHRONISED, SubscriptionStatus.CANCELED,
    )  # fmt: skip


def test_a_partial_upgrade_makes_the_new_service_before_the_old_one_shrinks(desk, premium):
    """CB-22: both vendor steps are confirmed before anything is applied."""
    running = desk.running(quantity=10, unit_cost="8.00", is_provisioned=True)
    change = desk.submit(running, UPGRADE, target_product_id=premium.id, quantity_to=6, at=JUNE_16)
    desk.run_tasks(at=JUNE_16)
    assert (desk.subscription(running).quantity, desk.charged(running)) == (10, [])
    desk.run_tasks(at=JUNE_16)
    assert [(call.request.kind, call.request.quantity) for call in desk.vendor.requests] == [
        (RequestKind.CREATE, 4), (RequestKind.UPDATE, 6),
    ]  # fmt: skip
    target = target_of(desk, change)
    assert (desk.subscription(running).quantity, target.quantity, target.status) == (6, 4, SubscriptionStatus.ACTIVE)
    assert sorted(desk.papers()) == [("credit_note", "16.00"), ("invoice", "30.00")]
    links = {each.subscription_id: each.vendor_reference for each in desk.rows(SubscriptionVendorLink)}
    assert links[running.id] == "resource-1"
    assert links[target.id]


def test_a_refused_upgrade_leaves_everything_as_it_was(desk, premium):
    """SF-41: vendor failure, nothing changes."""
    running = desk.running(quantity=10, unit_cost="8.00", is_provisioned=True)
    desk.vendor.reject_next(times=1, code="9", reason="No such plan")
    change = desk.submit(running, UPGRADE, target_product_id=premium.id, at=JUNE_16)
    desk.run_tasks(at=JUNE_16)
    source = desk.subscription(running)
    assert (source.status, source.quantity, source.sync_status) == (SubscriptionStatus.ACTIVE, 10, SyncStatus.FAILED)
    assert (desk.charged(running), desk.papers(), len(desk.rows(Subscription))) == ([], [], 1)
    assert desk.change(change).status is ChangeStatus.FAILED


def test_giving_up_a_half_done_upgrade_takes_the_new_service_away_again(desk, premium):
    running = desk.running(quantity=10, unit_cost="8.00", is_provisioned=True)
    change = desk.submit(running, UPGRADE, target_product_id=premium.id, quantity_to=6, at=JUNE_16)
    desk.run_tasks(at=JUNE_16)
    desk.vendor.reject_next(times=1, code="9", reason="Not now")
    desk.run_tasks(at=JUNE_16)
    assert desk.change(change).status is ChangeStatus.FAILED
    desk.do(reject_change, change.id, "Not possible", actor=STAFF, at=JUNE_16)
    desk.run_tasks(at=JUNE_16)
    assert [call.request.kind for call in desk.vendor.requests][-1] is RequestKind.CANCEL
    statuses = {each.status for each in desk.rows(Subscription) if each.id != running.id}
    assert statuses == {SubscriptionStatus.CANCELED}
    source = desk.subscription(running)
    assert (source.quantity, source.status, source.sync_status, desk.papers()) == (
        10, SubscriptionStatus.ACTIVE, SyncStatus.SYNCHRONISED, [],
    )  # fmt: skip


# Exclusive products


def test_between_exclusive_products_nothing_moves_in_part_and_all_subscriptions_move_together(session, desk, premium):
    """CB-F26: a partial upgrade between exclusive products is refused; all A subscriptions move together."""
    relate(session, desk.world, RelationKind.EXCLUSIVE, desk.world.seats, premium)
    first = desk.running(quantity=10, unit_cost="8.00")
    second = desk.running(quantity=4, unit_cost="8.00")
    foreign = desk.running(account=desk.world.basic.account, quantity=2, unit_cost="8.00")
    with pytest.raises(Invalid) as refused:
        desk.submit(first, UPGRADE, target_product_id=premium.id, quantity_to=6, at=JUNE_16)
    assert refused.value.codes == ("full_only",)
    assert desk.rows(SubscriptionChange) == []
    desk.submit(first, UPGRADE, target_product_id=premium.id, at=JUNE_16)
    live = [each for each in desk.rows(Subscription) if each.status is SubscriptionStatus.ACTIVE]
    assert sorted((each.product_id, each.quantity) for each in live if each.id != foreign.id) == [
        (premium.id, 4), (premium.id, 10),
    ]  # fmt: skip
    assert desk.subscription(foreign).product_id == desk.world.seats.id
    assert desk.charged(first) == [("upgrade", "-40.00", date(2026, 6, 16), LAST)]
    assert desk.charged(second) == [("upgrade", "-16.00", date(2026, 6, 16), LAST)]


def test_all_exclusive_subscriptions_are_changed_at_the_vendor_before_any_is_charged(session, desk, premium):
    """CB-F26 (partly): each of them is a service of its own at the vendor."""
    relate(session, desk.world, RelationKind.EXCLUSIVE, premium, desk.world.seats)
    first = desk.running(quantity=10, unit_cost="8.00", is_provisioned=True)
    second = desk.running(quantity=4, unit_cost="8.00", is_provisioned=True)
    desk.submit(first, UPGRADE, target_product_id=premium.id, at=JUNE_16)
    desk.run_tasks(at=JUNE_16)
    assert desk.papers() == []
    desk.run_tasks(at=JUNE_16)
    assert [call.request.vendor_reference for call in desk.vendor.requests] == ["resource-1", "resource-2"]
    assert {desk.subscription(each).status for each in (first, second)} == {SubscriptionStatus.CANCELED}


def test_an_upgrade_into_something_exclusive_with_what_else_is_owned_is_refused(session, desk, premium):
    """CB-10: a customer with an active product cannot come to have one that excludes it; the error names it."""
    relate(session, desk.world, RelationKind.EXCLUSIVE, desk.world.suite, premium)
    blocking = desk.running(product=desk.world.suite, quantity=1)
    running = desk.running(quantity=10, unit_cost="8.00")
    with pytest.raises(Invalid, match=blocking.code) as refused:
        desk.submit(running, UPGRADE, target_product_id=premium.id, at=JUNE_16)
    assert refused.value.codes == ("exclusive",)


# Refusals


@pytest.mark.parametrize("stays", [10, 11, -1])
def test_more_than_is_owned_or_nothing_at_all_is_refused(desk, premium, stays):
    running = desk.running(quantity=10, unit_cost="8.00")
    with pytest.raises(Invalid) as refused:
        desk.submit(running, UPGRADE, target_product_id=premium.id, quantity_to=stays, at=JUNE_16)
    assert refused.value.codes == ("quantity_range",)
    assert desk.rows(SubscriptionChange) == []


def test_upgrades_wait_for_other_requests_and_for_repair(desk, premium):
    """CB-F78 (partly), CB-F70 (partly): with a request pending, or sync Failed, an upgrade is refused."""
    running = desk.running(quantity=10, unit_cost="8.00")
    desk.submit(running, ChangeKind.QUANTITY, quantity_to=8, timing=ChangeTiming.PERIOD_END, at=JUNE_16)
    with pytest.raises(ChangePending):
        desk.submit(running, UPGRADE, target_product_id=premium.id, at=JUNE_16)
    failed = desk.running(quantity=10, is_provisioned=True, sync_status=SyncStatus.FAILED)
    with pytest.raises(WrongSyncState):
        desk.submit(failed, UPGRADE, target_product_id=premium.id, at=JUNE_16)


def test_a_type_may_forbid_upgrades(session, desk, premium):
    with scope(desk.world.scope):
        session.merge(desk.world.product_type).allows_upgrade = False
        session.commit()
    running = desk.running(quantity=10, unit_cost="8.00")
    with pytest.raises(NotOffered):
        desk.submit(running, UPGRADE, target_product_id=premium.id, at=JUNE_16)


def test_somebody_elses_subscription_is_no_target(desk, premium):
    running = desk.running(quantity=10, unit_cost="8.00")
    foreign = desk.running(account=desk.world.basic.account, product=premium, quantity=1, unit_cost="15.00")
    with pytest.raises(SubscriptionNotFound):
        desk.submit(running, UPGRADE, target_product_id=premium.id, target_subscription_id=foreign.id, at=JUNE_16)
    assert desk.subscription(foreign).quantity == 1


def test_the_second_upgrade_of_what_has_become_something_else_is_a_conflict(desk, premium):
    running = desk.running(quantity=10, unit_cost="8.00")
    desk.submit(running, UPGRADE, target_product_id=premium.id, at=JUNE_16)
    with pytest.raises(Conflict):
        desk.submit(running, UPGRADE, target_product_id=premium.id, at=JUNE_16)
    assert len(desk.papers()) == 2
