from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import Connection

from app.core.db import unit_of_work
from app.identity.models import User, UserKind, UserStatus, UserType
from app.identity.permissions import OF_BSS_ROLE, BssRole, Permission
from app.identity.recipients import BILLS, DECIDES, OPERATES, people_with_right
from app.identity.roles import GRANTABLE, RoleDetails, create_role, permissions_of_user, update_role
from tenants.context import scope
from tests.counting import statements_of
from tests.domain.identity.conftest import OPERATOR
from tests.factories.world import MONDAY_NOON, World, make_user


@pytest.fixture
def own_roles(session, world: World) -> dict[str, str]:
    """A copy of Operations, one that is switched off, and a role that may only look; by name their ids."""
    rights = tuple(right.value for right in OF_BSS_ROLE[BssRole.OPERATIONS] & GRANTABLE)
    made = {}
    with scope(world.scope), unit_of_work():
        for name, given in (("copy", rights), ("off", rights), ("look", ("bss.provisioning.view",))):
            made[name] = str(create_role(RoleDetails(name, given), actor=OPERATOR, at=MONDAY_NOON).id)
    return made


def hire(session, world: World, *roles: str, **columns) -> User:
    with scope(world.scope):
        person = make_user(
            session, None, kind=UserKind.BSS, realms=(world.id,), roles=roles, **{"type": UserType.USER, **columns}
        )
        session.commit()
        return person


def test_notices_of_work_reach_whoever_may_do_it_by_whatever_role(session, world: World, own_roles):
    """A right counts alike, by a built-in role or one of the distributor's own: a copy of Operations is told what Operations is."""
    operators = {world.bss_user.id} | {
        hire(session, world, *roles).id for roles in ((BssRole.OPERATIONS.value,), (own_roles["copy"],))
    }
    for roles in ((BssRole.SALES.value,), (own_roles["look"],), ()):
        hire(session, world, *roles)
    hire(session, world, BssRole.OPERATIONS.value, status=UserStatus.INACTIVE)
    off = hire(session, world, own_roles["off"])
    with scope(world.scope):
        assert off.id in {person.id for person in people_with_right(OPERATES)}
        with unit_of_work():
            update_role(
                UUID(own_roles["off"]),
                RoleDetails("off", ("bss.provisioning.edit",), is_active=False), actor=OPERATOR, at=MONDAY_NOON,
            )  # fmt: skip
        assert {person.id for person in people_with_right(OPERATES)} == operators


@pytest.mark.parametrize("right", [OPERATES, DECIDES, BILLS, Permission.BSS_ACCOUNTS_EDIT])
def test_who_is_told_is_who_has_the_right(session, world: World, own_roles, right: Permission):
    """The statement that chooses says what the rights say, person by person."""
    people = [hire(session, world, role.value) for role in BssRole]
    people += [hire(session, world, role) for role in own_roles.values()]
    people += [hire(session, world, BssRole.READ_ONLY.value, own_roles["copy"]), world.bss_user]
    with scope(world.scope):
        may = {person.id for person in people if right in permissions_of_user(person)}
        assert {person.id for person in people_with_right(right)} == may


def test_choosing_whom_to_tell_is_one_statement(session, world: World, own_roles, connection: Connection):
    for _ in range(3):
        hire(session, world, own_roles["copy"])
    with scope(world.scope), statements_of(connection) as seen:
        assert len(people_with_right(OPERATES)) == 4
    assert len(seen) == 1
