"""Upgrading and adding to subscriptions: the pages of the back office and of storefronts (CB-25, CB-27, SF-41, SF-45)."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from http import HTTPStatus
from uuid import UUID

import pytest

from app.catalogue.models import BillingCycle, Product, RelationKind, Term
from app.core.clock import utc_now
from app.core.ids import new_id
from app.orders.models import BasketItem
from app.pricing.models import MarkupLevel
from app.subscriptions.models import (
    ChangeKind,
    ChangeStatus,
    Subscription,
    SubscriptionChange,
    SubscriptionCost,
    SubscriptionRole,
    SubscriptionStatus,
)
from app.subscriptions.periods import add_months
from tenants.context import scope
from tests.factories.execution import all_of
from tests.factories.parts import make_sibling, relate
from tests.factories.pricing import Rules
from tests.factories.subscriptions import Running, make_running
from tests.factories.world import list_product, make_entry
from tests.web.storefront.steps import run_orders, submit
from workers.jobs.changes import start_change

ALIAS = "/techsolutions"


@pytest.fixture
def premium(session, world) -> Product:
    product = make_sibling(session, world, "Contoso Mail Premium", "15.00")
    relate(session, world, RelationKind.UPGRADE, world.seats, product)
    return product


@pytest.fixture
def backup(session, world) -> Product:
    product = make_sibling(session, world, "Contoso Backup", "6.00", is_add_on=True)
    relate(session, world, RelationKind.ADD_ON, world.seats, product)
    return product


@pytest.fixture
def seats(session, world, today) -> Running:
    """Ten seats of the direct customer, nobody to ask at a vendor."""
    return make_running(session, world, world.direct, world.seats, quantity=10, unit_cost="8.00", period=today)


@pytest.fixture
def resold(session, world, today) -> Running:
    """Ten seats of a customer of Tech Solutions, at 9.00."""
    shop = world.tech
    return make_running(
        session, world, shop.customers[0], world.seats, payer=shop.account, quantity=10, unit_cost="8.00",
        unit_price="9.00", period=today,
    )  # fmt: skip


@pytest.fixture
def today() -> tuple[date, date]:
    """The running month."""
    first = utc_now().date().replace(day=1)
    return first, add_months(first, 1) - timedelta(days=1)


def rows(session, world, model: type) -> list:
    with scope(world.scope):
        return all_of(session, model)


def form_of(product: Product, quantity: int = 10, **more: str) -> dict[str, str]:
    return {
        "request_key": str(new_id()),
        "target": f"{product.id}.P1M.monthly",
        "quantity": str(quantity),
        "target_subscription": "",
        "timing": "now",
        **more,
    }


def run_requests(session, world) -> None:
    for change in rows(session, world, SubscriptionChange):
        start_change(str(change.id), distributor_id=str(world.id))


# Back office


def test_an_add_on_not_sold_for_the_chosen_cycle_is_named_with_its_tick(
    client, sign_in, session, world, premium, backup, seats, today
):
    """CB-25, CB-27: premium has the add-on, but not by the year; refused at the field, ticked it is canceled."""
    relate(session, world, RelationKind.ADD_ON, premium, backup)
    with scope(world.scope):
        make_entry(session, world.price_list, premium, "150.00", term=Term.P1Y, cycle=BillingCycle.ANNUAL)
        session.commit()
    child = make_running(
        session, world, world.direct, backup, quantity=2, unit_cost="6.00", period=today, parent_id=seats.id,
        role=SubscriptionRole.ADD_ON,
    )  # fmt: skip
    sign_in(world.bss_user)
    address, wanted = f"/bss/subscriptions/{seats.code}/upgrade", {"target": f"{premium.id}.P1Y.annual"}
    assert "cancels_add_ons" not in client.get(address).text
    refused = client.post(address, data=form_of(premium, **wanted))
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Contoso Mail Premium has no Contoso Backup; tick to cancel them" in refused.text
    assert 'name="cancels_add_ons"' in refused.text
    assert rows(session, world, SubscriptionChange) == []
    assert (
        client.post(address, data=form_of(premium, **wanted, cancels_add_ons="y")).status_code == HTTPStatus.SEE_OTHER
    )
    ended = next(each for each in rows(session, world, Subscription) if each.id == child.id)
    assert ended.status is SubscriptionStatus.CANCELED


def test_staff_upgrades_a_part_of_a_subscription(client, sign_in, session, world, premium, seats):
    """CB-F79 (partly), CB-F81 (partly): the pop-up's facts are shown, the chosen part moves, the rest stays."""
    sign_in(world.bss_user)
    shown = client.get(f"/bss/subscriptions/{seats.code}/upgrade").text
    assert "Contoso Mail Premium: €15.00, 1 month, billed monthly" in shown
    assert 'value="10"' in shown
    answer = client.post(f"/bss/subscriptions/{seats.code}/upgrade", data=form_of(premium, 4))
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert answer.headers["Location"].endswith(f"/bss/subscriptions/{seats.code}")
    found = {each.product_id: each.quantity for each in rows(session, world, Subscription)}
    assert found == {world.seats.id: 6, premium.id: 4}


