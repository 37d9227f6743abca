from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.accounts.models import AccountStatus
from app.accounts.services import deactivate_account, set_status
from app.audit.models import AuditEvent
from app.core.db import session as db_session
from app.core.errors import Invalid
from app.identity.errors import (
    EmailInUse,
    LastAdmin,
    OwnAccess,
    RoleNotAvailable,
    RoleRequired,
    UserNotFound,
    UserNotPending,
)
from app.identity.models import SignInName, User, UserKind, UserStatus, UserType
from app.identity.permissions import BssRole, StorefrontRole
from app.identity.queries import get_user, is_last_admin, sign_in_names
from app.identity.realms import open_realm
from app.identity.services import (
    NewUser,
    activate_contact,
    admit_staff,
    create_user,
    deactivate_user,
    erase_realm,
    rename_user,
    resend_activation,
    set_roles,
    withdraw_realm,
)
from app.identity.sessions import find_session
from tenants.context import end_customer_scope, scope
from tenants.models import Storefront
from tests.domain.identity.conftest import OPERATOR
from tests.domain.identity.people import give_password, link_of, mailed, try_sign_in
from tests.factories.world import MONDAY_NOON, World, make_user


def clerk_of(world: World, **more) -> NewUser:
    new = NewUser(
        UserKind.END_CUSTOMER,
        "Carla",
        "Clerk",
        "carla@customer.example",
        account_id=world.tech.customers[0].id,
        reseller_id=world.tech.id,
    )
    return replace(new, **more)


def add(new: NewUser, *realms, invite_from=None) -> User:
    return create_user(new, realms=realms, invite_from=invite_from, actor=OPERATOR, at=MONDAY_NOON)


def count_users(world: World) -> int:
    with scope(world.scope):
        return db_session.scalars(select(func.count()).select_from(User)).one()


def names_in(world: World, realm_id) -> dict[str, SignInName]:
    with scope(world.scope), open_realm(realm_id):
        found = db_session.scalars(select(SignInName).execution_options(populate_existing=True))
        return {name.email: name for name in found}


def rename(user: User) -> None:
    rename_user(user.id, first_name="New", last_name="Name", phone=None, actor=OPERATOR, at=MONDAY_NOON)


def make_buyer(user: User) -> None:
    set_roles(user.id, type_=UserType.USER, roles=[StorefrontRole.BUYER], actor=OPERATOR, at=MONDAY_NOON)


def test_storefront_user_made_from_the_back_office_is_an_admin(world: World) -> None:
    """RS-F5: Storefront user made from the back office has type Admin."""
    with scope(world.scope):
        user = add(
            NewUser(UserKind.DIRECT, "Dina", "Direct", "dina@direct.example", account_id=world.direct.id),
            world.root.id,
            invite_from=world.root.id,
        )

    assert (user.type, user.roles, user.status) == (UserType.ADMIN, [], UserStatus.PENDING)
    assert names_in(world, world.root.id)["dina@direct.example"].type is UserType.ADMIN
    (mail,) = mailed(world, "user_activation")
    assert (mail.to_email, mail.sender_reseller_id, mail.storefront_id) == (user.email, None, world.root.id)
    assert mail.fields["company_name"] == "Nordwind Cloud"
    assert link_of(mail).startswith(f"http://{world.host}/activate/")


@pytest.mark.parametrize("change", [rename, make_buyer])
def test_changing_a_person_of_a_closed_account_gives_no_access_back(world: World, change) -> None:
    buyer, storefront_id = world.tech.buyers[0], world.tech.storefront.id
    give_password(world, buyer, storefront_id)
    with scope(world.tech.scope):
        deactivate_account(buyer.account_id, actor=OPERATOR, at=MONDAY_NOON)
        change(buyer)
    db_session.commit()

    assert names_in(world, storefront_id)[buyer.email].status is UserStatus.INACTIVE
    assert try_sign_in(world, storefront_id, buyer.email) is None


def test_person_without_realm_is_a_contact_only(world: World) -> None:
    with scope(world.tech.scope):
        user = add(clerk_of(world))

    assert user.status is UserStatus.INACTIVE
    assert "carla@customer.example" not in names_in(world, world.tech.storefront.id)
    assert mailed(world) == []


