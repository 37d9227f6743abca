"""Setup, Audit log, and the search box (BC-30)."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

import pytest

from app.audit.models import AuditEvent
from app.audit.services import Actor, record
from app.billing.models import Invoice
from app.core.ids import new_id
from app.identity.models import UserKind, UserType
from app.orders.execution import process_work
from tenants.context import scope
from tests.factories.execution import Wanted, all_of, root_order
from tests.factories.world import MONDAY_NOON, make_user, make_world


@pytest.fixture
def bss(world, sign_in):
    return sign_in(world.bss_user)


def staff(session, world, role: str):
    """Hire somebody for the back office with one role."""
    with scope(world.scope):
        found = make_user(session, None, kind=UserKind.BSS, realms=(world.id,), type=UserType.USER, roles=(role,))
        session.commit()
        return found


@pytest.fixture
def renamed(session, world):
    """Somebody has renamed an account, which then belongs to history."""
    with scope(world.scope):
        record(
            "account.changed",
            actor=Actor(world.bss_user.id, "Ada", address="192.0.2.7"),
            at=MONDAY_NOON,
            target_kind="account",
            target_id=world.direct.id,
            before={"name": "Old name", "city": "Athens"},
            after={"name": "New name", "city": "Athens"},
        )
        session.commit()


def test_the_log_says_who_changed_what_from_what_to_what(bss, world, renamed):
    """BC-F78 (partly): who changed which field from what to what."""
    shown = bss.get(f"/bss/audit?target={world.direct.id}").get_data(as_text=True)
    for words in ("Account: changed", "Old name", "New name", world.bss_user.full_name, "192.0.2.7"):
        assert words in shown


def test_the_log_is_filtered_and_exported(bss, world, renamed):
    assert "Old name" not in bss.get("/bss/audit?kind=order").get_data(as_text=True)
    assert "Old name" not in bss.get("/bss/audit?q=order.executed").get_data(as_text=True)
    assert "Old name" not in bss.get("/bss/audit?to=2026-03-01").get_data(as_text=True)
    found = "/bss/audit?q=account changed&from=2026-03-02&to=2026-03-02"
    assert "Old name" in bss.get(found).get_data(as_text=True)
    csv = bss.get(found + "&format=csv").get_data(as_text=True)
    assert "city: Athens; name: Old name" in csv
    assert bss.get(found + "&format=xlsx").mimetype.endswith("sheet")


def test_fields_without_a_value_are_not_shown(bss, session, world):
    with scope(world.scope):
        record(
            "offer.accept", actor=Actor(None, "System"), at=MONDAY_NOON, before={"comment": "Later"},
            after={"comment": "", "reason": ""},
        )  # fmt: skip
        session.commit()
    shown = bss.get("/bss/audit").get_data(as_text=True)
    assert ("comment: <strong>Later</strong>" in shown, "reason:" in shown) == (True, False)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("from=2024-01-01&to=2026-03-02", "Choose at most twelve months"),
        ("from=2026-03-02&to=2026-03-01", "The first day is after the last"),
        ("from=yesterday", "Enter a day such as"),
    ],
)
def test_an_impossible_range_is_to_be_narrowed(bss, query, words):
    answer = bss.get(f"/bss/audit?{query}")
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in answer.get_data(as_text=True)


def test_nobody_can_edit_the_log(bss, session, world, renamed):
    """BC-F78 (partly): there is no way to change it through the product."""
    for method in ("post", "put", "patch", "delete"):
        assert getattr(bss, method)("/bss/audit").status_code == HTTPStatus.METHOD_NOT_ALLOWED
    with scope(world.scope):
        (event,) = [event for event in all_of(session, AuditEvent) if event.action == "account.changed"]
        assert event.after["name"] == "New name"


def test_the_search_finds_each_kind_of_record(bss, session, world):
    placed = root_order(session, world, [Wanted(world.seats, 1)])
    shown = bss.get(f"/bss/search?q={placed.number}").get_data(as_text=True)
    assert f"/bss/orders/{placed.number}" in shown
    assert f"/bss/accounts/{world.direct.id}" in bss.get(f"/bss/search?q={world.direct.code}").get_data(as_text=True)
    assert world.direct_buyer.email in bss.get(f"/bss/search?q={world.direct_buyer.email}").get_data(as_text=True)
    assert f"/bss/products/{world.seats.id}" in bss.get(f"/bss/search?q={world.seats.name[:6]}").get_data(as_text=True)


def test_wildcards_and_quotes_are_text(bss):
    for query in ("%25%25", "__", "'; DROP", '"quoted"'):
        answer = bss.get("/bss/search", query_string={"q": query})
        assert answer.status_code == HTTPStatus.OK
        assert "Nothing fits" in answer.get_data(as_text=True)


def test_a_single_letter_searches_nothing(bss):
    assert "at least two characters" in bss.get("/bss/search?q=a").get_data(as_text=True)


def test_the_search_never_leaves_the_distributor(bss, session, world):
    """BC-F77: a record of another organisation is never found."""
    other = make_world(session, name="Südwind Handel", host="shop.suedwind.example")
    placed = root_order(session, other, [Wanted(other.seats, 1)])
    for query in (placed.number, other.direct.code, other.direct_buyer.email, str(new_id())):
        shown = bss.get("/bss/search", query_string={"q": query}).get_data(as_text=True)
        assert "Nothing fits" in shown


def test_the_search_shows_what_the_lists_would(session, world, sign_in):
    """BC-F10 (partly): without the right to a kind of record the search has none of it."""
    placed = root_order(session, world, [Wanted(world.seats, 1)])
    with scope(world.scope):
        process_work(placed.work.id, at=MONDAY_NOON)
        session.commit()
        (invoice,) = all_of(session, Invoice)
    query = f"/bss/search?q={invoice.number}"
    assert f"/bss/invoices/{invoice.number}" in sign_in(world.bss_user).get(query).get_data(as_text=True)
    assert "Nothing fits" in sign_in(staff(session, world, "support")).get(query).get_data(as_text=True)


def test_an_old_event_is_found_by_its_year(bss, session, world):
    with scope(world.scope):
        record(
            "account.changed", actor=Actor(None, "System"), at=MONDAY_NOON - timedelta(days=700), after={"name": "Ago"}
        )
        session.commit()
    assert "Ago" in bss.get("/bss/audit?from=2024-03-01&to=2024-12-31").get_data(as_text=True)
