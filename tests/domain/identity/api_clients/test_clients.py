"""Clients and tokens in their realm: what is stored, what ends what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from app.audit.services import SYSTEM
from app.core.errors import Invalid
from app.core.secrets import digest
from app.identity.api_clients.checks import check_key, check_secret, check_token, issue_token
from app.identity.api_clients.models import ApiClient, ApiClientKind, ApiScope, ApiToken
from app.identity.api_clients.services import (
    ApiClientNotFound,
    NewApiClient,
    create_client,
    list_clients,
    revoke_client,
    rotate_secret,
)
from tenants.context import distributor_scope, reseller_scope, scope

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
READ = frozenset({ApiScope.SUBSCRIPTIONS_READ})


def new(**changed) -> NewApiClient:
    return NewApiClient(**{"name": "ERP", "kind": ApiClientKind.OAUTH, "scopes": READ, **changed})


@pytest.fixture
def realm(world):
    """Tech Solutions' realm, in the scope of its staff."""
    with scope(reseller_scope(world.id, world.tech.id)):
        yield world.tech.storefront.id


def test_only_digests_are_kept(session, realm):
    made = create_client(realm, new(), actor=SYSTEM, at=NOW)
    caller = check_secret(realm, made.client.public_id, made.secret, at=NOW)
    assert caller is not None
    issued = issue_token(caller, READ, at=NOW)
    with scope(reseller_scope(made.client.distributor_id, made.client.distributor_id).in_realm(realm)):
        token = session.scalars(select(ApiToken)).one()
        client = session.scalars(select(ApiClient)).one()
    assert client.secret_digest == digest(made.secret)
    assert token.token_digest == digest(issued.token)
    kept = f"{vars(token)} {vars(client)}"
    assert made.secret not in kept
    assert issued.token not in kept


def test_rows_are_seen_only_in_their_realm(session, world, realm):
    """A scope of all resellers does not see them either, until an identity service opens the realm."""
    create_client(realm, new(), actor=SYSTEM, at=NOW)
    count = select(func.count()).select_from(ApiClient)
    with scope(distributor_scope(world.id)):
        assert session.scalar(count) == 0
    with scope(distributor_scope(world.id).in_realm(world.root.id)):
        assert session.scalar(count) == 0
    assert len(list_clients(realm)) == 1
    assert list(list_clients(world.root.id)) == []


def test_tokens_that_ran_out_are_forgotten_with_the_next_one(session, world, realm):
    made = create_client(realm, new(), actor=SYSTEM, at=NOW)
    later = NOW + timedelta(minutes=60)
    for at in (NOW, later):
        caller = check_secret(realm, made.client.public_id, made.secret, at=at)
        assert caller is not None
        issued = issue_token(caller, READ, at=at)
    with scope(distributor_scope(world.id).in_realm(realm)):
        assert session.scalars(select(ApiToken.created_at)).all() == [later]
    assert check_token(realm, issued.token, at=later) is not None
    assert check_token(realm, issued.token, at=later + timedelta(minutes=60)) is None


def test_a_token_does_no_more_than_its_client(realm):
    made = create_client(realm, new(), actor=SYSTEM, at=NOW)
    caller = check_secret(realm, made.client.public_id, made.secret, at=NOW)
    assert caller is not None
    with pytest.raises(ValueError, match="no more"):
        issue_token(caller, frozenset(ApiScope), at=NOW)


def test_an_end_in_the_past_is_refused(realm):
    with pytest.raises(Invalid) as refused:
        create_client(realm, new(expires_at=NOW), actor=SYSTEM, at=NOW)
    assert refused.value.codes == ("in_the_past",)
    assert list(list_clients(realm)) == []


def test_a_revoked_client_stays_revoked(realm):
    made = create_client(realm, new(kind=ApiClientKind.API_KEY), actor=SYSTEM, at=NOW)
    assert check_key(realm, made.secret, at=NOW) is not None
    revoke_client(realm, made.client.id, actor=SYSTEM, at=NOW)
    revoke_client(realm, made.client.id, actor=SYSTEM, at=NOW + timedelta(days=1))
    assert list_clients(realm)[0].revoked_at == NOW
    assert check_key(realm, made.secret, at=NOW) is None


def test_a_client_of_another_realm_is_not_found(world, realm):
    made = create_client(realm, new(), actor=SYSTEM, at=NOW)
    for verb in (rotate_secret, revoke_client):
        with pytest.raises(ApiClientNotFound):
            verb(world.root.id, made.client.id, actor=SYSTEM, at=NOW)
    assert check_secret(realm, made.client.public_id, made.secret, at=NOW) is not None
    assert check_secret(world.root.id, made.client.public_id, made.secret, at=NOW) is None