def test_mail_of_an_end_customer_leaves_in_the_resellers_name(world: World) -> None:
    with scope(world.scope):
        add(clerk_of(world), world.tech.storefront.id, invite_from=world.tech.storefront.id)

    (mail,) = mailed(world, "user_activation")
    assert (mail.sender_reseller_id, mail.fields["company_name"]) == (world.tech.id, "Tech Solutions")
    assert "Nordwind" not in str(mail.fields)
    assert mail.fields["valid_until"] == "5 Mar 2026, 12:00 UTC"


@pytest.mark.parametrize(
    "email",
    [
        "no-address", "two@at@signs.example", "", "space in@address.example",
        "jürgen@post.example", "anna@straße.example",
    ],
)  # fmt: skip
def test_broken_address_is_refused(world: World, email: str) -> None:
    before = count_users(world)
    with scope(world.tech.scope), pytest.raises(Invalid) as refused:
        add(clerk_of(world, email=email, first_name=" "), world.tech.storefront.id)

    assert refused.value.codes == ("required", "email")
    assert count_users(world) == before


@pytest.mark.parametrize("name", ["Anna\r\nBcc: eve@evil.example", "An\x00na", "Anna\u202eevE"])
def test_a_name_that_no_mail_could_carry_is_refused(world: World, name: str) -> None:
    before = count_users(world)
    with scope(world.tech.scope), pytest.raises(Invalid) as refused:
        add(clerk_of(world, first_name=name), world.tech.storefront.id)

    assert refused.value.codes == ("characters",)
    assert count_users(world) == before


def test_address_is_used_once_in_a_realm(world: World) -> None:
    before = count_users(world)
    taken = world.tech.buyers[1].email.upper()

    with scope(world.tech.scope), pytest.raises(EmailInUse), db_session.begin_nested():
        add(clerk_of(world, email=taken), world.tech.storefront.id)

    assert count_users(world) == before
    assert names_in(world, world.tech.storefront.id)[taken.lower()].user_id == world.tech.buyers[1].id


def test_same_address_may_be_somebody_else_at_another_storefront(world: World) -> None:
    with scope(world.tech.scope):
        user = add(clerk_of(world, email=world.cloudia.buyers[0].email), world.tech.storefront.id)

    assert user.id != world.cloudia.buyers[0].id


def test_staffs_address_is_none_for_their_customers_users(world: World) -> None:
    """RS-13: an e-mail of the reseller's own staff cannot be reused, with or without a storefront."""
    shops = (world.tech, world.basic)
    before = count_users(world)
    for shop in shops:
        new = clerk_of(world, email=shop.admin.email, reseller_id=shop.id, account_id=shop.customers[0].id)
        with scope(shop.scope), pytest.raises(EmailInUse), db_session.begin_nested():
            add(new, shop.storefront.id if shop.storefront else world.root.id)

    assert count_users(world) == before


def test_new_staff_may_enter_root_and_storefront(world: World) -> None:
    with scope(world.scope):
        user = add(
            NewUser(
                UserKind.RESELLER,
                "Rita",
                "Reseller",
                "rita@tech.example",
                account_id=world.tech.id,
                reseller_id=world.tech.id,
            ),
            world.root.id,
        )
        names = sign_in_names(user)

    assert [(name.realm_id, name.credential_realm_id) for name in names] == [
        (world.root.id, world.root.id),
        (world.tech.storefront.id, world.root.id),
    ]


def test_manager_role_needs_a_storefront_of_ones_own(world: World) -> None:
    """RS-13: My Storefront Manager for a user of a Basic reseller or of an end customer is `role_not_available`."""
    manager: dict[str, Any] = {"type": UserType.USER, "roles": (StorefrontRole.STOREFRONT_MANAGER,)}
    basic = NewUser(
        UserKind.RESELLER, "Ben", "Basic", "ben@basic.example", account_id=world.basic.id, reseller_id=world.basic.id
    )
    before = count_users(world)

    with scope(world.tech.scope), pytest.raises(RoleNotAvailable):
        add(clerk_of(world, **manager), world.tech.storefront.id)
    with scope(world.basic.scope), pytest.raises(RoleNotAvailable):
        add(replace(basic, **manager), world.root.id)
    assert count_users(world) == before
    with scope(world.tech.scope):
        tech = replace(basic, account_id=world.tech.id, reseller_id=world.tech.id, **manager)
        assert add(tech, world.root.id).roles == ["storefront_manager"]


