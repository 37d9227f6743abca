"""Host, alias, subdomain, own host; and everything that must not answer."""

from __future__ import annotations

import itertools
import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.core.db import BoundSession
from tenants.context import distributor_scope, scope
from tenants.directory import Directory
from tenants.models import DIRECTORY_VERSION, Address, AddressState, Distributor, Storefront, StorefrontState
from tenants.resolution import first_segment, normal_host
from tenants.settings import StorefrontSettings, save_storefront_settings
from tests.factories.world import MONDAY_NOON, World, make_world

LINK = re.compile(r'(?:href|action|src)="(/[^"]*|https?://[^"]*)"')


def title_of(page: str) -> str:
    found = re.search(r"<title>([^<]*)</title>", page)
    assert found
    return found.group(1).strip()


@pytest.mark.parametrize(
    ("raw", "host"),
    [
        ("Cloud.Disti.COM", "cloud.disti.com"),
        ("cloud.disti.com.", "cloud.disti.com"),
        ("cloud.disti.com:8080", "cloud.disti.com"),
        ("cloud.disti.com.:8080", "cloud.disti.com"),
        ("cloud..disti.com", None),
        ("cloud.disti.com/evil", None),
        ("cloud disti.com", None),
        ("", None),
        ("-cloud.com", None),
        ("[::1]", None),
    ],
)
def test_hosts_are_compared_in_one_form(raw: str, host: str | None) -> None:
    assert normal_host(raw) == host


@pytest.mark.parametrize(("path", "segment"), [("/a/b", "a"), ("//a", "a"), ("/", ""), ("", ""), ("a/b", "")])
def test_the_first_segment_of_a_path(path: str, segment: str) -> None:
    assert first_segment(path) == segment


def test_an_alias_shows_its_own_company(client: FlaskClient, world: World) -> None:
    """SF-F1: /<alias>/ shows the reseller's company name in the browser tab, not the distributor's."""
    page = client.get("/techsolutions/login").text
    assert "Tech Solutions" in title_of(page)
    assert world.distributor.name not in page
    assert "Nordwind" not in page


def test_everything_a_page_links_to_stays_on_its_address(client: FlaskClient, sign_in, world: World) -> None:
    sign_in(world.tech.buyers[0])
    for path in ("/", "/catalogue", f"/product/{world.seats.slug}", "/basket", "/login", "/nowhere"):
        page = client.get(f"/techsolutions{path}", follow_redirects=True).text
        links = set(LINK.findall(page))
        assert links
        assert [link for link in links if not link.startswith("/techsolutions")] == []


def test_an_unknown_host_is_refused(client: FlaskClient) -> None:
    for host in ("nobody.example", "localhost", "cloud.nordwind.example.evil.com", "127.0.0.1"):
        response = client.get("/", base_url=f"http://{host}")
        assert response.status_code == 421
        assert "Nordwind" not in response.text


def test_an_unknown_alias_is_the_distributors_own_404(client: FlaskClient, world: World) -> None:
    """RS-F16 (partly), SF-F2 (partly): an unknown alias returns 404 in the distributor's branding."""
    response = client.get("/unknown-shop/")
    assert response.status_code == 404
    assert "Nordwind Cloud" in response.text
    assert "reseller" not in response.text.lower()


def test_upper_case_is_led_to_the_alias(client: FlaskClient) -> None:
    response = client.get("/TechSolutions/catalogue?page=2")
    assert (response.status_code, response.headers["Location"]) == (301, "/techsolutions/catalogue?page=2")


def test_a_trailing_dot_and_upper_case_are_the_same_host(client: FlaskClient, world: World) -> None:
    for host in (f"{world.host}.", world.host.upper(), f"{world.host}:8080"):
        assert client.get("/techsolutions/login", base_url=f"http://{host}").status_code == 200


def test_a_percent_encoded_alias_is_the_alias(client: FlaskClient) -> None:
    assert client.get("/%74echsolutions/login").status_code == 200
    assert client.get("/techsolutions%2Flogin").status_code == 200
    assert client.get("/techsolutions%00/login").status_code == 400


def test_a_route_wins_over_an_alias_of_the_same_name(client: FlaskClient, session: BoundSession, world: World) -> None:
    """Such an alias cannot be had; were it in the table, the platform's route would still answer."""
    with scope(world.scope):
        session.add(
            Address(
                storefront_id=world.tech.storefront.id,
                reseller_id=world.tech.id,
                alias="catalogue",
                state=AddressState.LIVE,
            )
        )
    response = client.get("/catalogue")
    assert response.headers["Location"] == "/login?next=/catalogue"


def test_an_alias_without_a_slash_gets_one(client: FlaskClient) -> None:
    response = client.get("/techsolutions")
    assert (response.status_code, response.headers["Location"]) == (301, "/techsolutions/")


def test_two_distributors_have_the_same_alias_for_different_shops(
    client: FlaskClient, session: BoundSession, world: World
) -> None:
    """RS-F23: the same alias may exist under two different distributors."""
    other = make_world(session, name="Disti Iberia", host="cloud.disti.example")
    with scope(other.tech.scope):
        save_storefront_settings(
            other.tech.storefront.id, StorefrontSettings("Iberica"), reseller_id=other.tech.id, at=MONDAY_NOON
        )
    ours = client.get("/techsolutions/login").text
    theirs = client.get("/techsolutions/login", base_url="http://cloud.disti.example").text
    assert ("Tech Solutions" in title_of(ours), "Iberica" in title_of(theirs)) == (True, True)


