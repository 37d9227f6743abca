"""Orders by API at a storefront: a draft for a customer, at its price, submitted once, executed by the workers."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, update

from app.accounts.models import Account
from app.audit.models import AuditEvent
from app.core.clock import utc_now
from app.core.ids import new_id
from app.identity.api_clients.models import ApiClientKind
from app.notifications.models import OutboundMail
from app.orders.models import Order, OrderChannel, OrderItem, OrderStatus, OrderWork
from app.pricing.models import MarkupLevel, MarkupRule
from app.subscriptions.models import Subscription
from tenants.context import scope
from tests.factories.execution import Wanted, alias_order, make_order
from tests.factories.world import MONDAY_NOON
from tests.web.api.conftest import EVERYTHING, Caller, make_program, refused
from tests.web.leaks.conftest import run_due


@pytest.fixture(autouse=True)
def marked_up(session, world):
    """Tech Solutions sells at 20 % above its cost: seats at 12.00, the tool at 60.00."""
    with scope(world.tech.scope):
        session.add(
            MarkupRule(
                reseller_id=world.tech.id, level=MarkupLevel.DEFAULT, percent=Decimal(20), created_at=MONDAY_NOON
            )
        )
    with scope(world.scope):
        session.get_one(Account, (world.id, world.tech.id)).credit_limit = None
    session.commit()


def seats(world, quantity=3) -> dict[str, object]:
    return {"product_id": str(world.seats.id), "term": "P1M", "cycle": "monthly", "quantity": quantity}


def orders_of(session, world) -> list[Order]:
    with scope(world.scope):
        session.expire_all()
        return list(session.scalars(select(Order).order_by(Order.number)))


def draft(shop, world, *items) -> dict[str, object]:
    made = shop.post("/orders", {"customer_id": str(world.tech.customers[0].id), "items": list(items)})
    assert made.status_code == 201, made.text
    return made.json


def test_a_draft_is_filled_submitted_and_executed(client, session, world, shop):
    """RS-30, RS-F92 (partly): a Standard reseller's program orders for its customer, at what that one pays."""
    made = shop.post("/orders", {"customer_id": str(world.tech.customers[0].id), "po_number": "PO-7"})
    assert made.status_code == 201
    number = made.json["number"]
    assert made.headers["Location"].endswith(f"/techsolutions/api/v1/orders/{number}")
    assert (made.json["status"], made.json["net_total"], made.json["items"]) == ("draft", "0.0000", [])
    filled = shop.post(f"/orders/{number}/items", seats(world))
    assert filled.status_code == 201
    assert filled.json["net_total"] == "36.0000"
    assert filled.json["items"][0]["unit_price"] == "12.0000"
    assert filled.json["draft"] == {"hindrances": [], "terms": []}
    sent = shop.post(f"/orders/{number}/submit", {"net_total": "36.00"})
    assert sent.status_code == 200, sent.text
    assert (sent.json["status"], sent.json["draft"]) == ("executing", None)
    run_due(session, world)
    done = shop.get(f"/orders/{number}").json
    assert (done["status"], done["net_total"], done["po_number"]) == ("executed", "36.0000", "PO-7")
    assert done["program"] == "Back-office sync"
    with scope(world.scope):
        (made,) = session.scalars(select(Subscription).where(Subscription.plan_edition.is_(None)))
        assert (made.account_id, made.unit_price, made.quantity) == (world.tech.customers[0].id, Decimal(12), 3)
        mails = {each.template for each in session.scalars(select(OutboundMail))}
        assert "order_confirmation" in mails
        actions = set(session.scalars(select(AuditEvent.action)))
    assert {"order.drafted", "order.submitted"} <= actions
    assert shop.get("/subscriptions").json["items"][0]["unit_price"] == "12.0000"


