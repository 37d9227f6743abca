from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import select

from app.audit.models import AuditEvent
from app.core.db import BoundSession
from app.core.db import session as db_session
from app.core.errors import Invalid
from app.identity.errors import BssRoleNotFound, RoleInUse, RoleNotAvailable
from app.identity.models import SignInName, User, UserKind, UserType
from app.identity.permissions import Permission
from app.identity.realms import open_realm
from app.identity.roles import OwnRole, RoleDetails, create_role, delete_role, get_role, list_roles, update_role
from app.identity.services import NewUser, activate_contact, create_user, deactivate_user, set_roles
from tenants.context import root_visitor_scope, scope
from tests.domain.identity.conftest import OPERATOR
from tests.factories.world import MONDAY_NOON, World, make_world

ORDERS, PAPERS, ACCOUNTS = (
    Permission.BSS_ORDERS_VIEW.value,
    Permission.BSS_BILLING_VIEW.value,
    Permission.BSS_ACCOUNTS_VIEW.value,
)


def role_of(name: str, *rights: str) -> OwnRole:
    role = create_role(RoleDetails(name, rights), actor=OPERATOR, at=MONDAY_NOON)
    return OwnRole(str(role.id), role.name)


def hire(world: World, *roles: OwnRole) -> User:
    new = NewUser(UserKind.BSS, "Ria", "Roles", "ria@nord.example", type=UserType.USER, roles=roles)
    return create_user(new, realms=(world.id,), invite_from=None, actor=OPERATOR, at=MONDAY_NOON)


def rights_in_realm(world: World, user: User) -> list[str]:
    with open_realm(world.id):
        return db_session.scalars(select(SignInName.rights).where(SignInName.user_id == user.id)).one()


def change(role: OwnRole, *rights: str, is_active: bool = True) -> None:
    update_role(UUID(role.value), RoleDetails(role.label, rights, is_active=is_active), actor=OPERATOR, at=MONDAY_NOON)


def test_rights_with_the_sign_in_name_follow_every_change(world: World) -> None:
    """BC-F11 (partly): two own roles add up, and the sum is kept in step with roles and people."""
    with scope(world.scope):
        orders, papers = role_of("Orders", ORDERS), role_of("Papers", PAPERS)
        user = hire(world, orders, papers)
        seen = [rights_in_realm(world, user)]
        change(papers, PAPERS, ACCOUNTS)
        seen.append(rights_in_realm(world, user))
        change(papers, PAPERS, ACCOUNTS, is_active=False)
        seen.append(rights_in_realm(world, user))
        set_roles(user.id, type_=UserType.USER, roles=[papers], actor=OPERATOR, at=MONDAY_NOON)
        seen.append(rights_in_realm(world, user))
        change(papers, PAPERS)
        seen.append(rights_in_realm(world, user))

    assert seen == [sorted([ORDERS, PAPERS]), sorted([ACCOUNTS, ORDERS, PAPERS]), [ORDERS], [], [PAPERS]]


def test_a_role_changed_while_its_person_had_no_access_counts_when_they_come_back(world: World) -> None:
    with scope(world.scope):
        orders = role_of("Orders", ORDERS)
        user = hire(world, orders)
        deactivate_user(user.id, actor=OPERATOR, at=MONDAY_NOON)
        change(orders, PAPERS)
        activate_contact(user.id, invite_from=world.id, actor=OPERATOR, at=MONDAY_NOON)

        assert rights_in_realm(world, user) == [PAPERS]


def test_a_role_of_somebody_without_access_is_in_use_too(world: World) -> None:
    with scope(world.scope):
        orders = role_of("Orders", ORDERS)
        user = hire(world, orders)
        deactivate_user(user.id, actor=OPERATOR, at=MONDAY_NOON)
        with pytest.raises(RoleInUse):
            delete_role(UUID(orders.value), actor=OPERATOR, at=MONDAY_NOON)

        assert [role.name for role in list_roles()] == ["Orders"]


def test_another_distributors_role_does_not_exist(session: BoundSession, world: World) -> None:
    with scope(world.scope):
        user = hire(world, role_of("Orders", ORDERS))
    other = make_world(session, name="Südwind Handel", host="shop.suedwind.example")
    with scope(other.scope):
        theirs = role_of("Orders", PAPERS)
    with scope(world.scope):
        with pytest.raises(BssRoleNotFound):
            get_role(UUID(theirs.value))
        with pytest.raises(RoleNotAvailable):
            set_roles(user.id, type_=UserType.USER, roles=[theirs], actor=OPERATOR, at=MONDAY_NOON)

        assert rights_in_realm(world, user) == [ORDERS]


def test_visitors_and_storefronts_see_no_roles(world: World) -> None:
    with scope(world.scope):
        role_of("Orders", ORDERS)
        db_session.flush()
    for visitor in (root_visitor_scope(world.id), world.tech.scope):
        with scope(visitor):
            assert list_roles() == []


def test_an_own_role_is_of_the_back_office_alone(world: World) -> None:
    """A customer's person is given no role of the distributor's, and it would give them nothing."""
    with scope(world.scope):
        orders = role_of("Orders", ORDERS)
        with pytest.raises(RoleNotAvailable):
            set_roles(world.tech.buyers[0].id, type_=UserType.USER, roles=[orders], actor=OPERATOR, at=MONDAY_NOON)

        assert world.tech.buyers[0].roles == []


def test_the_log_tells_what_a_role_gave_before_and_after(world: World) -> None:
    with scope(world.scope):
        orders = role_of("Orders", ORDERS)
        change(orders, PAPERS)
        with pytest.raises(Invalid):
            change(orders)
        db_session.flush()
        found = db_session.scalars(select(AuditEvent).where(AuditEvent.action.like("role.%")).order_by(AuditEvent.id))
        events = [(event.action, event.before.get("rights"), event.after.get("rights")) for event in found]

    assert events == [("role.created", None, ORDERS), ("role.changed", ORDERS, PAPERS)]
