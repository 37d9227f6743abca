"""Each person's own ways in."""

from __future__ import annotations

import re
from http import HTTPStatus

from tests.domain.identity.people import give_password, mailed
from tests.web.conftest import signed_in_browser
from tests.web.providers.conftest import add_link, add_provider, links_in, root_settings, sent

OK, FOUND, NOT_FOUND = HTTPStatus.OK, HTTPStatus.SEE_OTHER, HTTPStatus.NOT_FOUND
PAGE = "/account/login-options"


def test_login_options_are_shown_where_there_is_a_choice(client, world):
    """SF-F29: hidden with local login only, shown with local + 1 IdP, or local off + 2 IdPs."""
    signed_in_browser(client, world, world.direct_buyer)
    assert client.get(PAGE).status_code == NOT_FOUND
    assert PAGE not in client.get("/account/security").text
    first = add_provider(world, world.root.id, name="Beta ID")
    assert client.get(PAGE).status_code == OK
    assert PAGE in client.get("/account/security").text
    root_settings(world, local_login=False)
    assert client.get(PAGE).status_code == NOT_FOUND
    add_provider(world, world.root.id, name="Alpha ID", is_visible=False)
    assert client.get(PAGE).status_code == NOT_FOUND
    add_provider(world, world.root.id, name="gamma ID")
    add_link(world, first, world.direct_buyer, "iris")
    text = client.get(PAGE).text
    assert re.findall(r"\w+ ID", text) == ["Beta ID", "gamma ID"]


def test_the_list_is_alphabetical_with_green_and_red_points_and_the_last_way_stays(client, world):
    """SF-F30, BC-F72: disconnecting the last login method is refused; the list is alphabetical with green/red points."""
    first = add_provider(world, world.id, name="Zeta ID")
    second = add_provider(world, world.id, name="alpha ID")
    add_link(world, first, world.bss_user, "one")
    add_link(world, second, world.bss_user, "two")
    signed_in_browser(client, world, world.bss_user)
    text = client.get("/bss/login-options").text
    assert re.findall(r"alpha ID|Password|Zeta ID", text.split("<tbody", 1)[1]) == ["alpha ID", "Password", "Zeta ID"]
    assert re.findall(r"badge--(success|danger)", text) == ["success", "danger", "success"]

    assert client.post(f"/bss/login-options/{second.id}/disconnect").status_code == FOUND
    assert links_in(world, world.id) == [("one", world.bss_user.id)]
    assert len(mailed(world, "login_options")) == 1
    client.post(f"/bss/login-options/{first.id}/disconnect")
    assert links_in(world, world.id) == [("one", world.bss_user.id)]
    assert "last way to sign in" in client.get("/bss/login-options").text
    give_password(world, world.bss_user, world.id)
    client.post(f"/bss/login-options/{first.id}/disconnect")
    assert links_in(world, world.id) == []


def connect(client, forger, subject):
    link = re.search(r'href="([^"]+/connect\?proof=[0-9a-f]+)"', client.get(PAGE).text)[1]
    left = sent(client.get(link))
    forger.claims = forger.good(left["nonce"], sub=subject)
    return client.get(left["redirect_uri"], query_string={"state": left["state"], "code": "a"})


def test_an_identity_is_connected_once_and_never_to_two_people(client, world, forger):
    """SF-15: an identity that is linked to another user is refused."""
    provider = add_provider(world, world.root.id)
    add_link(world, provider, world.tech.admin, "taken")
    signed_in_browser(client, world, world.direct_buyer)
    assert connect(client, forger, "taken").location == PAGE
    assert "connected to another user" in client.get(PAGE).text
    assert links_in(world, world.root.id) == [("taken", world.tech.admin.id)]
    assert connect(client, forger, "mine").location == PAGE
    assert set(links_in(world, world.root.id)) == {("taken", world.tech.admin.id), ("mine", world.direct_buyer.id)}


def test_an_answer_that_comes_back_to_another_session_connects_nothing(client, world, forger):
    provider = add_provider(world, world.root.id)
    signed_in_browser(client, world, world.direct_buyer)
    link = re.search(r'href="([^"]+/connect\?proof=[0-9a-f]+)"', client.get(PAGE).text)[1]
    left = sent(client.get(link))
    forger.claims = forger.good(left["nonce"])
    signed_in_browser(client, world, world.tech.admin, realm=world.root.id)
    answer = client.get(left["redirect_uri"], query_string={"state": left["state"], "code": "a"})
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert links_in(world, provider.realm_id) == []


def test_local_login_on_shows_both_and_off_goes_straight_to_the_provider(client, world):
    """SF-F27: with local login on and one IdP visible, the login page shows both; off, Login goes straight to the IdP."""
    provider = add_provider(world, world.root.id)
    text = client.get("/login").text
    assert ('name="password"' in text, "Sign in with Olympus ID" in text) == (True, True)
    root_settings(world, local_login=False)
    gone = client.get("/login?next=/billing")
    assert (gone.status_code, gone.location) == (FOUND, f"/sso/{provider.id}?next=/billing")
    add_provider(world, world.root.id, name="Second ID")
    chooser = client.get("/login")
    assert (chooser.status_code, 'name="password"' in chooser.text, "Second ID" in chooser.text) == (OK, False, True)
