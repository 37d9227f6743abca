"""Attacks on credentials, each by name: refused, no token given, nothing changed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import event, select

from app.audit.services import SYSTEM
from app.core.clock import utc_now
from app.core.db import engine
from app.identity.api_clients.models import ApiClientKind, ApiToken
from app.identity.api_clients.services import revoke_client, rotate_secret
from tenants.context import distributor_scope, scope
from tenants.models import Storefront, StorefrontState
from tests.factories.world import make_world
from tests.web.api.conftest import (
    EVERYTHING,
    GRANT,
    READ,
    ask_token,
    basic,
    bearer,
    make_program,
    stored,
    tokens_of,
)


def assert_no_token(answer, session, world, program, status, error):
    assert (answer.status_code, answer.json["error"]) == (status, error)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "access_token" not in answer.json
    assert tokens_of(session, world, program.realm_id) == 0
    assert stored(session, world, program).last_used_at is None


def test_secret_in_the_body_is_refused(client, session, world, program):
    """BC-F79: the right secret in the body instead of Basic gives no token."""
    data = {**GRANT, "client_id": program.public_id, "client_secret": program.secret}
    answer = client.post(f"{program.base}/oauth/token", data=data)
    assert_no_token(answer, session, world, program, 401, "invalid_client")
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_secret_in_the_body_beside_basic_is_refused(client, session, world, program):
    """BC-F79: also where Basic is right; RFC 6749 allows one way of proof per request."""
    data = {**GRANT, "client_secret": program.secret}
    answer = client.post(f"{program.base}/oauth/token", data=data, headers=program.basic)
    assert_no_token(answer, session, world, program, 400, "invalid_request")


def test_secret_in_the_address_is_refused(client, session, world, program):
    """BC-F79: addresses end up in logs."""
    query = {"client_id": program.public_id, "client_secret": program.secret}
    answer = client.post(f"{program.base}/oauth/token", query_string=query, data=GRANT)
    assert_no_token(answer, session, world, program, 401, "invalid_client")
    answer = client.post(f"{program.base}/oauth/token", query_string=query, data=GRANT, headers=program.basic)
    assert_no_token(answer, session, world, program, 400, "invalid_request")


@pytest.mark.parametrize("grant", ["password", "refresh_token", "authorization_code", "implicit", "Client_Credentials"])
def test_other_grants_are_not_offered(client, session, world, program, grant):
    data = {"grant_type": grant, "username": "a", "password": "b"}
    answer = client.post(f"{program.base}/oauth/token", data=data, headers=program.basic)
    assert_no_token(answer, session, world, program, 400, "unsupported_grant_type")


def test_no_client_at_all_is_refused(client, session, world, program):
    answer = client.post(f"{program.base}/oauth/token", data=GRANT)
    assert_no_token(answer, session, world, program, 401, "invalid_client")


@pytest.mark.parametrize(
    "data", [{}, {"grant_type": ["client_credentials", "password"]}, {**GRANT, "scope": ["a", "b"]}]
)
def test_a_request_that_cannot_be_read_is_told_so(client, session, world, program, data):
    answer = client.post(f"{program.base}/oauth/token", data=data, headers=program.basic)
    assert_no_token(answer, session, world, program, 400, "invalid_request")


def test_more_scopes_than_the_client_has_are_refused(client, session, world):
    program = make_program(session, world, world.tech.storefront.id, "/techsolutions/api/v1", scopes=READ)
    for wanted in ("subscriptions.read subscriptions.write", "everything"):
        assert_no_token(ask_token(client, program, scope=wanted), session, world, program, 400, "invalid_scope")


@pytest.mark.parametrize("secret", ["", "wrong", "nul \x00", "é", "x" * 5_000])
def test_wrong_secret_and_unknown_client_get_the_same_answer(client, session, world, program, secret):
    wrong = client.post(f"{program.base}/oauth/token", data=GRANT, headers=basic(program.public_id, secret))
    unknown = client.post(f"{program.base}/oauth/token", data=GRANT, headers=basic("gc_" + "0" * 24, secret))
    odd = client.post(f"{program.base}/oauth/token", data=GRANT, headers=basic("nul \x00", secret))
    assert_no_token(wrong, session, world, program, 401, "invalid_client")
    assert wrong.json == unknown.json == odd.json


def test_a_wrong_key_costs_as_much_as_a_right_one(client, session, world, program, keyed):
    """One statement on the credentials' tables, whoever asks: unknown, wrong or right."""

    def looks(**asked) -> int:
        seen = []

        def note(_conn, _cursor, statement, *_rest):
            if statement.startswith("SELECT") and ("api_clients" in statement or "api_tokens" in statement):
                seen.append(statement)

        event.listen(engine(), "before_cursor_execute", note)
        try:
            client.get(f"{program.base}/me", **asked)
        finally:
            event.remove(engine(), "before_cursor_execute", note)
        return len(seen)

    right = bearer(client, program)
    found = [
        looks(headers=headers)
        for headers in (
            right,
            {"Authorization": "Bearer wrong"},
            {"X-ApiKey": keyed.secret},
            {"X-ApiKey": keyed.secret + "x"},
            {"X-ApiKey": "gk_" + "0" * 24 + ".x"},
            {"X-ApiKey": "nonsense"},
        )
    ]
    assert found == [1] * 6


