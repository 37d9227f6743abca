from __future__ import annotations

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import ProgrammingError

from app.core.db import session as db_session
from app.identity.errors import LinkNoLongerValid, NoOwnStorefront
from app.identity.hops import land_hop, start_hop
from app.identity.models import Credential, SignInName, SingleUseToken, UserKind, UserSession
from app.identity.queries import person_of
from app.identity.realms import open_realm
from tenants.context import scope
from tests.domain.identity.people import give_password, visit
from tests.factories.world import MONDAY_NOON, World, make_world

REALM_TABLES = (SignInName, Credential, UserSession, SingleUseToken)


@pytest.mark.parametrize("table", REALM_TABLES)
def test_sign_in_data_is_invisible_unless_its_realm_is_open(world: World, table) -> None:
    give_password(world, world.tech.admin, world.root.id)
    for reader in (world.scope, world.tech.scope):
        with scope(reader):
            assert db_session.scalar(select(func.count()).select_from(table)) == 0


def test_open_realm_shows_its_own_rows_alone(world: World) -> None:
    with scope(world.scope), open_realm(world.tech.storefront.id):
        realms = set(db_session.scalars(select(SignInName.realm_id)))

    assert realms == {world.tech.storefront.id}


def test_realm_of_another_distributor_stays_empty(world: World, session) -> None:
    other = make_world(session, name="Southwind", host="cloud.south.example")

    with scope(other.scope), open_realm(world.root.id):
        assert db_session.scalars(select(SignInName)).all() == []


def test_name_cannot_be_put_into_a_realm_that_is_not_open(world: World) -> None:
    row = SignInName(
        realm_id=world.cloudia.storefront.id,
        email="spy@spy.example",
        user_id=world.tech.admin.id,
        credential_realm_id=world.root.id,
        kind=UserKind.RESELLER,
        type=world.tech.admin.type,
        status=world.tech.admin.status,
        roles=[],
        full_name="Spy",
    )
    with scope(world.scope):
        with pytest.raises(ProgrammingError), db_session.begin_nested(), open_realm(world.tech.storefront.id):
            db_session.add(row)
        with open_realm(world.cloudia.storefront.id):
            assert "spy@spy.example" not in set(db_session.scalars(select(SignInName.email)))


def hop(world: World, to_realm_id, user=None) -> str:
    user = user or world.tech.admin
    return start_hop(user.id, person_of(user), to_realm_id, at=MONDAY_NOON)


def test_hop_works_once_and_for_a_minute(world: World) -> None:
    realm_id = world.tech.storefront.id
    with scope(world.scope):
        token = hop(world, realm_id)
        landed = land_hop(realm_id, token, visit(MONDAY_NOON))
        assert landed.user_id == world.tech.admin.id
        with pytest.raises(LinkNoLongerValid):
            land_hop(realm_id, token, visit(MONDAY_NOON))
        late = hop(world, realm_id)
        with pytest.raises(LinkNoLongerValid):
            land_hop(realm_id, late, visit(MONDAY_NOON.replace(minute=1)))


def test_hop_leads_to_ones_own_storefront_only(world: World) -> None:
    with scope(world.scope):
        for to_realm, user in (
            (world.cloudia.storefront.id, world.tech.admin),
            (world.id, world.tech.admin),
            (world.root.id, world.tech.buyers[0]),
            (world.tech.storefront.id, world.direct_buyer),
        ):
            with pytest.raises(NoOwnStorefront):
                hop(world, to_realm, user)
            with open_realm(to_realm):
                assert db_session.scalar(select(func.count()).select_from(SingleUseToken)) == 0


def test_hop_is_no_way_into_another_realm(world: World) -> None:
    with scope(world.scope):
        token = hop(world, world.tech.storefront.id)
        with pytest.raises(LinkNoLongerValid):
            land_hop(world.root.id, token, visit(MONDAY_NOON))