def test_simple_user_has_a_role(world: World) -> None:
    with scope(world.tech.scope), pytest.raises(RoleRequired):
        add(clerk_of(world, type=UserType.USER), world.tech.storefront.id)

    with scope(world.tech.scope), pytest.raises(RoleNotAvailable):
        add(clerk_of(world, type=UserType.USER, roles=(BssRole.SALES,)), world.tech.storefront.id)


def test_own_people_keep_their_last_admin(world: World) -> None:
    """RS-13: removing the reseller's last Admin is `last_admin`; so is a customer's by its own people."""
    customer = world.tech.customers[0]
    buyer = world.tech.buyers[0]
    own = end_customer_scope(world.id, world.tech.id, customer.id)
    for people, user in ((own, buyer), (world.tech.scope, world.tech.admin), (world.scope, world.bss_user)):
        with scope(people):
            with pytest.raises(LastAdmin):
                deactivate_user(user.id, actor=OPERATOR, at=MONDAY_NOON)
            roles = (BssRole.SALES,) if user is world.bss_user else (StorefrontRole.BUYER,)
            with pytest.raises(LastAdmin):
                set_roles(user.id, type_=UserType.USER, roles=roles, actor=OPERATOR, at=MONDAY_NOON)
            found = get_user(user.id)
            assert (found.type, found.status) == (UserType.ADMIN, UserStatus.ACTIVE)


def test_reseller_and_back_office_may_take_a_customers_last_admin_away(world: World) -> None:
    with scope(world.tech.scope):
        assert is_last_admin(get_user(world.tech.buyers[0].id))
        deactivate_user(world.tech.buyers[0].id, actor=OPERATOR, at=MONDAY_NOON)
    with scope(world.scope):
        deactivate_user(world.tech.admin.id, actor=OPERATOR, at=MONDAY_NOON)
        assert get_user(world.tech.admin.id).status is UserStatus.INACTIVE


def test_nobody_takes_away_their_own_access(world: World) -> None:
    me = replace(OPERATOR, user_id=world.tech.admin.id)
    with scope(world.scope), pytest.raises(OwnAccess):
        deactivate_user(world.tech.admin.id, actor=me, at=MONDAY_NOON)

    assert names_in(world, world.root.id)[world.tech.admin.email].status is UserStatus.ACTIVE


def test_changes_are_written_to_user_and_sign_in_names_alike(world: World) -> None:
    with scope(world.scope):
        second = make_user(
            db_session(),
            world.tech.account,
            kind=UserKind.RESELLER,
            realms=(world.root.id, world.tech.storefront.id),
        )
        set_roles(second.id, type_=UserType.USER, roles=(StorefrontRole.BUYER,), actor=OPERATOR, at=MONDAY_NOON)
        rename_user(second.id, first_name="Zoe", last_name="Zeta", phone=None, actor=OPERATOR, at=MONDAY_NOON)

    for realm_id in (world.root.id, world.tech.storefront.id):
        name = names_in(world, realm_id)[second.email]
        assert (name.type, name.roles, name.full_name) == (UserType.USER, ["buyer"], "Zoe Zeta")
    with scope(world.scope):
        told = db_session.scalars(select(AuditEvent.action).where(AuditEvent.target_id == second.id)).all()
    assert sorted(told) == ["user.changed", "user.roles_changed"]


def test_back_office_administrator_is_admin_by_role(world: World) -> None:
    with scope(world.scope):
        user = add(
            NewUser(UserKind.BSS, "Al", "Admin", "al@nord.example", type=UserType.USER, roles=(BssRole.ADMINISTRATOR,)),
            world.id,
        )

    assert user.type is UserType.ADMIN


def test_staff_made_without_a_type_have_their_roles_alone(world: World) -> None:
    with scope(world.scope):
        reader = NewUser(UserKind.BSS, "Rosa", "Vega", "rosa@nord.example", roles=(BssRole.READ_ONLY,))
        user = add(reader, world.id)
        with pytest.raises(RoleRequired):
            add(replace(reader, email="nobody@nord.example", roles=()), world.id)

    assert (user.type, user.roles) == (UserType.USER, ["read_only"])