def test_expired_token_is_refused(client, session, world, program):
    headers = bearer(client, program)
    assert client.get(f"{program.base}/me", headers=headers).status_code == 200
    with scope(distributor_scope(world.id).in_realm(program.realm_id)):
        token = session.scalars(select(ApiToken)).one()
        assert token.valid_until - token.created_at == timedelta(minutes=60)
        token.valid_until = utc_now()
    assert client.get(f"{program.base}/me", headers=headers).status_code == 401


@pytest.mark.parametrize("kind", list(ApiClientKind))
def test_expired_credentials_are_refused(client, session, world, kind):
    then = utc_now() - timedelta(days=2)
    program = make_program(
        session, world, world.tech.storefront.id, "/techsolutions/api/v1", kind=kind, at=then,
        expires_at=then + timedelta(days=1),
    )  # fmt: skip
    if kind is ApiClientKind.OAUTH:
        assert_no_token(ask_token(client, program), session, world, program, 401, "invalid_client")
    else:
        assert client.get(f"{program.base}/me", headers={"X-ApiKey": program.secret}).status_code == 401
    assert stored(session, world, program).last_used_at is None


def test_a_token_does_not_outlive_its_client(client, session, world):
    program = make_program(
        session, world, world.tech.storefront.id, "/techsolutions/api/v1", expires_at=utc_now() + timedelta(minutes=5)
    )
    assert 0 < ask_token(client, program).json["expires_in"] <= 300


def test_revoked_credentials_and_their_tokens_are_refused_at_once(client, session, world, program, keyed):
    headers = bearer(client, program)
    assert client.get(f"{keyed.base}/me", headers={"X-ApiKey": keyed.secret}).status_code == 200
    with scope(distributor_scope(world.id)):
        for each in (program, keyed):
            revoke_client(each.realm_id, each.id, actor=SYSTEM, at=utc_now())
    assert client.get(f"{program.base}/me", headers=headers).status_code == 401
    assert client.get(f"{keyed.base}/me", headers={"X-ApiKey": keyed.secret}).status_code == 401
    assert ask_token(client, program).json["error"] == "invalid_client"


def test_a_new_secret_ends_the_old_one_and_its_tokens(client, session, world, program):
    headers = bearer(client, program)
    with scope(distributor_scope(world.id)):
        made = rotate_secret(program.realm_id, program.id, actor=SYSTEM, at=utc_now())
    assert client.get(f"{program.base}/me", headers=headers).status_code == 401
    assert ask_token(client, program).status_code == 401
    answer = client.post(f"{program.base}/oauth/token", data=GRANT, headers=basic(program.public_id, made.secret))
    assert answer.status_code == 200


def test_another_storefronts_credentials_are_refused(client, session, world, program, keyed, bss_program):
    """A realm's credentials open its own API alone: not a neighbour's, not the root's, not the back office's."""
    headers = bearer(client, program)
    for base in ("/cloudia/api/v1", "/api/v1", "/bss/api/v1"):
        assert client.get(f"{base}/subscriptions", headers=headers).status_code == 401
        assert client.get(f"{base}/subscriptions", headers={"X-ApiKey": keyed.secret}).status_code == 401
        assert client.post(f"{base}/oauth/token", data=GRANT, headers=program.basic).status_code == 401
    wide = bearer(client, bss_program)
    for base in ("/techsolutions/api/v1", "/api/v1"):
        assert client.get(f"{base}/subscriptions", headers=wide).status_code == 401


