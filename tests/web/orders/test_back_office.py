from __future__ import annotations

import re
from decimal import Decimal
from http import HTTPStatus

import pytest
from sqlalchemy import update

from app.catalogue.models import BillingCycle, ProductType, Term
from app.core import db
from app.core.db import unit_of_work
from app.identity.models import UserKind, UserType
from app.notifications.models import OutboundMail
from app.orders.execution import process_work
from app.orders.models import DeliveryStatus, Order, OrderChannel, OrderItem, OrderItemCost, OrderStatus
from app.subscriptions.models import PriceLabel, SubscriptionCost
from tenants.context import scope
from tenants.settings import DistributorSettings, save_distributor_settings
from tests.factories.execution import Wanted, all_of, make_order, root_order
from tests.factories.world import MONDAY_NOON, World, make_entry, make_product, make_user
from tests.web.conftest import signed_in_browser
from tests.web.storefront.steps import run_orders, submit

JSON = {"Accept": "application/json"}


@pytest.fixture
def bss(sign_in, world: World):
    """An administrator of the back office."""
    return sign_in(world.bss_user)


def key_of(product, cycle: str = "monthly", term: str = "P1M") -> str:
    return f"{product.id}:{term}:{cycle}"


@pytest.fixture
def number(bss, world: World) -> str:
    """An order for the direct customer, without items."""
    made = bss.post(f"/bss/orders/new/{world.direct.id}", data={})
    return str(made.headers["Location"]).split("/")[-2]


def put(bss, number: str, product, **data: str):
    return bss.post(f"/bss/orders/{number}/items/new", data={"key": key_of(product), "quantity": "1", **data})


def order_of(world: World, number: str) -> Order:
    with scope(world.scope):
        return next(each for each in all_of(db.session, Order) if each.number == number)


def as_role(app, session, world: World, role: str):
    with scope(world.scope):
        person = make_user(
            session, None, kind=UserKind.BSS, realms=(world.id,), first_name="Mia", type=UserType.USER, roles=(role,)
        )
        session.commit()
    browser = app.test_client()
    browser.host = world.host
    return signed_in_browser(browser, world, person)


def test_an_order_without_a_name_gets_account_and_code(bss, world, number):
    """CB-F51: account name + code; a name that was typed stays."""
    assert order_of(world, number).name == f"{world.direct.name} {number}"
    named = bss.post(f"/bss/orders/new/{world.direct.id}", data={"name": "Spring", "starts_on": "2030-01-02"})
    other = order_of(world, str(named.headers["Location"]).split("/")[-2])
    assert (other.name, str(other.execute_on)) == ("Spring", "2030-01-02")


def test_execute_is_absent_on_drafts_and_refused(session, bss, world):
    """CB-F52: a draft's page is not there, a direct call answers 409, and nothing is made."""
    placed = root_order(session, world, [Wanted(world.seats)], status=OrderStatus.DRAFT)
    assert bss.get(f"/bss/orders/{placed.number}").status_code == HTTPStatus.NOT_FOUND
    assert placed.number not in bss.get("/bss/orders").text
    for path, data in (
        ("execute", {}),
        ("deliver", {"selected": str(placed.items[0].id)}),
        ("cancel", {"reason": "x"}),
    ):
        answer = bss.post(f"/bss/orders/{placed.number}/{path}", data=data, headers=JSON)
        assert answer.status_code in (HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND), path
    assert bss.post(f"/bss/orders/{placed.number}/execute", headers=JSON).status_code == HTTPStatus.CONFLICT
    assert order_of(world, placed.number).status is OrderStatus.DRAFT


