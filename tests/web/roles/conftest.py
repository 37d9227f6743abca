"""The distributor's people with roles of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.audit.services import SYSTEM
from app.core.db import BoundSession
from app.identity.models import User, UserKind, UserType
from app.identity.permissions import BssRole, Permission
from app.identity.roles import OwnRole, RoleDetails, create_role
from app.identity.services import set_roles
from tenants.context import scope
from tests.factories.world import MONDAY_NOON, World, make_user

Hire = Callable[..., User]


def make_role(world: World, name: str, *rights: Permission) -> str:
    """Make a role of the distributor's own and return its id as people name it."""
    with scope(world.scope):
        details = RoleDetails(name, tuple(right.value for right in rights))
        return str(create_role(details, actor=SYSTEM, at=MONDAY_NOON).id)


@pytest.fixture
def hire(session: BoundSession, world: World) -> Hire:
    """`hire(*roles)` makes one of the distributor's people with roles, built-in or own ones by their ids."""

    def made(*names: str, **more: str) -> User:
        built_in = {role.value: role for role in BssRole}
        with scope(world.scope):
            person = make_user(
                session, None, kind=UserKind.BSS, realms=(world.id,), type=UserType.USER, roles=("read_only",), **more
            )
            roles = [built_in.get(name) or OwnRole(name, "") for name in names]
            set_roles(person.id, type_=UserType.USER, roles=roles, actor=SYSTEM, at=MONDAY_NOON)
            session.commit()
        return person

    return made