def test_a_programs_order_waits_for_nobody(session, world, shop):
    """RS-30: no order approval, the reseller itself acts; the same customer's own orders would wait."""
    with scope(world.scope):
        assert session.get_one(Account, (world.id, world.tech.customers[0].id)).approval_required
    number = draft(shop, world, seats(world))["number"]
    assert shop.post(f"/orders/{number}/submit", {"net_total": "36.00"}).json["status"] == "executing"


def test_what_the_caller_has_not_seen_is_not_ordered(session, world, shop):
    """The total must be today's; nothing is ordered at another price."""
    number = draft(shop, world, seats(world))["number"]
    refused(shop.post(f"/orders/{number}/submit", {"net_total": "35.99"}), 409, "", "prices_changed")
    with scope(world.tech.scope):
        session.execute(update(MarkupRule).values(percent=Decimal(50)))
        session.commit()
    refused(shop.post(f"/orders/{number}/submit", {"net_total": "36.00"}), 409, "", "prices_changed")
    assert [each.status for each in orders_of(session, world)] == [OrderStatus.DRAFT]
    assert shop.get(f"/orders/{number}").json["net_total"] == "45.0000"
    assert shop.post(f"/orders/{number}/submit", {"net_total": "45"}).status_code == 200


def test_items_are_taken_off(session, world, shop):
    tool = {"product_id": str(world.tool.id), "term": "none", "cycle": "one_time"}
    made = draft(shop, world, seats(world), tool)
    assert made["net_total"] == "96.0000"
    first = made["items"][0]["id"]
    left = shop.delete(f"/orders/{made['number']}/items/{first}")
    assert (left.status_code, left.json["net_total"], len(left.json["items"])) == (200, "60.0000", 1)
    refused(shop.delete(f"/orders/{made['number']}/items/{first}"), 404)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"quantity": 0}, "quantity"),
        ({"quantity": "3"}, "quantity"),
        ({"quantity": 10**9}, "quantity"),
        ({"term": "P9Y"}, "term"),
        ({"cycle": None}, "cycle"),
        ({"product_id": "x"}, "product_id"),
        ({"colour": "red"}, "colour"),
        ({"friendly_name": "x" * 101}, "friendly_name"),
        ({"options": ["nonsense"]}, None),
    ],
)
def test_a_bad_item_is_422_at_its_property_and_changes_nothing(session, world, shop, changed, field):
    number = draft(shop, world)["number"]
    refused(shop.post(f"/orders/{number}/items", {**seats(world), **changed}), 422, field)
    with scope(world.scope):
        assert session.scalars(select(OrderItem)).all() == []


@pytest.mark.parametrize(
    "body",
    [{}, {"customer_id": 7}, {"customer_id": "nobody"}, {"customer_id": str(new_id()), "status": "executed"}, [], "x"],
)
def test_a_bad_order_is_422_and_nothing_is_made(session, world, shop, body):
    refused(shop.post("/orders", body), 422)
    assert orders_of(session, world) == []


def test_a_body_that_is_no_json_is_400_or_415(session, world, shop):
    """Decisions section 8: 400 only for what cannot be parsed."""
    for raw in (b"{", b"", b"\xff\xfe", b'{"customer_id": "\\u0000"}', b'{"a": "\\ud800"}', b"[" * 5000):
        answer = shop.ask("POST", "/orders", data=raw, content_type="application/json")
        assert answer.status_code == 400, raw[:20]
    assert shop.ask("POST", "/orders", data={"customer_id": "x"}).status_code == 415
    assert orders_of(session, world) == []


def test_one_bad_item_leaves_no_order_behind(session, world, shop):
    body = {"customer_id": str(world.tech.customers[0].id), "items": [seats(world), seats(world, 0)]}
    refused(shop.post("/orders", body), 422, "items.1.quantity")
    unknown = {**body, "items": [seats(world), {**seats(world), "product_id": str(new_id())}]}
    refused(shop.post("/orders", unknown), 404)
    assert orders_of(session, world) == []


