"""The bell: what became of the services somebody ordered, while they look at other things."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from http import HTTPStatus

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Connection, func, select

from app.accounts.models import Account
from app.core.db import BoundSession
from app.identity.models import User, UserKind, UserSession
from app.identity.realms import open_realm
from app.orders.models import Order, OrderItem
from tenants.context import scope
from tests.counting import statements_of
from tests.factories.execution import use_service_manager
from tests.factories.world import World, make_user
from tests.fakes.connector import FakeConnector
from tests.web.conftest import SignIn, signed_in_browser
from tests.web.storefront.steps import ALIAS, put, run_orders, run_provisioning, submit
from workers.jobs import provisioning

NOTICES, BELL, ENTRIES = f"{ALIAS}/notices", f"{ALIAS}/notices/bell", f"{ALIAS}/notices/entries"
BUYING = ("seats", "suite")


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch, world: World, session: BoundSession) -> FakeConnector:
    """A vendor in memory sets up what is sold, and customers' orders need no approval."""
    fake = FakeConnector()
    monkeypatch.setattr(provisioning, "CONNECTORS", {**provisioning.CONNECTORS, "fake": fake.as_factory})
    use_service_manager(session, world)
    approve(world, session, is_required=False)
    return fake


def approve(world: World, session: BoundSession, *, is_required: bool) -> None:
    """Say whether orders of the first customer wait for their reseller."""
    with scope(world.scope):
        session.get_one(Account, (world.id, world.tech.customers[0].id)).approval_required = is_required
        session.get_one(Account, (world.id, world.tech.id)).credit_limit = None
        session.commit()


def order(client: FlaskClient, world: World) -> str:
    """Order seats and suite in one order; returns its number."""
    put(client, world.seats, path=ALIAS)
    put(client, world.suite, path=ALIAS, price="P1Y.monthly")
    client.post(f"{ALIAS}/checkout/details", data={})
    return submit(client, path=ALIAS)


def states(page: str) -> list[str]:
    """The states of a list's entries."""
    return re.findall(r"<span>(In progress|Completed|Failed)</span>", page)


def news(page: str) -> int:
    """The number at the bell of a page."""
    found = re.search(r'tool--bell.*?<span class="count" aria-hidden="true">(\d+)</span>', page)
    return int(found.group(1)) if found else 0


def is_polling(page: str) -> bool:
    """Whether the bell of a page looks again by itself."""
    return f'data-poll-url="{BELL}"' in page


def colleague_of(world: World, session: BoundSession) -> User:
    """Make another user of the first customer."""
    with scope(world.scope):
        made = make_user(
            session,
            session.get_one(Account, (world.id, world.tech.customers[0].id)),
            kind=UserKind.END_CUSTOMER,
            realms=(world.tech.storefront.id,),
            first_name="Clara",
        )
        session.commit()
    return made


def test_the_bell_follows_what_was_ordered_to_its_end(
    client: FlaskClient, world: World, sign_in: SignIn, vendor: FakeConnector
) -> None:
    """SF-F79, CB-F65: In progress right after checkout, then Completed and Failed; one entry per item; then a new login."""
    sign_in(world.tech.buyers[0])
    before = client.get(f"{ALIAS}/catalogue").text
    number = order(client, world)
    confirmed = client.get(f"{ALIAS}/checkout/done/{number}").text
    at_once = states(client.get(NOTICES).text)
    asked_in_request = vendor.calls
    run_orders(world)
    executed = client.get(NOTICES).text
    vendor.reject_next(reason="SECRET: tenant domain is taken")
    run_provisioning(world)
    bell = client.get(BELL).text
    elsewhere = client.get(f"{ALIAS}/catalogue").text
    listed = client.get(ENTRIES).text
    sign_in(world.tech.buyers[0])
    after_new_login = client.get(NOTICES).text

    assert (news(before), is_polling(before)) == (0, False)
    assert (is_polling(confirmed), asked_in_request) == (True, 0)
    assert at_once == states(executed) == ["In progress", "In progress"]
    assert f'data-poll-url="{ENTRIES}"' in executed
    assert 'data-poll-seconds="10"' in executed
    assert (news(bell), is_polling(bell)) == (news(elsewhere), is_polling(elsewhere)) == (2, False)
    assert sorted(states(listed)) == ["Completed", "Failed"]
    assert listed.count(f'href="{ALIAS}/orders/{number}"') == 2
    assert all(getattr(world, each).name in listed for each in BUYING)
    assert "the provider has been informed" in listed
    assert "SECRET" not in listed
    assert "data-poll-url" not in listed
    assert states(after_new_login) == []


