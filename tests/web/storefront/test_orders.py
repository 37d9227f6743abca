"""What buyers read of their orders."""

from __future__ import annotations

from http import HTTPStatus

from flask.testing import FlaskClient
from sqlalchemy import select

from app.core.db import BoundSession
from app.identity.models import UserKind
from app.orders.models import Order, OrderChannel, OrderStatus
from tenants.context import scope
from tests.factories.execution import Wanted, alias_order, make_order
from tests.factories.world import World
from tests.web.conftest import SignIn
from tests.web.storefront.steps import ALIAS, buy


def placed_by_reseller(world: World, session: BoundSession) -> str:
    """Make an order the reseller placed for its customer at cost; returns its number."""
    return make_order(
        session, world, world.tech.customers[0], world.tech.admin, [Wanted(world.seats, 3, "777.10")],
        payer=world.tech.account, channel=OrderChannel.ROOT, status=OrderStatus.EXECUTED, placed_by_reseller=True,
    ).number  # fmt: skip


def test_a_customer_sees_no_amount_of_an_order_its_reseller_placed(
    client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession
) -> None:
    """SF-F65, RS-F80: the list has Order #, Status, Order Date, Total; no amount of what the reseller submitted."""
    hidden = placed_by_reseller(world, session)
    own = alias_order(session, world, [Wanted(world.suite, 1, "30.00")], status=OrderStatus.EXECUTED).number
    assert world.tech.buyers[0].kind is UserKind.END_CUSTOMER
    sign_in(world.tech.buyers[0])
    listed = client.get(f"{ALIAS}/billing/orders").text
    start = client.get(f"{ALIAS}/billing").text
    detail = client.get(f"{ALIAS}/orders/{hidden}").text
    live = client.get(f"{ALIAS}/orders/{hidden}/progress").text
    export = client.get(f"{ALIAS}/billing/orders?export=xlsx")

    assert all(word in listed for word in ("Order #", "Status", "Order date", "Total"))
    assert all(number in listed and number in start for number in (hidden, own))
    assert "€30.00" in listed
    for page in (listed, start, detail, live):
        assert "777.1" not in page  # the name of a static file may hold the digits
        assert "2,331" not in page
    assert export.status_code == HTTPStatus.OK
    assert b"2331" not in export.data


def test_an_order_is_shown_with_its_items_as_placed(client: FlaskClient, world: World, sign_in: SignIn) -> None:
    """SF-F66: order details show number, delivery status, quantity, unit price, discount, total and status."""
    sign_in(world.tech.buyers[0])
    number = buy(client, world.seats, path=ALIAS)
    page = client.get(f"{ALIAS}/orders/{number}").text

    assert number in page
    assert "Pending Reseller Approval" in page
    for head in ("Delivery status", "Quantity", "Unit price", "Discount", "Total"):
        assert f">{head}<" in page
    assert world.seats.name in page
    assert all(value in page for value in ("€10.00", "€50.00", ">5<", "Pending"))
    assert client.get(f"{ALIAS}/orders/SO-2026-000000").status_code == HTTPStatus.NOT_FOUND


def test_drafts_are_in_no_list(client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession) -> None:
    """SF-F67: draft orders never appear in lists."""
    draft = alias_order(session, world, [Wanted(world.seats)], status=OrderStatus.DRAFT).number
    shown = alias_order(session, world, [Wanted(world.seats)], status=OrderStatus.EXECUTED).number
    sign_in(world.tech.buyers[0])
    pages = [
        client.get(f"{ALIAS}{path}").text
        for path in ("/billing", "/billing/orders", "/billing/orders?status=draft", f"/billing/orders?q={draft}")
    ]

    assert shown in pages[0]
    assert shown in pages[1]
    assert all(f"/orders/{draft}" not in page for page in pages)
    with scope(world.scope):
        assert session.scalar(select(Order.status).where(Order.number == draft)) is OrderStatus.DRAFT


def test_a_reseller_reads_both_companies_of_an_order_for_a_customer(
    client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession
) -> None:
    """RS-F2 (partly): the order shows both accounts, who receives and who pays."""
    sign_in(world.basic.admin)
    number = buy(client, world.seats, recipient={"recipient": "customer", "customer": str(world.basic.customers[0].id)})
    page = client.get(f"/orders/{number}").text

    assert world.basic.customers[0].name in page
    assert ">Basic Resale<" in page
    assert "€50.00" in page