def test_deactivated_person_comes_back_with_the_old_password(world: World) -> None:
    buyer = world.tech.buyers[0]
    realm_id = world.tech.storefront.id
    give_password(world, buyer, realm_id)
    with scope(world.tech.scope):
        db_session.execute(update(User).where(User.id == buyer.id).values(activated_at=MONDAY_NOON))
        deactivate_user(buyer.id, actor=OPERATOR, at=MONDAY_NOON)
        assert try_sign_in(world, realm_id, buyer.email) is None
        link = activate_contact(buyer.id, invite_from=realm_id, actor=OPERATOR, at=MONDAY_NOON)

    assert link == ""
    assert try_sign_in(world, realm_id, buyer.email) is not None


def test_contact_becomes_a_user_by_invitation(world: World) -> None:
    with scope(world.tech.scope):
        contact = add(clerk_of(world))
        link = activate_contact(contact.id, invite_from=world.tech.storefront.id, actor=OPERATOR, at=MONDAY_NOON)
        assert get_user(contact.id).status is UserStatus.PENDING

    assert link_of(mailed(world, "user_activation")[0]) == link


def test_only_pending_people_are_invited_again(world: World) -> None:
    with scope(world.tech.scope), pytest.raises(UserNotPending):
        resend_activation(world.tech.buyers[0].id, invite_from=world.tech.storefront.id, actor=OPERATOR, at=MONDAY_NOON)

    assert mailed(world) == []


def test_foreign_user_does_not_exist_for_us(world: World) -> None:
    for other in (world.cloudia.scope, world.basic.scope):
        with scope(other), pytest.raises(UserNotFound):
            deactivate_user(world.tech.buyers[0].id, actor=OPERATOR, at=MONDAY_NOON)

    with scope(world.scope):
        assert get_user(world.tech.buyers[0].id).status is UserStatus.ACTIVE


def open_for_basic(world: World) -> Storefront:
    storefront = Storefront(reseller_id=world.basic.id, edition="free", created_at=MONDAY_NOON)
    db_session.add(storefront)
    db_session.flush()
    return storefront


def test_staff_are_admitted_to_a_new_storefront_once(world: World) -> None:
    """RS-F26 (partly): who signs in at the root has a name in the new alias realm, with the same password."""
    with scope(world.scope):
        storefront = open_for_basic(world)
        first = admit_staff(world.basic.id, storefront.id, at=MONDAY_NOON)
        second = admit_staff(world.basic.id, storefront.id, at=MONDAY_NOON)

    (name,) = names_in(world, storefront.id).values()
    assert (first, second) == (1, 1)
    assert (name.user_id, name.credential_realm_id) == (world.basic.admin.id, world.root.id)


def test_closing_a_realm_ends_its_sessions_and_keeps_its_names(world: World) -> None:
    realm_id = world.tech.storefront.id
    give_password(world, world.tech.admin, world.root.id)
    here = try_sign_in(world, realm_id, world.tech.admin.email)
    there = try_sign_in(world, world.root.id, world.tech.admin.email)

    with scope(world.scope):
        withdraw_realm(realm_id)
        assert find_session(realm_id, here.token, at=MONDAY_NOON) is None
        assert find_session(world.root.id, there.token, at=MONDAY_NOON) is not None
        assert len(names_in(world, realm_id)) == 3
        erase_realm(realm_id)

    assert names_in(world, realm_id) == {}
    assert world.tech.admin.email in names_in(world, world.root.id)


def test_people_of_a_closed_account_are_out_until_it_opens_again(world: World) -> None:
    realm_id = world.tech.storefront.id
    buyer, neighbour = world.tech.buyers
    for user in (buyer, neighbour):
        give_password(world, user, realm_id)
    signed_in = try_sign_in(world, realm_id, buyer.email)

    with scope(world.tech.scope):
        deactivate_account(world.tech.customers[0].id, actor=OPERATOR, at=MONDAY_NOON)
        assert find_session(realm_id, signed_in.token, at=MONDAY_NOON) is None
        assert get_user(buyer.id).status is UserStatus.ACTIVE
    assert try_sign_in(world, realm_id, buyer.email) is None
    assert try_sign_in(world, realm_id, neighbour.email) is not None
    with scope(world.tech.scope):
        set_status(world.tech.customers[0].id, AccountStatus.ACTIVE, actor=OPERATOR, at=MONDAY_NOON)

    assert try_sign_in(world, realm_id, buyer.email) is not None
