from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

import pytest
from sqlalchemy import event, func, select

from app.audit.models import AuditEvent
from app.audit.services import SYSTEM
from app.core.db import session as db_session
from app.identity.models import BssRoleDefinition, User
from app.identity.permissions import OF_BSS_ROLE, BssRole, Permission
from app.identity.roles import GRANTABLE, RoleDetails, update_role
from tenants.context import scope
from tests.domain.identity.people import mailed
from tests.factories.world import MONDAY_NOON, World
from tests.web.roles.conftest import make_role

OK, FOUND, UNPROCESSABLE = HTTPStatus.OK, HTTPStatus.SEE_OTHER, HTTPStatus.UNPROCESSABLE_ENTITY
FORBIDDEN, CONFLICT = HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT
P = Permission
OVERRIDE = f"/bss/assets/{UUID(int=1)}/price"  # of no asset: who may override prices finds none
ROLE = {"name": "Price desk", "is_active": "y", "rights": [P.BSS_PRICES_EDIT.value]}


def roles_of(world: World) -> dict[str, BssRoleDefinition]:
    with scope(world.scope):
        found = db_session.scalars(select(BssRoleDefinition).execution_options(populate_existing=True))
        return {role.name: role for role in found}


def user_of(world: World, user_id: object) -> User:
    with scope(world.scope):
        return db_session.scalars(
            select(User).where(User.id == user_id).execution_options(populate_existing=True)
        ).one()


def person(user: User, *names: str) -> dict[str, object]:
    return {"first_name": "Ann", "last_name": "Other", "email": user.email, "roles": list(names)}


def test_sales_with_price_override_is_made_from_sales_and_counts_with_the_next_request(
    client, world, sign_in, hire
) -> None:
    """BC-03: a built-in role is copied, gets one right more, and opens what Sales alone does not."""
    seller = hire("sales")
    sign_in(world.bss_user)
    begun = client.get("/bss/roles/new?copy=sales").text
    rights = [right.value for right in OF_BSS_ROLE[BssRole.SALES] & GRANTABLE]

    made = client.post(
        "/bss/roles/new",
        data={**ROLE, "name": "Sales with price override", "rights": [*rights, P.BSS_PRICES_OVERRIDE.value]},
    )
    role = roles_of(world)["Sales with price override"]
    sign_in(seller)
    before = client.post(OVERRIDE).status_code
    sign_in(world.bss_user)
    given = client.post(f"/bss/users/{seller.id}", data=person(seller, str(role.id)))
    shown = client.get(f"/bss/roles/of/{seller.id}").text
    sign_in(seller)

    assert ("Copy of Sales" in begun, made.status_code, given.status_code) == (True, FOUND, FOUND)
    assert user_of(world, seller.id).roles == [str(role.id)]
    assert ("Override prices" in shown, "Sales with price override" in shown) == (True, True)
    assert (before, client.post(OVERRIDE).status_code) == (FORBIDDEN, HTTPStatus.NOT_FOUND)
    assert client.get("/bss/users").status_code == FORBIDDEN


def test_rights_of_two_roles_add_up(client, world, sign_in, hire) -> None:
    """BC-F11: Two roles give the union of their rights."""
    orders = make_role(world, "Order desk", P.BSS_ORDERS_VIEW)
    papers = make_role(world, "Paper desk", P.BSS_BILLING_VIEW)
    one, both, mixed = hire(orders), hire(orders, papers), hire(orders, "product_manager")

    def opens(user: User) -> list[bool]:
        sign_in(user)
        return [client.get(path).status_code == OK for path in ("/bss/orders", "/bss/invoices", "/bss/imports")]

    assert opens(one) == [True, False, False]
    assert opens(both) == [True, True, False]
    assert opens(mixed) == [True, True, True]