@pytest.mark.parametrize("state", [StorefrontState.CLOSED, StorefrontState.FAILED])
def test_a_closed_alias_answers_with_its_login_page_alone(
    client: FlaskClient, session: BoundSession, world: World, state: StorefrontState
) -> None:
    with scope(world.scope):
        session.get_one(Storefront, (world.id, world.tech.storefront.id)).state = state
        address = session.query(Address).filter_by(alias="techsolutions").one()
        address.state = AddressState.RETAINED
    for path in ("/", "/catalogue", "/product/x", "/manage/"):
        response = client.get(f"/techsolutions{path}")
        assert response.status_code == 200
        assert 'name="password"' in response.text
        assert "noindex" in response.text


def test_an_alias_answers_as_subdomain_where_switched_on(
    client: FlaskClient, session: BoundSession, world: World
) -> None:
    address = f"http://techsolutions.{world.host}"
    assert client.get("/login", base_url=address).status_code == 421
    with scope(world.scope):
        session.get_one(Distributor, world.id).has_alias_subdomains = True
        session.get_one(Storefront, (world.id, world.tech.storefront.id)).state = StorefrontState.LIVE
        session.query(Address).filter_by(alias="cloudia").one().is_primary = True  # moves the directory's version
    page = client.get("/login", base_url=address)
    assert page.status_code == 200
    assert "Tech Solutions" in title_of(page.text)
    assert [link for link in LINK.findall(page.text) if link.startswith("/techsolutions")] == []
    assert client.get("/login", base_url=f"http://nobody.{world.host}").status_code == 421


def own_host(session: BoundSession, world: World, state: AddressState, *, is_primary: bool) -> None:
    with scope(distributor_scope(world.id)):
        session.add(
            Address(
                storefront_id=world.tech.storefront.id,
                reseller_id=world.tech.id,
                host="shop.tech.example",
                state=state,
                is_primary=is_primary,
            )
        )


def test_an_own_host_opens_the_same_storefront(client: FlaskClient, session: BoundSession, world: World) -> None:
    own_host(session, world, AddressState.LIVE, is_primary=False)
    page = client.get("/login", base_url="http://shop.tech.example")
    assert "Tech Solutions" in title_of(page.text)


def test_an_own_host_that_is_not_proven_does_not_answer(
    client: FlaskClient, session: BoundSession, world: World
) -> None:
    own_host(session, world, AddressState.PENDING, is_primary=True)
    assert client.get("/login", base_url="http://shop.tech.example").status_code == 421
    assert client.get("/techsolutions/login").status_code == 200


def test_a_live_primary_host_takes_over_reading(client: FlaskClient, session: BoundSession, world: World) -> None:
    own_host(session, world, AddressState.LIVE, is_primary=True)
    response = client.get("/techsolutions/catalogue?q=a")
    assert (response.status_code, response.headers["Location"]) == (301, "http://shop.tech.example/catalogue?q=a")
    assert client.post("/techsolutions/login", data={}).status_code != 301


def test_back_office_and_manage_stay_on_their_addresses(client: FlaskClient, sign_in, world: World) -> None:
    sign_in(world.tech.admin)
    assert client.get("/techsolutions/bss/").status_code == 404
    assert client.get("/manage/").status_code in (303, 404)
    assert client.get("/console/").status_code == 404
    assert client.get("/bss/", base_url="http://platform.localhost").status_code == 404


def test_an_address_that_moves_keeps_its_path_as_it_was_typed(client: FlaskClient, world: World) -> None:
    response = client.get("/TechSolutions/product/caf%C3%A9%20%25?q=%C3%A9")
    assert response.headers["Location"] == "/techsolutions/product/caf%C3%A9%20%25?q=%C3%A9"


def test_a_change_committed_after_a_younger_one_is_seen(session: BoundSession, world: World) -> None:
    """Version numbers are drawn before the commit, so they become visible in another order."""
    slow, fast = (session.scalar(DIRECTORY_VERSION.next_value().select()) for _ in range(2))
    directory = Directory(clock=itertools.count(step=10).__next__)
    with scope(world.scope):
        bump(session, world.cloudia.storefront, fast)
        found = directory.by_alias(world.id, "techsolutions")
        assert found is not None
        assert found.state is StorefrontState.LIVE
        session.get_one(Storefront, (world.id, world.tech.storefront.id)).state = StorefrontState.CLOSED
        bump(session, world.tech.storefront, slow)
    found = directory.by_alias(world.id, "techsolutions")
    assert found is not None
    assert found.state is StorefrontState.CLOSED


def bump(session: BoundSession, storefront: Storefront | None, version: int | None) -> None:
    assert storefront is not None
    assert version is not None
    for address in session.scalars(select(Address).where(Address.storefront_id == storefront.id)):
        address.version = version
    session.flush()


def test_health_answers_on_every_host(client: FlaskClient) -> None:
    assert client.get("/healthz", base_url="http://nobody.example").text == "ok\n"
    ready = client.get("/readyz", base_url="http://nobody.example")
    assert (ready.status_code, ready.json["database"]) == (200, "ok")


def test_metrics_are_for_loopback_or_a_token(client: FlaskClient) -> None:
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "203.0.113.7"}).status_code == 404
    assert b"galleria_requests_total" in client.get("/metrics", environ_base={"REMOTE_ADDR": "127.0.0.1"}).data


def test_every_answer_carries_the_security_headers(client: FlaskClient) -> None:
    headers = client.get("/techsolutions/login").headers
    policy = headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert (headers["X-Content-Type-Options"], headers["X-Frame-Options"]) == ("nosniff", "DENY")