def test_a_price_by_hand_wins_over_a_discount(session, bss, world, number):
    """CB-F12: 9.00 by hand with 50 % discount is 9.00; the subscription goes on at it."""
    put(bss, number, world.seats, quantity="2", user_price="9.00", discount_percent="50")
    page = bss.get(f"/bss/orders/{number}").text
    assert "Price by hand" in page
    assert "18.00" in page
    bss.post(f"/bss/orders/{number}/execute")
    run_orders(world)
    with scope(world.scope):
        (cost,) = all_of(session, SubscriptionCost)
        assert (cost.unit_cost, cost.user_price, cost.label) == (Decimal(9), Decimal(9), PriceLabel.USER_PRICED)
        assert order_of(world, number).net_total == Decimal("18.00")


def test_a_discount_lowers_todays_price(session, bss, world, number):
    put(bss, number, world.seats, quantity="2", discount_percent="10")
    with scope(world.scope):
        (cost,) = all_of(session, OrderItemCost)
        assert (cost.base_cost, cost.unit_cost, cost.line_cost) == (Decimal(10), Decimal(9), Decimal(18))
        (item,) = all_of(session, OrderItem)
    page = bss.get(f"/bss/orders/{number}").text
    assert "10 % discount" in page
    assert re.search(r"Discount.*?2\.00", page, re.DOTALL)
    cleared = bss.save(f"/bss/orders/{number}/items/{item.id}", data={"quantity": "3"})
    assert cleared.status_code == HTTPStatus.SEE_OTHER
    assert order_of(world, number).net_total == Decimal("30.00")


def test_other_prices_take_the_right(app, session, bss, world, number):
    """CB-44: without the right the fields are not there, and what is sent in them is not taken."""
    seller = as_role(app, session, world, "sales")
    assert 'name="user_price"' in bss.get(f"/bss/orders/{number}/items/new?key={key_of(world.seats)}").text
    assert 'name="user_price"' not in seller.get(f"/bss/orders/{number}/items/new?key={key_of(world.seats)}").text
    put(seller, number, world.seats, user_price="1.00", discount_percent="90")
    assert order_of(world, number).net_total == Decimal("10.00")


def test_a_price_below_cost_is_an_administrators_and_flagged(bss, world, number):
    """CB-F12: below what the vendor asks (8.00)."""
    put(bss, number, world.seats, user_price="7.99")
    assert "Below cost" in bss.get(f"/bss/orders/{number}").text


@pytest.mark.parametrize(
    ("field", "typed"),
    [("user_price", "-1"), ("user_price", "abc"), ("user_price", "1e30"), ("discount_percent", "101"), ("discount_percent", "-5")],
)  # fmt: skip
def test_prices_that_cannot_be(session, bss, world, number, field, typed):
    assert put(bss, number, world.seats, **{field: typed}).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    with scope(world.scope):
        assert all_of(session, OrderItem) == []


def test_the_monthly_run_rate_counts_months(session, bss, world, number):
    """CB-F66: 1,200.00 a year plus 10.00 a month shows 110.00; with tax the final amount."""
    with scope(world.scope):
        yearly = make_product(
            session, session.merge(world.product_type), "Yearly", term=Term.P1Y, cycle=BillingCycle.ANNUAL,
            list_price="1300.00", vendor_cost="900.00",
        )  # fmt: skip
        make_entry(session, world.price_list, yearly, "1200.00", term=Term.P1Y, cycle=BillingCycle.ANNUAL)
        session.commit()
    bss.post(f"/bss/orders/{number}/items/new", data={"key": key_of(yearly, "annual", "P1Y"), "quantity": "1"})
    put(bss, number, world.seats)
    page = bss.get(f"/bss/orders/{number}").text
    assert re.search(r"Monthly run rate.*?110\.00", page, re.DOTALL)
    assert re.search(r"Vendor cost.*?908\.00.*?Profit.*?302\.00", page, re.DOTALL)
    assert re.search(r"Final.*?1,210\.00", page, re.DOTALL)