def test_a_changed_role_counts_with_the_next_request_of_an_open_session(client, world, sign_in, hire) -> None:
    """BC-03: a change takes effect on the next request of everybody who has the role."""
    key = make_role(world, "Order desk", P.BSS_ORDERS_VIEW)
    sign_in(hire(key))
    before = client.get("/bss/invoices").status_code
    with scope(world.scope):
        details = RoleDetails("Order desk", (P.BSS_BILLING_VIEW.value,))
        update_role(UUID(key), details, actor=SYSTEM, at=MONDAY_NOON)
        db_session.commit()

    after = [client.get(path).status_code for path in ("/bss/invoices", "/bss/orders")]

    assert (before, after) == (FORBIDDEN, [OK, FORBIDDEN])


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({"rights": []}, "Choose at least one right"),
        ({"name": "order DESK"}, "A role with this name exists"),
        ({"name": "sales"}, "A role with this name exists"),
        ({"name": ""}, "Enter a name"),
        ({"name": "x" * 81}, "80"),
        ({"rights": ["bss.everything"]}, "There is no right called bss.everything"),
        ({"rights": ["manage.storefront"]}, "There is no right called manage.storefront"),
        ({"rights": ["platform"]}, "There is no right called platform"),
    ],
)
def test_a_role_that_cannot_be_is_refused_at_its_field(client, world, sign_in, typed, message) -> None:
    make_role(world, "Order desk", P.BSS_ORDERS_VIEW)
    sign_in(world.bss_user)

    response = client.post("/bss/roles/new", data={**ROLE, **typed})

    assert (response.status_code, message in response.text) == (UNPROCESSABLE, True)
    assert list(roles_of(world)) == ["Order desk"]


def test_a_right_to_change_brings_the_right_to_see(client, world, sign_in) -> None:
    sign_in(world.bss_user)

    client.post("/bss/roles/new", data=ROLE)

    assert roles_of(world)["Price desk"].rights == [P.BSS_PRICES_EDIT.value, P.BSS_PRICES_VIEW.value]


def test_nobody_makes_a_role_with_a_right_they_do_not_have(client, world, sign_in, hire) -> None:
    """BC-03: Nobody can grant a right they do not hold."""
    own = make_role(world, "Role desk", P.BSS_ROLES_MANAGE, P.BSS_ORDERS_VIEW)
    sign_in(hire(own))

    more = client.post("/bss/roles/new", data=ROLE)
    widened = client.post(
        f"/bss/roles/{own}",
        data={"name": "Role desk", "is_active": "y", "rights": [P.BSS_ROLES_MANAGE.value, P.BSS_USERS_MANAGE.value]},
    )
    same = client.post("/bss/roles/new", data={**ROLE, "rights": [P.BSS_ORDERS_VIEW.value]})

    assert (more.status_code, widened.status_code, same.status_code) == (UNPROCESSABLE, UNPROCESSABLE, FOUND)
    assert "rights that you have yourself" in widened.text
    found = roles_of(world)
    assert sorted(found["Role desk"].rights) == [P.BSS_ORDERS_VIEW.value, P.BSS_ROLES_MANAGE.value]
    assert found["Price desk"].rights == [P.BSS_ORDERS_VIEW.value]


def test_nobody_gives_a_role_whose_rights_they_do_not_have(client, world, sign_in, hire) -> None:
    """BC-03: a keeper of users makes nobody administrator, and is none through a new colleague."""
    keeper = make_role(world, "User desk", P.BSS_USERS_MANAGE, P.BSS_ORDERS_VIEW)
    orders = make_role(world, "Order desk", P.BSS_ORDERS_VIEW)
    colleague = hire(orders)
    sign_in(hire(keeper))
    new = {"first_name": "Eve", "last_name": "Evil", "email": "eve@nord.example"}

    refused = [
        client.post("/bss/users/new", data={**new, "roles": ["administrator"]}),
        client.post("/bss/users/new", data={**new, "roles": ["billing"]}),
        client.post(f"/bss/users/{colleague.id}", data=person(colleague, "administrator")),
        client.post(f"/bss/users/{colleague.id}", data=person(colleague, orders, "sales")),
    ]
    allowed = client.post("/bss/users/new", data={**new, "roles": [orders]})

    assert [each.status_code for each in refused] == [UNPROCESSABLE] * 4
    assert user_of(world, colleague.id).roles == [orders]
    assert allowed.status_code == OK
    with scope(world.scope):
        assert db_session.scalars(select(User.roles).where(User.email == "eve@nord.example")).all() == [[orders]]


def test_who_has_more_rights_is_not_looked_after_by_who_has_fewer(client, world, sign_in, hire) -> None:
    """BC-03: the link to activate an administrator, or a role taken away, would give what nobody granted."""
    keeper = make_role(world, "User desk", P.BSS_USERS_MANAGE)
    second = hire("administrator")
    sign_in(hire(keeper))

    gone = client.post(f"/bss/users/{second.id}/deactivate")
    stripped = client.post(f"/bss/users/{second.id}", data=person(second, keeper))

    assert (gone.status_code, stripped.status_code) == (CONFLICT, UNPROCESSABLE)
    assert user_of(world, second.id).roles == ["administrator"]
    assert mailed(world, "user_activation") == []