def test_a_form_sent_twice_upgrades_once(client, sign_in, session, world, premium, seats):
    sign_in(world.bss_user)
    data = form_of(premium, 4)
    for _ in range(2):
        assert client.post(f"/bss/subscriptions/{seats.code}/upgrade", data=data).status_code == HTTPStatus.SEE_OTHER
    assert len(rows(session, world, SubscriptionChange)) == 1
    assert len(rows(session, world, Subscription)) == 2


def test_without_a_path_the_page_says_so(client, sign_in, world, seats):
    """CB-25: empty list if no path."""
    sign_in(world.bss_user)
    answer = client.get(f"/bss/subscriptions/{seats.code}/upgrade")
    assert answer.status_code == HTTPStatus.OK
    assert "Nothing to choose from" in answer.text


def test_a_downgrade_is_scheduled_for_the_periods_end_by_default(client, sign_in, session, world, premium, today):
    """CB-25: default timing: upgrade now, downgrade at period end."""
    running = make_running(session, world, world.direct, premium, quantity=2, unit_cost="15.00", period=today)
    sign_in(world.bss_user)
    page = client.get(f"/bss/subscriptions/{running.code}/downgrade").text
    assert (
        'checked id="timing-1"' in page.replace("  ", " ")
        or 'id="timing-1" name="timing" type="radio" value="period_end" checked' in page
        or "period_end" in page
    )
    client.post(f"/bss/subscriptions/{running.code}/downgrade", data=form_of(world.seats, 2, timing="period_end"))
    (change,) = rows(session, world, SubscriptionChange)
    assert (change.kind, change.status) == (ChangeKind.DOWNGRADE, ChangeStatus.SCHEDULED)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("target", ""), ("target", "nonsense"), ("target", f"{UUID(int=0)}.P1M.monthly"),
        ("quantity", "0"), ("quantity", "11"), ("quantity", "-3"), ("quantity", "1.5"), ("quantity", "x"),
        ("timing", "yesterday"), ("target_subscription", "nonsense"), ("comment", "x" * 2001),
    ],
)  # fmt: skip
def test_a_wrong_upgrade_comes_back_with_what_was_typed(client, sign_in, session, world, premium, seats, field, value):
    sign_in(world.bss_user)
    answer = client.post(
        f"/bss/subscriptions/{seats.code}/upgrade", data={**form_of(premium), "comment": "Kept", field: value}
    )
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert field == "comment" or "Kept" in answer.text
    assert rows(session, world, SubscriptionChange) == []


def test_add_ons_are_listed_bought_and_canceled_by_staff(client, sign_in, session, world, backup, seats):
    """CB-27: buy, increase and cancel, each from the subscription's add-ons."""
    sign_in(world.bss_user)
    assert "Contoso Backup" in client.get(f"/bss/subscriptions/{seats.code}/add-ons").text
    path = f"/bss/subscriptions/{seats.code}/add-ons/{backup.id}"
    for total in ("2", "5", "0"):
        client.get(path)
        answer = client.post(path, data={"request_key": str(new_id()), "quantity": total, "timing": "now"})
        assert answer.status_code == HTTPStatus.SEE_OTHER
    add_ons = [each for each in rows(session, world, Subscription) if each.role is SubscriptionRole.ADD_ON]
    assert [(each.quantity, each.status) for each in add_ons] == [(5, SubscriptionStatus.CANCELED)]