def test_opening_the_list_resets_the_number_and_what_follows_counts_anew(
    client: FlaskClient, world: World, sign_in: SignIn, vendor: FakeConnector
) -> None:
    """SF-F79 (partly): the badge counts what was completed or failed since the list was last opened."""
    sign_in(world.tech.buyers[0])
    order(client, world)
    run_orders(world)
    run_provisioning(world)
    counted = news(client.get(f"{ALIAS}/catalogue").text)
    opened = client.get(NOTICES).text
    after = news(client.get(f"{ALIAS}/catalogue").text)
    order(client, world)
    run_orders(world)
    ordered = news(client.get(BELL).text)
    run_provisioning(world)

    assert (counted, news(opened), after, ordered) == (2, 0, 0, 0)
    assert news(client.get(BELL).text) == 2
    assert states(client.get(NOTICES).text) == ["Completed"] * 4


def test_a_new_session_starts_with_an_empty_list_until_something_moves(
    client: FlaskClient, world: World, sign_in: SignIn, vendor: FakeConnector
) -> None:
    """SF-F79 (partly): after a new login the list is empty until some status changes."""
    buyer = world.tech.buyers[0]
    sign_in(buyer)
    order(client, world)
    run_orders(world)
    sign_in(buyer)
    fresh, listed = client.get(f"{ALIAS}/catalogue").text, client.get(NOTICES)
    run_provisioning(world)

    assert (news(fresh), is_polling(fresh)) == (0, False)
    assert (listed.status_code, states(listed.text)) == (HTTPStatus.OK, [])
    assert "Nothing new" in listed.text
    assert news(client.get(BELL).text) == 2
    assert states(client.get(NOTICES).text) == ["Completed", "Completed"]
    sign_in(buyer)
    assert states(client.get(NOTICES).text) == []


def test_nobody_else_reads_of_it(
    client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession, vendor: FakeConnector
) -> None:
    """SF-34: other users of the same account see entries of their own orders only, as does the reseller's staff."""
    others = [colleague_of(world, session), world.tech.admin, world.tech.buyers[1]]
    browsers = [signed_in_browser(fresh_browser(client), world, each) for each in others]
    sign_in(world.tech.buyers[0])
    order(client, world)
    run_orders(world)
    run_provisioning(world)
    pages = [browser.get(NOTICES) for browser in browsers]

    assert [page.status_code for page in pages] == [HTTPStatus.OK] * 3
    assert [states(page.text) for page in pages] == [[], [], []]
    assert [news(browser.get(f"{ALIAS}/catalogue").text) for browser in browsers] == [0, 0, 0]
    assert news(client.get(BELL).text) == 2


def fresh_browser(client: FlaskClient) -> FlaskClient:
    """Another person's browser at the same host."""
    made = client.application.test_client()
    made.host = client.host  # type: ignore[attr-defined]
    made.environ_base["REMOTE_ADDR"] = client.environ_base["REMOTE_ADDR"]
    return made


def test_an_order_that_waits_for_approval_is_not_under_way(
    client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession, vendor: FakeConnector
) -> None:
    approve(world, session, is_required=True)
    sign_in(world.tech.buyers[0])
    number = order(client, world)
    run_orders(world)
    waiting, bell = client.get(NOTICES).text, client.get(BELL).text
    staff = signed_in_browser(fresh_browser(client), world, world.tech.admin)
    approved = staff.post(f"{ALIAS}/manage/orders/{number}/approve", data={})

    assert (states(waiting), is_polling(bell)) == ([], False)
    assert approved.status_code == HTTPStatus.SEE_OTHER
    assert states(client.get(NOTICES).text) == ["In progress", "In progress"]
    assert is_polling(client.get(BELL).text)