def test_another_distributors_credentials_are_refused(app, client, session, world, program, bss_program):
    other = make_world(session, name="Disti Iberia", host="cloud.disti.example")
    tokens = [bearer(client, each) for each in (program, bss_program)]
    client.host = other.host
    for each, headers in zip((program, bss_program), tokens, strict=True):
        assert client.get(f"{each.base}/me", headers=headers).status_code == 401
        assert client.post(f"{each.base}/oauth/token", data=GRANT, headers=each.basic).status_code == 401


def test_a_scope_that_is_missing_is_403(client, session, world, program):
    headers = bearer(client, program, scope="subscriptions.write")
    answer = client.get(f"{program.base}/subscriptions", headers=headers)
    assert (answer.status_code, answer.json["errors"][0]["code"]) == (403, "insufficient_scope")
    assert "items" not in answer.json


def close(session, world, shop, state=StorefrontState.CLOSED):
    with scope(world.scope):
        session.get_one(Storefront, (world.id, shop.storefront.id)).state = state


def test_credentials_die_with_the_plan(client, session, world, program, keyed):
    """RS-30: plan canceled, tokens die at once; the next call is 401, and no new token is given."""
    headers = bearer(client, program)
    close(session, world, world.tech)
    for asked in (headers, {"X-ApiKey": keyed.secret}):
        answer = client.get(f"{program.base}/me", headers=asked)
        assert (answer.status_code, answer.json["errors"][0]["code"]) == (401, "invalid_credentials")
    assert ask_token(client, program).json["error"] == "invalid_client"


def test_a_plan_that_ends_later_still_answers(client, session, world, program):
    close(session, world, world.tech, StorefrontState.ENDING)
    assert client.get(f"{program.base}/me", headers=bearer(client, program)).status_code == 200


def test_free_edition_reads_only_even_with_an_older_token(client, session, world, program):
    """Decisions section 5: Free has a reading API; a downgrade takes writing from clients and tokens there are."""
    headers = bearer(client, program)
    assert client.get(f"{program.base}/me", headers=headers).json["scopes"] == sorted(s.value for s in EVERYTHING)
    with scope(world.scope):
        session.get_one(Storefront, (world.id, world.tech.storefront.id)).edition = "free"
    reading = sorted(each.value for each in EVERYTHING if not each.is_write)
    assert client.get(f"{program.base}/me", headers=headers).json["scopes"] == reading
    assert ask_token(client, program, scope="subscriptions.write").json["error"] == "invalid_scope"


def test_token_in_the_address_or_body_is_not_looked_at(client, session, world, program, keyed):
    token = bearer(client, program)["Authorization"].removeprefix("Bearer ")
    for query in ({"access_token": token}, {"token": token}, {"X-ApiKey": keyed.secret}, {"api_key": keyed.secret}):
        assert client.get(f"{program.base}/me", query_string=query).status_code == 401
        assert client.get(f"{program.base}/me", data=query).status_code == 401


def test_a_key_is_no_secret_of_the_token_endpoint_and_no_bearer_token(client, session, world, keyed, program):
    public_id, _, secret = keyed.secret.partition(".")
    answer = client.post(f"{keyed.base}/oauth/token", data=GRANT, headers=basic(public_id, secret))
    assert_no_token(answer, session, world, keyed, 401, "invalid_client")
    assert client.get(f"{keyed.base}/me", headers={"Authorization": f"Bearer {keyed.secret}"}).status_code == 401
    assert client.get(f"{keyed.base}/me", headers=program.basic).status_code == 401


def test_a_session_of_a_person_opens_no_api(client, world, sign_in, program):
    sign_in(world.tech.admin)
    assert client.get(f"{program.base}/me").status_code == 401
    assert client.get(f"{program.base}/subscriptions").status_code == 401


def test_guessing_is_stopped(client, session, world, program, keyed):
    """After 20 wrong ones in 5 minutes an address waits, even with the right secret; others do not."""
    for number in range(20):
        headers = basic(program.public_id, f"guess{number}") if number % 2 else {"X-ApiKey": f"guess{number}"}
        path = f"{program.base}/oauth/token" if number % 2 else f"{program.base}/me"
        answer = client.post(path, data=GRANT, headers=headers) if number % 2 else client.get(path, headers=headers)
        assert answer.status_code == 401
    stopped = ask_token(client, program)
    assert stopped.status_code == 429
    assert 0 < int(stopped.headers["Retry-After"]) <= 300
    assert tokens_of(session, world, program.realm_id) == 0
    assert client.get(f"{program.base}/me", headers={"X-ApiKey": keyed.secret}).status_code == 429
    client.environ_base["REMOTE_ADDR"] = "198.51.100.7"
    assert ask_token(client, program).status_code == 200