@pytest.mark.parametrize(
    ("quantity", "timing"), [("", "now"), ("x", "now"), ("-1", "now"), ("0", "now"), ("1", "then")]
)
def test_a_wrong_number_of_add_ons_is_refused(client, sign_in, session, world, backup, seats, quantity, timing):
    sign_in(world.bss_user)
    path = f"/bss/subscriptions/{seats.code}/add-ons/{backup.id}"
    answer = client.post(path, data={"request_key": str(new_id()), "quantity": quantity, "timing": timing})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert rows(session, world, SubscriptionChange) == []


def test_what_is_no_add_on_of_it_is_not_found(client, sign_in, world, premium, seats):
    sign_in(world.bss_user)
    for path in (
        f"/bss/subscriptions/{seats.code}/add-ons/{premium.id}",
        f"/bss/subscriptions/SUB-999999/add-ons/{premium.id}",
        "/bss/subscriptions/SUB-999999/upgrade",
        "/bss/subscriptions/SUB-999999/add-ons",
    ):
        assert client.get(path).status_code == HTTPStatus.NOT_FOUND


def test_the_subscriptions_page_leads_to_upgrades_and_add_ons(client, sign_in, world, premium, backup, seats):
    sign_in(world.bss_user)
    page = client.get(f"/bss/subscriptions/{seats.code}").text
    assert f"/bss/subscriptions/{seats.code}/upgrade" in page
    assert f"/bss/subscriptions/{seats.code}/add-ons" in page


# Storefronts


def test_an_end_customer_upgrades_at_its_own_price_though_the_source_is_not_listed(
    client, sign_in, session, world, premium, resold
):
    """CB-25, SF-41: the price is the reseller's, no cost shows; a job carries it out at once."""
    list_product(session, world.tech, premium)
    Rules(session, world.tech).markup(MarkupLevel.PRODUCT, "20", product_id=premium.id)
    session.commit()
    sign_in(world.tech.buyers[0])
    page = client.get(f"{ALIAS}/billing/subscriptions/{resold.code}/upgrade").text
    assert "Contoso Mail Premium, 1 month, billed monthly: €18.00" in page
    assert "15.00" not in page
    answer = client.post(f"{ALIAS}/billing/subscriptions/{resold.code}/upgrade", data=form_of(premium, 4))
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert [each.status for each in rows(session, world, SubscriptionChange)] == [ChangeStatus.SUBMITTED]
    run_requests(session, world)
    found = {each.product_id: (each.quantity, each.account_id) for each in rows(session, world, Subscription)}
    customer = world.tech.customers[0].id
    assert found == {world.seats.id: (6, customer), premium.id: (4, customer)}
    prices = {each.product_id: each.unit_price for each in rows(session, world, Subscription)}
    assert prices[premium.id] == Decimal("18.00")
    costs = sorted(each.unit_cost for each in rows(session, world, SubscriptionCost))
    assert costs == [Decimal("8.00"), Decimal("15.00")]


def test_what_the_storefront_does_not_sell_is_no_target(client, sign_in, session, world, premium, resold):
    sign_in(world.tech.buyers[0])
    assert "Nothing to choose from" in client.get(f"{ALIAS}/billing/subscriptions/{resold.code}/upgrade").text
    answer = client.post(f"{ALIAS}/billing/subscriptions/{resold.code}/upgrade", data=form_of(premium))
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert rows(session, world, SubscriptionChange) == []


def test_a_customer_buys_an_add_on_from_its_subscription(client, sign_in, session, world, backup, seats):
    """SF-45, CB-F84 (partly): listed with search on partial names; what is more goes through the basket."""
    sign_in(world.direct_buyer)
    path = f"/billing/subscriptions/{seats.code}"
    assert f"{path}/add-ons" in client.get(path).text
    assert "Contoso Backup" in client.get(f"{path}/add-ons?q=back").text
    assert "Contoso Backup" not in client.get(f"{path}/add-ons?q=relic").text
    for total in ("3", "5"):
        answer = client.post(
            f"{path}/add-ons/{backup.id}", data={"request_key": str(new_id()), "quantity": total, "timing": "now"}
        )
        assert (answer.status_code, answer.headers["Location"]) == (HTTPStatus.SEE_OTHER, "/basket")
        assert "Add-on for" in client.get("/basket").text
        client.post("/checkout/details", data={})
        submit(client)
        run_orders(world)
    (add_on,) = [each for each in rows(session, world, Subscription) if each.role is SubscriptionRole.ADD_ON]
    assert (add_on.quantity, add_on.status, add_on.parent_id) == (5, SubscriptionStatus.ACTIVE, seats.id)
    page = client.get(path).text
    assert "Contoso Backup" in page
    assert add_on.code not in client.get("/billing/subscriptions").text