def test_nobody_elses_customer_can_be_ordered_for(session, world, shop):
    """BC-F83 (partly): 404 for another's customer, a direct one, the reseller itself and nobody alike."""
    others = (world.cloudia.customers[0].id, world.direct.id, world.tech.id, world.cloudia.id, new_id())
    said = set()
    for other in others:
        answer = shop.post("/orders", {"customer_id": str(other)})
        refused(answer, 404)
        said.add(answer.json["errors"][0]["message"])
    assert len(said) == 1
    assert orders_of(session, world) == []


def test_a_draft_is_its_programs_alone(client, session, world, shop, sign_in):
    """CB-18: drafts belong to the session that made them; another client of the same realm does not see them."""
    number = draft(shop, world, seats(world))["number"]
    second = Caller(
        client,
        make_program(
            session, world, world.tech.storefront.id, shop.program.base, kind=ApiClientKind.API_KEY, scopes=EVERYTHING
        ),
    )
    refused(second.get(f"/orders/{number}"), 404)
    refused(second.post(f"/orders/{number}/items", seats(world)), 404)
    refused(second.post(f"/orders/{number}/submit", {"net_total": "36.00"}), 404)
    assert second.get("/orders").json["total"] == 0
    assert shop.get("/orders").json["total"] == 1
    sign_in(world.tech.buyers[0])
    assert client.get(f"/techsolutions/orders/{number}").status_code == 404
    sign_in(world.tech.admin)
    assert client.get(f"/techsolutions/manage/orders/{number}").status_code == 404
    sign_in(world.bss_user)
    assert client.get(f"/bss/orders/{number}").status_code == 404
    assert client.post(f"/bss/orders/{number}/execute", headers={"Accept": "application/json"}).status_code in (
        404,
        409,
    )
    assert [each.status for each in orders_of(session, world)] == [OrderStatus.DRAFT]


def test_a_submitted_order_is_no_draft_any_more(session, world, shop):
    number = draft(shop, world, seats(world))["number"]
    assert shop.post(f"/orders/{number}/submit", {"net_total": "36.00"}).status_code == 200
    refused(shop.post(f"/orders/{number}/submit", {"net_total": "36.00"}), 409)
    refused(shop.post(f"/orders/{number}/items", seats(world)), 409)
    with scope(world.scope):
        assert len(session.scalars(select(OrderWork)).all()) == 1


def test_an_empty_draft_is_not_ordered(session, world, shop):
    number = draft(shop, world)["number"]
    refused(shop.post(f"/orders/{number}/submit", {"net_total": "0"}), 422, "items", "order_empty")
    assert [each.status for each in orders_of(session, world)] == [OrderStatus.DRAFT]


def test_a_draft_of_seven_days_has_expired(session, world, shop, monkeypatch):
    """CB-F56, RS-F93: not submitted for 7 days, it can be neither filled nor checked out: 410; then it is deleted."""
    from app.orders.expiry import delete_expired_drafts  # noqa: PLC0415 - beside what it is about

    number = draft(shop, world, seats(world))["number"]
    now = utc_now()
    with scope(world.scope):
        session.execute(update(Order).values(placed_at=now - timedelta(days=7) + timedelta(minutes=5)))
        session.commit()
    assert shop.get(f"/orders/{number}").status_code == 200
    with scope(world.scope):
        session.execute(update(Order).values(placed_at=now - timedelta(days=7)))
        session.commit()
    refused(shop.get(f"/orders/{number}"), 410, "", "order_expired")
    refused(shop.post(f"/orders/{number}/items", seats(world)), 410, "", "order_expired")
    refused(shop.post(f"/orders/{number}/submit", {"net_total": "36.00"}), 410, "", "order_expired")
    (kept,) = orders_of(session, world)
    assert kept.status is OrderStatus.DRAFT
    with scope(world.scope):
        assert session.scalars(select(OrderWork)).all() == []
        assert delete_expired_drafts(at=now + timedelta(days=1, minutes=1)) == 1
        session.commit()
    assert orders_of(session, world) == []
    refused(shop.get(f"/orders/{number}"), 404)


