"""Administrators who take each other's access away at the same moment, on connections of their own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import pytest

from app.core.db import session as thread_session
from app.core.db import unit_of_work
from app.identity.errors import LastAdmin
from app.identity.models import UserKind, UserStatus, UserType
from app.identity.permissions import BssRole
from app.identity.queries import UserFilter, list_bss_users
from app.identity.services import deactivate_user, set_roles
from tenants.context import scope
from tests.committed import committed_database
from tests.domain.identity.conftest import OPERATOR
from tests.factories.world import MONDAY_NOON, World, make_user, make_world

AT_ONCE = 6


@pytest.mark.parametrize("way", ["deactivate", "strip"])
def test_one_administrator_is_left_when_all_go_at_once(database: None, way: str) -> None:
    """BC-F9: The last administrator cannot be disabled or stripped of the role, not even by all of them at once."""
    with committed_database():
        world = make_world(thread_session())
        with scope(world.scope):
            for _ in range(AT_ONCE - 1):
                make_user(
                    thread_session(), None, kind=UserKind.BSS, realms=(world.id,), roles=(BssRole.ADMINISTRATOR.value,)
                )
            thread_session().commit()
            ids = [user.id for user in list_bss_users(UserFilter(type=UserType.ADMIN))]
        together = Barrier(AT_ONCE)
        thread_session.remove()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            done = list(pool.map(lambda each: _go(world, each, way, together), ids))
        with scope(world.scope):
            left = list_bss_users(UserFilter(type=UserType.ADMIN, status=UserStatus.ACTIVE))
            count = len(left)
        thread_session.remove()

    assert (len(ids), sorted(done), count) == (AT_ONCE, [False] + [True] * (AT_ONCE - 1), 1)


def _go(world: World, user_id: UUID, way: str, together: Barrier) -> bool:
    together.wait(timeout=10)
    try:
        with scope(world.scope), unit_of_work():
            if way == "strip":
                set_roles(user_id, type_=UserType.USER, roles=[BssRole.SALES], actor=OPERATOR, at=MONDAY_NOON)
            else:
                deactivate_user(user_id, actor=OPERATOR, at=MONDAY_NOON)
    except LastAdmin:
        return False
    else:
        return True
    finally:
        thread_session.remove()