def test_a_role_somebody_has_is_not_deleted_until_they_have_another(client, world, sign_in, hire) -> None:
    """BC-03: A role in use cannot be deleted until its users are moved."""
    key = make_role(world, "Order desk", P.BSS_ORDERS_VIEW)
    clerk = hire(key)
    sign_in(world.bss_user)

    refused = client.post(f"/bss/roles/{key}/delete")
    still = list(roles_of(world))
    client.post(f"/bss/users/{clerk.id}", data=person(clerk, "support"))
    deleted = client.post(f"/bss/roles/{key}/delete")

    assert (refused.status_code, still) == (CONFLICT, ["Order desk"])
    assert (deleted.status_code, list(roles_of(world))) == (FOUND, [])
    assert client.get(f"/bss/roles/{key}").status_code == HTTPStatus.NOT_FOUND


def test_an_inactive_role_gives_nothing_and_is_given_to_nobody(client, world, sign_in, hire) -> None:
    key = make_role(world, "Order desk", P.BSS_ORDERS_VIEW)
    clerk, other = hire(key), hire("read_only")
    sign_in(world.bss_user)
    client.post(f"/bss/roles/{key}", data={"name": "Order desk", "rights": [P.BSS_ORDERS_VIEW.value]})

    refused = client.post(f"/bss/users/{other.id}", data=person(other, key))
    kept = client.get(f"/bss/users/{clerk.id}").text
    sign_in(clerk)

    assert (refused.status_code, user_of(world, other.id).roles) == (UNPROCESSABLE, ["read_only"])
    assert "Order desk (inactive)" in kept
    assert client.get("/bss/orders").status_code == FORBIDDEN


def test_administrators_are_told_of_a_new_one_and_of_one_less(client, world, sign_in, hire) -> None:
    """BC-03: administrators are notified when an administrator role is granted or removed; the audit log has both."""
    clerk = hire("sales")
    sign_in(world.bss_user)

    client.post(f"/bss/users/{clerk.id}", data=person(clerk, "administrator"))
    first = {(mail.to_email, mail.fields["what"]) for mail in mailed(world, "administrators_changed")}
    client.post(f"/bss/users/{clerk.id}", data=person(clerk, "sales"))
    last = [mail for mail in mailed(world, "administrators_changed") if "no longer" in mail.fields["what"]]

    assert first == {(world.bss_user.email, "is now an administrator"), (clerk.email, "is now an administrator")}
    assert [mail.to_email for mail in last] == [world.bss_user.email]
    with scope(world.scope):
        changes = db_session.scalar(
            select(func.count()).select_from(AuditEvent).where(
                AuditEvent.action == "user.roles_changed", AuditEvent.actor_id == world.bss_user.id
            )
        )  # fmt: skip
    assert changes == 2


def test_session_and_rights_of_own_roles_are_one_statement(client, world, sign_in, hire) -> None:
    """BC-03: an own role costs a request no statement more than a built-in one."""
    key = make_role(world, "Order desk", P.BSS_ORDERS_VIEW)
    own, built_in = hire(key), hire("read_only")

    def statements(user: User) -> list[str]:
        sign_in(user)
        client.get("/bss/roles")  # forbidden to both: nothing but the session is read
        seen: list[str] = []
        engine = db_session.get_bind()

        def note(*args: object) -> None:
            seen.append(str(args[2]))

        event.listen(engine, "before_cursor_execute", note)
        client.get("/bss/roles")
        event.remove(engine, "before_cursor_execute", note)
        return [each for each in seen if "user_sessions" in each or "bss_roles" in each]

    assert len(statements(own)) == len(statements(built_in)) == 1


def test_pages_of_roles_are_drawn(client, world, sign_in, hire) -> None:
    key = make_role(world, "Order desk", P.BSS_ORDERS_VIEW)
    clerk, other = hire(key), hire("sales")
    sign_in(world.bss_user)

    texts = {path: client.get(path) for path in (
        "/bss/roles", "/bss/roles/new", f"/bss/roles/{key}", f"/bss/roles/new?copy={key}", "/bss/roles/built-in/sales",
        f"/bss/roles/of/{clerk.id}", f"/bss/users?role={key}", f"/bss/users/{clerk.id}",
    )}  # fmt: skip

    assert {answer.status_code for answer in texts.values()} == {OK}
    assert "Order desk" in texts["/bss/roles"].text
    assert clerk.email in texts[f"/bss/users?role={key}"].text
    assert other.email not in texts[f"/bss/users?role={key}"].text
    for path in ("/bss/roles/built-in/root", "/bss/roles/new?copy=root", f"/bss/roles/of/{world.tech.admin.id}"):
        assert client.get(path).status_code == HTTPStatus.NOT_FOUND