def test_a_roots_program_orders_for_direct_customers_at_their_price(client, session, world):
    program = make_program(session, world, world.root.id, "/api/v1", kind=ApiClientKind.API_KEY, scopes=EVERYTHING)
    shop = Caller(client, program)
    made = shop.post("/orders", {"customer_id": str(world.direct.id), "items": [seats(world)]})
    assert (made.status_code, made.json["net_total"]) == (201, "30.0000")
    for other in (world.tech.id, world.tech.customers[0].id):
        refused(shop.post("/orders", {"customer_id": str(other)}), 404)
    sent = shop.post(f"/orders/{made.json['number']}/submit", {"net_total": "30.00"})
    assert sent.status_code == 200, sent.text
    with scope(world.scope):
        session.get_one(Account, (world.id, world.direct.id)).credit_limit = None
        session.commit()
    run_due(session, world)
    assert shop.get(f"/orders/{made.json['number']}").json["status"] == "executed"


def test_an_account_that_may_not_order_is_422(session, world, shop):
    with scope(world.scope):
        session.get_one(Account, (world.id, world.tech.id)).ordering_enabled = False
        session.commit()
    refused(shop.post("/orders", {"customer_id": str(world.tech.customers[0].id)}), 422, None, "ordering_disabled")
    assert orders_of(session, world) == []


def test_free_edition_reads_orders_and_places_none(client, session, world):
    """RS-F92: Free: GET /orders 200, POST /orders 403; nothing is made."""
    reading = frozenset(each for each in EVERYTHING if not each.is_write)
    program = make_program(
        session, world, world.cloudia.storefront.id, "/cloudia/api/v1", kind=ApiClientKind.API_KEY, scopes=reading
    )
    shop = Caller(client, program)
    assert shop.get("/orders").status_code == 200
    refused(shop.post("/orders", {"customer_id": str(world.cloudia.customers[0].id)}), 403, "", "insufficient_scope")
    refused(shop.post("/customers", {"name": "New", "email": "a@b.example", "country": "GR"}), 403)
    assert orders_of(session, world) == []


def test_what_a_reseller_ordered_itself_has_no_amounts(session, world, shop):
    """BC-33: own cost only in invoices: of orders at the root and by staff of the distributor no amount is told."""
    customer, tech = world.tech.customers[0], world.tech
    wanted = [Wanted(world.seats, price="7.7731")]
    mine = {"payer": tech.account, "at": MONDAY_NOON}
    at_root = make_order(session, world, customer, tech.admin, wanted, placed_by_reseller=True, **mine)
    own_use = make_order(session, world, tech.account, tech.admin, wanted, **mine)
    by_staff = make_order(session, world, customer, world.bss_user, wanted, channel=OrderChannel.BSS, **mine)
    by_customer = alias_order(session, world, [Wanted(world.seats, price="13.57")])
    listed = {each["number"]: each for each in shop.get("/orders").json["items"]}
    assert len(listed) == 4
    for placed in (at_root, own_use, by_staff):
        assert listed[placed.number]["net_total"] is None
        answer = shop.get(f"/orders/{placed.number}")
        assert [(each["unit_price"], each["line_total"]) for each in answer.json["items"]] == [(None, None)]
        assert "7.7731" not in answer.text
    assert listed[by_customer.number]["net_total"] == "13.5700"
    assert shop.get("/orders", **{"$filter": "net_total gt 7 and net_total lt 8"}).json["total"] == 0


def test_a_body_that_is_too_large_is_413(session, world, shop):
    """BC-32: 1 MiB."""
    huge = b'{"comment": "' + b"x" * (1024 * 1024) + b'"}'
    answer = shop.ask("POST", "/orders", data=huge, content_type="application/json")
    assert (answer.status_code, answer.mimetype) == (413, "application/problem+json")
    assert orders_of(session, world) == []