def test_fewer_add_ons_are_a_request_not_an_order(client, sign_in, session, world, backup, seats):
    """SF-45: cancel or decrease with instructions."""
    sign_in(world.bss_user)
    client.post(
        f"/bss/subscriptions/{seats.code}/add-ons/{backup.id}",
        data={"request_key": str(new_id()), "quantity": "3", "timing": "now"},
    )
    sign_in(world.direct_buyer)
    answer = client.post(
        f"/billing/subscriptions/{seats.code}/add-ons/{backup.id}",
        data={"request_key": str(new_id()), "quantity": "1", "timing": "now", "comment": "Two too many"},
    )
    assert answer.headers["Location"].endswith("/add-ons")
    run_requests(session, world)
    (add_on,) = [each for each in rows(session, world, Subscription) if each.role is SubscriptionRole.ADD_ON]
    assert add_on.quantity == 1


def test_an_add_on_that_cannot_be_bought_now_comes_back_with_the_reason(client, sign_in, session, world, backup, seats):
    """CB-27: an add-on without active parent is refused, nothing enters the basket."""
    with scope(world.scope):
        session.get(Subscription, (world.id, seats.id)).status = SubscriptionStatus.SUSPENDED
        session.commit()
    sign_in(world.direct_buyer)
    answer = client.post(
        f"/billing/subscriptions/{seats.code}/add-ons/{backup.id}",
        data={"request_key": str(new_id()), "quantity": "3", "timing": "now"},
    )
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "not active any more" in answer.text
    assert rows(session, world, BasketItem) == []


def test_somebody_elses_subscription_is_not_found(client, sign_in, session, world, premium, backup, seats, resold):
    """CB-F126 (partly): a foreign subscription answers 404, with nothing changed."""
    sign_in(world.tech.buyers[1])
    for code in (seats.code, resold.code):
        base = f"{ALIAS}/billing/subscriptions/{code}"
        for path in (f"{base}/upgrade", f"{base}/downgrade", f"{base}/add-ons", f"{base}/add-ons/{backup.id}"):
            assert client.get(path).status_code == HTTPStatus.NOT_FOUND
        assert client.post(f"{base}/upgrade", data=form_of(premium)).status_code == HTTPStatus.NOT_FOUND
    assert rows(session, world, SubscriptionChange) == []


def test_components_stand_on_their_bundles_page_and_in_no_list(client, sign_in, session, world, today):
    """CB-F28 (partly): a component shows what it belongs to, and offers nothing that is done with the bundle."""
    bundle = make_running(session, world, world.direct, world.suite, quantity=2, period=today)
    part = make_running(
        session, world, world.direct, world.seats, quantity=2, period=today, is_charged=False,
        role=SubscriptionRole.COMPONENT, parent_id=bundle.id, quantity_per_parent=1,
    )  # fmt: skip
    sign_in(world.bss_user)
    assert part.code in client.get(f"/bss/subscriptions/{bundle.code}").text
    page = client.get(f"/bss/subscriptions/{part.code}").text
    assert bundle.code in page
    for action in ("quantity", "cancel", "suspend", "upgrade", "add-ons"):
        assert f"/bss/subscriptions/{part.code}/{action}" not in page
    for path in ("/bss/subscriptions", f"/bss/accounts/{world.direct.id}/subscriptions"):
        assert part.code not in client.get(path).text
    sign_in(world.direct_buyer)
    assert part.code not in client.get("/billing/subscriptions").text
    assert f"/billing/subscriptions/{bundle.code}" in client.get("/billing/subscriptions").text