def test_an_order_is_copied_once_per_click_and_printed(session, bss, world, number):
    put(bss, number, world.seats, quantity="3", discount_percent="10")
    page = bss.get(f"/bss/orders/{number}").text
    action = re.search(r'action="(/bss/orders/[^"]+/copy\?request_key=[^"]+)"', page)
    assert action
    first, second = (bss.post(action.group(1)) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    copied = str(first.headers["Location"]).rpartition("/")[2]
    assert order_of(world, copied).net_total == Decimal("27.00")
    assert bss.get(f"/bss/orders/{number}/pdf").data.startswith(b"%PDF")


def test_a_copy_leaves_out_what_is_no_longer_sold(session, bss, world, number):
    put(bss, number, world.seats)
    put(bss, number, world.suite, key=key_of(world.suite, term="P1Y"))
    with scope(world.scope):
        session.merge(world.seats).is_active = False
        session.commit()
    answer = bss.post(f"/bss/orders/{number}/copy")
    page = bss.get(str(answer.headers["Location"])).text
    assert "Left out" in page
    assert order_of(world, str(answer.headers["Location"]).rpartition("/")[2]).net_total == Decimal("20.00")


def test_the_key_of_a_form_makes_a_second_submit_harmless(session, bss, world):
    """GO-02: one order and one item, however often they are submitted."""
    key = re.search(r'name="request_key"[^>]* value="([^"]+)"', bss.get(f"/bss/orders/new/{world.direct.id}").text)
    assert key
    data = {"request_key": key.group(1), "po_number": "PO-1"}
    first, second = (bss.post(f"/bss/orders/new/{world.direct.id}", data=data) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    number = str(first.headers["Location"]).split("/")[-2]
    for _ in range(2):
        put(bss, number, world.seats, request_key=key.group(1))
    with scope(world.scope):
        assert len(all_of(session, Order)) == len(all_of(session, OrderItem)) == 1


def test_details_are_edited_until_execution(bss, world, number):
    edited = bss.save(f"/bss/orders/{number}/edit", data={"name": "Summer", "po_number": "PO-9"})
    assert edited.status_code == HTTPStatus.SEE_OTHER
    assert (order_of(world, number).name, order_of(world, number).po_number) == ("Summer", "PO-9")
    assert bss.save(f"/bss/orders/{number}/edit", data={"name": "x" * 256}).status_code == 422
    bss.post(f"/bss/orders/{number}/cancel", data={"reason": "Test"})
    late = bss.post(f"/bss/orders/{number}/edit", data={"name": "Winter"}, headers=JSON)
    assert late.status_code == HTTPStatus.CONFLICT
    assert order_of(world, number).name == "Summer"


def test_a_part_is_delivered_from_the_orders_page(session, bss, world, number):
    """CB-F55: tick, Order delivery: a sub-order; the parent Partially Executed, after the rest Executed."""
    for quantity in ("1", "2", "3"):
        put(bss, number, world.seats, quantity=quantity)
    with scope(world.scope):
        items = sorted(all_of(session, OrderItem), key=lambda item: item.position)
    assert "Order delivery" in bss.get(f"/bss/orders/{number}").text
    nothing = bss.post(f"/bss/orders/{number}/deliver")
    assert nothing.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    bss.post(f"/bss/orders/{number}/deliver", data={"selected": str(items[1].id)})
    assert order_of(world, number).status is OrderStatus.PARTIALLY_EXECUTED
    assert f"{number}-1" in bss.get(f"/bss/orders/{number}").text
    assert number in bss.get(f"/bss/orders/{number}-1").text
    again = bss.post(f"/bss/orders/{number}/deliver", data={"selected": str(items[1].id)}, headers=JSON)
    assert again.status_code == HTTPStatus.CONFLICT
    bss.post(f"/bss/orders/{number}/execute")
    assert order_of(world, number).status is OrderStatus.EXECUTED


@pytest.fixture
def by_hand(session, world):
    """An order of the direct customer's storefront with an item that people deliver."""
    with scope(world.scope):
        session.merge(world.product_type).non_automatic = True
        session.commit()
    placed = root_order(
        session, world, [Wanted(world.seats, 1, "10.00"), Wanted(world.suite, 1, "20.00", term=Term.P1Y)]
    )
    with scope(world.scope), unit_of_work():
        process_work(placed.work.id, at=MONDAY_NOON)
    return placed


def test_orders_for_people_are_on_the_home_page_and_customers_follow_delivery(bss, sign_in, world, by_hand):
    """CB-F57: In Progress, in the manual widget, and the customer sees the delivery status change on delivery."""
    assert order_of(world, by_hand.number).status is OrderStatus.IN_PROGRESS
    home = bss.get("/bss/").text
    assert "Orders for manual management" in home
    widget = home.partition("Orders for manual management")[2].partition("Latest orders")[0]
    assert by_hand.number in widget
    customer = sign_in(world.direct_buyer)
    assert customer.get(f"/orders/{by_hand.number}").text.count("Pending") >= 2
    bss.post(f"/bss/orders/{by_hand.number}/deliver", data={"selected": str(by_hand.items[0].id)})
    after = customer.get(f"/orders/{by_hand.number}").text
    assert "Delivered" in after
    assert "Partially Executed" in after
    bss.post(f"/bss/orders/{by_hand.number}/execute")
    assert "Pending" not in customer.get(f"/orders/{by_hand.number}/progress").text
    assert "Orders for manual management" not in bss.get("/bss/").text
    listed = customer.get("/billing/orders").text
    assert by_hand.number in listed
    assert f"{by_hand.number}-1" not in listed  # a part is told of in the order


def test_the_widget_holds_the_fifty_newest_of_storefronts(session, bss, world, by_hand):
    """CB-F57: from storefronts only, at most 50, the newest first."""
    for _ in range(50):
        root_order(session, world, [Wanted(world.seats, 1, "10.00")], status=OrderStatus.IN_PROGRESS)
    staffs = make_order(
        session, world, world.direct, world.direct_buyer, [Wanted(world.seats)], channel=OrderChannel.BSS,
        status=OrderStatus.IN_PROGRESS,
    )  # fmt: skip
    widget = bss.get("/bss/").text.partition("Orders for manual management")[2].partition("Latest orders")[0]
    assert len(set(re.findall(r"SO-2026-9\d{5}", widget))) == 50
    assert by_hand.number not in widget
    assert staffs.number not in widget


def test_flagged_orders_are_the_operators(session, bss, world):
    """Decisions 8: after three tries, flagged, in the operator's queue."""
    placed = root_order(session, world, [Wanted(world.seats)], status=OrderStatus.SCHEDULED)
    with scope(world.scope):
        session.get_one(Order, (world.id, placed.id)).run_failed_at = MONDAY_NOON
        session.commit()
    assert "scheduled order failed on its day" in bss.get("/bss/").text
    assert placed.number in bss.get("/bss/orders?flagged=1").text
    assert "All three tries" in bss.get(f"/bss/orders/{placed.number}").text
    other = root_order(session, world, [Wanted(world.seats)], status=OrderStatus.SCHEDULED)
    assert other.number not in bss.get("/bss/orders?flagged=1").text


def test_what_was_delivered_stays_when_the_rest_is_canceled(session, bss, world, by_hand):
    """CB-19: cancel; delivered items stay."""
    bss.post(f"/bss/orders/{by_hand.number}/deliver", data={"selected": str(by_hand.items[0].id)})
    bss.post(f"/bss/orders/{by_hand.number}/cancel", data={"reason": "Not wanted"})
    assert order_of(world, by_hand.number).status is OrderStatus.CANCELED
    with scope(world.scope):
        found = {item.id: item.delivery_status for item in all_of(session, OrderItem)}
    assert found[by_hand.items[0].id] is DeliveryStatus.DELIVERED
    assert found[by_hand.items[1].id] is DeliveryStatus.CANCELED


def test_a_types_limits_hold_on_the_pages_of_an_order(session, bss, world, number):
    """CB-01: the product itself says nothing, its type says 3 to 9."""
    with scope(world.scope):
        session.execute(update(ProductType).values(min_quantity=3, max_quantity=9))
        session.commit()
    for quantity in ("2", "10"):
        answer = put(bss, number, world.seats, quantity=quantity)
        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "Enter a quantity between 3 and 9" in answer.text
    with scope(world.scope):
        assert all_of(db.session, OrderItem) == []
    assert put(bss, number, world.seats, quantity="3").status_code == HTTPStatus.SEE_OTHER


def test_an_administrator_deletes_what_staff_has_recorded(app, session, bss, world, number):
    """CB-18: a Submitted order of staff's own is gone with its items; sales cannot, and what is executed stays."""
    put(bss, number, world.seats)
    sales = as_role(app, session, world, "sales")
    assert sales.post(f"/bss/orders/{number}/delete").status_code == HTTPStatus.FORBIDDEN
    assert "Delete" in bss.get(f"/bss/orders/{number}").text
    assert bss.get(f"/bss/orders/{number}/delete").status_code == HTTPStatus.OK
    assert bss.post(f"/bss/orders/{number}/delete").status_code == HTTPStatus.SEE_OTHER
    with scope(world.scope):
        assert all_of(db.session, Order) == all_of(db.session, OrderItem) == all_of(db.session, OrderItemCost) == []
    assert bss.post(f"/bss/orders/{number}/delete").status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("status", [OrderStatus.EXECUTED, OrderStatus.CANCELED, OrderStatus.SUBMITTED])
def test_what_is_executed_or_somebody_elses_is_not_deleted(session, bss, world, status):
    placed = root_order(session, world, [Wanted(world.seats)], status=status)
    refused = bss.post(f"/bss/orders/{placed.number}/delete", headers=JSON)
    assert refused.status_code == HTTPStatus.CONFLICT
    assert order_of(world, placed.number).status is status


def test_an_offer_whose_order_was_deleted_can_be_converted_again(bss, world):
    made = bss.post(f"/bss/offers/new/{world.direct.id}", data={})
    offer = str(made.headers["Location"]).split("/")[-2]
    bss.post(f"/bss/offers/{offer}/items/new", data={"key": key_of(world.seats), "quantity": "5"})
    bss.post(f"/bss/offers/{offer}/accept")
    first = str(bss.post(f"/bss/offers/{offer}/convert").headers["Location"]).split("/")[-1]
    bss.post(f"/bss/orders/{first}/delete")
    second = str(bss.post(f"/bss/offers/{offer}/convert").headers["Location"]).split("/")[-1]
    assert first != second
    assert order_of(world, second).net_total == Decimal("50.00")


def test_an_order_has_a_contact_of_its_own(bss, world, number):
    """CB-18: filled from the account, changed by staff; what is no address is told at its field."""
    assert order_of(world, number).contact_email == world.direct_buyer.email
    page = f"/bss/orders/{number}/edit"
    refused = bss.save(page, data={"name": "Spring", "contact_email": "nobody"})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "anna@company.com" in refused.text
    assert order_of(world, number).name != "Spring"
    assert bss.save(page, data={"contact_email": "it@direct.example"}).status_code == HTTPStatus.SEE_OTHER
    assert order_of(world, number).contact_email == "it@direct.example"
    bss.save(page, data={"contact_email": ""})
    assert order_of(world, number).contact_email == "it@direct.example"


@pytest.mark.parametrize("manager", ["", "manager@nordwind.example"])
def test_the_account_manager_gets_a_copy_of_what_is_ordered(client, sign_in, session, world, manager):
    """CB-18: order confirmation to the customer, a copy to the account manager where there is one."""
    with scope(world.scope):
        save_distributor_settings(DistributorSettings(account_manager_email=manager))
        session.commit()
    sign_in(world.direct_buyer)
    client.post("/basket/items", data={"product_id": str(world.seats.id), "price": "P1M.monthly", "quantity": "1"})
    submit(client)
    with scope(world.scope):
        told = {each.to_email for each in all_of(db.session, OutboundMail) if each.template == "order_confirmation"}
    assert told == {world.direct_buyer.email, world.direct.email, *([manager] if manager else [])}