def test_the_storefront_it_was_ordered_in_tells_of_it(
    client: FlaskClient, world: World, session: BoundSession, vendor: FakeConnector
) -> None:
    """A reseller's purchase at the root is no news in the reseller's own shop."""
    at_root = signed_in_browser(fresh_browser(client), world, world.tech.admin, realm=world.root.id)
    in_shop = signed_in_browser(fresh_browser(client), world, world.tech.admin)
    put(at_root, world.seats)
    at_root.post("/checkout/recipient", data={"recipient": "own"})
    at_root.post("/checkout/details", data={})
    submit(at_root)

    assert states(at_root.get("/notices").text) == ["In progress"]
    assert states(in_shop.get(NOTICES).text) == []


def test_visitors_have_no_bell_and_are_asked_to_sign_in(client: FlaskClient, world: World) -> None:
    for path in (NOTICES, BELL, ENTRIES):
        answer = client.get(path)
        assert (answer.status_code, f"{ALIAS}/login" in answer.headers["Location"]) == (HTTPStatus.SEE_OTHER, True)
    assert "tool--bell" not in client.get(f"{ALIAS}/login").text


def test_the_bell_shares_the_baskets_statement(
    client: FlaskClient, world: World, sign_in: SignIn, connection: Connection, vendor: FakeConnector
) -> None:
    """One statement for both numbers of a header, none of it for visitors, whatever there is to tell."""

    def asked(path: str) -> list[str]:
        client.get(path)
        with statements_of(connection) as seen:
            assert client.get(path).status_code == HTTPStatus.OK
        return seen

    def about_orders(path: str) -> int:
        return sum("order_items" in each or "basket_items" in each for each in asked(path))

    as_visitor = about_orders(f"{ALIAS}/login")
    sign_in(world.tech.buyers[0])
    quiet = asked(f"{ALIAS}/catalogue")
    for _ in range(3):
        order(client, world)
    run_orders(world)
    run_provisioning(world)

    assert as_visitor == 0
    assert sum("order_items" in each for each in quiet) == 1
    assert len(asked(f"{ALIAS}/catalogue")) == len(quiet)
    assert about_orders(f"{ALIAS}/catalogue") == 1
    assert about_orders(ENTRIES) == 1
    assert about_orders(NOTICES) == 2  # the list's, and the header's


def test_what_counts_as_read_is_what_the_list_told(
    client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession, vendor: FakeConnector
) -> None:
    """Not when it was opened: a delivery recorded at that moment carries an earlier instant and stays news."""

    def seen_until() -> datetime | None:
        with scope(world.scope), open_realm(world.tech.storefront.id):
            return session.scalars(select(UserSession.notices_seen_at)).one()

    sign_in(world.tech.buyers[0])
    order(client, world)
    run_orders(world)
    client.get(NOTICES)
    under_way = seen_until()
    run_provisioning(world)
    client.get(NOTICES)
    with scope(world.scope):
        newest = session.scalar(select(func.max(OrderItem.delivery_changed_at)))

    assert under_way is None
    assert seen_until() == newest


@pytest.mark.parametrize(
    ("minutes_ago", "is_moved"), [pytest.param(50, False, id="of the last hour"), pytest.param(70, True, id="older")]
)
def test_the_clock_of_an_order_moves_once_an_hour_and_its_bell_misses_nothing(
    client: FlaskClient,
    world: World,
    sign_in: SignIn,
    vendor: FakeConnector,
    session: BoundSession,
    minutes_ago: int,
    is_moved: bool,  # noqa: FBT001 - a case
) -> None:
    sign_in(world.tech.buyers[0])
    number = order(client, world)
    run_orders(world)
    with scope(world.scope):
        ordered = session.scalars(select(Order).where(Order.number == number)).one()
        assert ordered.delivery_changed_at is not None
        ordered.delivery_changed_at = executed = ordered.delivery_changed_at - timedelta(minutes=minutes_ago)
        session.commit()
    sign_in(world.tech.buyers[0])  # a session that begins after what the order's clock says
    run_provisioning(world)

    assert news(client.get(BELL).text) == 2
    with scope(world.scope):
        session.expire_all()
        assert (
            session.scalars(select(Order).where(Order.number == number)).one().delivery_changed_at != executed
        ) == is_moved
