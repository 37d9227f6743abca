"""What groups at a provider make of people: the owner's table, people it creates, roles that follow (SF-14, BC-27)."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from sqlalchemy import select

from app.audit.models import AuditEvent
from app.core.db import session as db_session
from app.core.ids import new_id
from app.identity.models import SignInName, User, UserKind, UserType
from app.identity.providers.role_rules import list_rules
from app.identity.realms import open_realm
from app.identity.roles import RoleDetails, create_role
from tenants.context import scope
from tests.domain.identity.conftest import OPERATOR
from tests.domain.identity.people import mailed
from tests.factories.world import MONDAY_NOON, make_user
from tests.web.conftest import signed_in_browser
from tests.web.providers.conftest import add_link, add_provider, people_of, sent, sessions_in

OK, FOUND, FORBIDDEN, NOT_FOUND, UNPROCESSABLE = (
    HTTPStatus.OK,
    HTTPStatus.SEE_OTHER,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
STAFF = {"creates_users": True, "allowed_domains": ["nordwind.example"], "default_roles": ["read_only"]}


def rules_of(world, provider):
    with scope(world.scope):
        return {
            each.group_name: ("admin" if each.makes_admin else "", *each.roles)
            for each in list_rules(provider.realm_id, provider.id)
        }


def person(world, user_id) -> tuple[UserType, list[str]]:
    with scope(world.scope):
        found = db_session.scalars(
            select(User).where(User.id == user_id).execution_options(populate_existing=True)
        ).one()
        return found.type, sorted(found.roles)


def add_rule(client, base, provider, group, *roles):
    return client.post(f"{base}/{provider.id}/roles", data={"group_name": group, "roles": list(roles)})


def come(client, provider, forger, groups, below="", **claims):
    """Sign in as somebody with groups."""
    client.post(f"{below}/logout")
    left = sent(client.get(f"{below}/sso/{provider.id}"))
    said = {"sub": "iris", "email": "nina@nordwind.example", "email_verified": True, "groups": groups, **claims}
    forger.claims = forger.good(left["nonce"], **said)
    return client.get(f"{below}/sso/{provider.id}/callback", query_string={"state": left["state"], "code": "a"})


@pytest.mark.parametrize(
    ("base", "roles"),
    [
        ("/techsolutions/manage/providers", ("buyer", "billing_agent")),
        ("/bss/storefront-providers", ("admin",)),
        ("/bss/providers", ("sales", "support")),
    ],
)
def test_an_owner_keeps_a_table_of_groups_and_roles(client, world, base, roles):
    signed_in_browser(client, world, world.tech.admin if "manage" in base else world.bss_user)
    realm = {"m": world.tech.storefront.id, "s": world.root.id, "p": world.id}[base.split("/")[2][0]]
    provider = add_provider(world, realm)
    assert add_rule(client, base, provider, " Purchasing ", *roles).status_code == FOUND
    assert set(rules_of(world, provider)["Purchasing"]) - {""} == set(roles)
    shown = client.get(f"{base}/{provider.id}/roles")
    assert (shown.status_code, "Purchasing" in shown.text) == (OK, True)
    assert add_rule(client, base, provider, "Purchasing", roles[0]).status_code == FOUND
    assert set(rules_of(world, provider)["Purchasing"]) - {""} == {roles[0]}
    with scope(world.scope):
        (rule,) = list_rules(realm, provider.id)
    assert client.post(f"{base}/{provider.id}/roles/{rule.id}/delete").status_code == FOUND
    assert rules_of(world, provider) == {}


@pytest.mark.parametrize(
    ("group", "roles"),
    [("", ["buyer"]), ("x" * 201, ["buyer"]), ("Staff\nof all", ["buyer"]), ("Staff", []), ("Staff", ["administrator"]),
     ("Staff", ["buyer", "nothing"])],
)  # fmt: skip
def test_a_wrong_rule_stores_nothing(client, world, group, roles):
    signed_in_browser(client, world, world.tech.admin)
    provider = add_provider(world, world.tech.storefront.id)
    assert add_rule(client, "/techsolutions/manage/providers", provider, group, *roles).status_code == UNPROCESSABLE
    assert rules_of(world, provider) == {}


def test_rules_of_others_are_nobodys(client, world):
    theirs = add_provider(world, world.cloudia.storefront.id)
    signed_in_browser(client, world, world.tech.admin)
    base = "/techsolutions/manage/providers"
    assert client.get(f"{base}/{theirs.id}/roles").status_code == NOT_FOUND
    assert add_rule(client, base, theirs, "Staff", "buyer").status_code == NOT_FOUND
    mine = add_provider(world, world.tech.storefront.id)
    assert client.post(f"{base}/{mine.id}/roles/{new_id()}/delete").status_code == NOT_FOUND
    assert rules_of(world, theirs) == {}


def test_nobody_writes_a_rule_that_gives_what_they_do_not_have(client, session, world):
    """ADR 0023: by a rule the provider would give it, to themselves as well."""
    with scope(world.scope):
        keeper = create_role(
            RoleDetails("Keeper of settings", ("bss.setup.view", "bss.setup.edit")), actor=OPERATOR, at=MONDAY_NOON
        )
        staff = make_user(
            session, None, kind=UserKind.BSS, realms=(world.id,), type=UserType.USER, roles=(str(keeper.id),)
        )
        manager = make_user(
            session, world.tech.account, kind=UserKind.RESELLER, realms=(world.root.id, world.tech.storefront.id),
            type=UserType.USER, roles=("storefront_manager",),
        )  # fmt: skip
        with open_realm(world.id):
            name = session.scalars(select(SignInName).where(SignInName.user_id == staff.id)).one()
            name.rights = list(keeper.rights)
        session.commit()
    own, root = add_provider(world, world.id, **STAFF), add_provider(world, world.root.id)
    browser = signed_in_browser(client, world, staff, realm=world.id)
    assert browser.get(f"/bss/providers/{own.id}/roles").status_code == OK
    for role in ("administrator", "sales"):
        assert add_rule(browser, "/bss/providers", own, "Staff", role).status_code == UNPROCESSABLE
    assert add_rule(browser, "/bss/providers", own, "Staff", str(keeper.id)).status_code == FOUND
    assert add_rule(browser, "/bss/storefront-providers", root, "Staff", "admin").status_code == UNPROCESSABLE
    typed = {
        "name": own.name, "issuer": own.issuer, "client_id": own.client_id, "scopes": "openid", "creates_users": "y",
        "allowed_domains": "nordwind.example", "default_roles": ["read_only", "administrator"],
    }  # fmt: skip
    assert browser.post(f"/bss/providers/{own.id}", data=typed).status_code == UNPROCESSABLE
    shop = add_provider(world, world.tech.storefront.id)
    browser = signed_in_browser(client, world, manager, realm=world.tech.storefront.id)
    base = "/techsolutions/manage/providers"
    for role in ("admin", "buyer"):
        assert add_rule(browser, base, shop, "Staff", role).status_code == UNPROCESSABLE
    assert add_rule(browser, base, shop, "Staff", "storefront_manager").status_code == FOUND
    assert (rules_of(world, root), list(rules_of(world, own))) == ({}, ["Staff"])


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (["Sellers"], (UserType.USER, ["sales"])),
        (["Sellers", "Helpers", "Others"], (UserType.USER, ["sales", "support"])),
        (["Bosses", "Helpers"], (UserType.ADMIN, ["administrator"])),
        (["sellers"], (UserType.USER, ["read_only"])),  # letter by letter
        ([], (UserType.USER, ["read_only"])),
        ("Sellers", (UserType.USER, ["sales"])),
        ({"Sellers": True}, (UserType.USER, ["read_only"])),
    ],
)
def test_whom_a_provider_creates_has_the_roles_of_their_groups(client, world, forger, groups, expected):
    signed_in_browser(client, world, world.bss_user)
    provider = add_provider(world, world.id, **STAFF)
    for group, role in (("Sellers", "sales"), ("Helpers", "support"), ("Bosses", "administrator")):
        assert add_rule(client, "/bss/providers", provider, group, role).status_code == FOUND
    assert come(client, provider, forger, groups, "/bss").status_code == FOUND
    (made,) = [each for each in sessions_in(world, world.id) if each.provider_id == provider.id]
    assert person(world, made.user_id) == expected


def test_without_default_roles_only_people_of_known_groups_are_created(client, world, forger):
    signed_in_browser(client, world, world.bss_user)
    provider = add_provider(world, world.id, **{**STAFF, "default_roles": []})
    add_rule(client, "/bss/providers", provider, "Sellers", "sales")
    before = people_of(world)
    refused = come(client, provider, forger, ["Others"], "/bss")
    assert (refused.status_code, "give you no access" in refused.text) == (FORBIDDEN, True)
    assert people_of(world) == before
    assert come(client, provider, forger, ["Sellers"], "/bss").status_code == FOUND


@pytest.mark.parametrize("follows", [True, False])
def test_roles_follow_the_provider_where_the_owner_wants_it(client, world, forger, follows):
    signed_in_browser(client, world, world.bss_user)
    provider = add_provider(world, world.id, roles_follow=follows, **STAFF)
    for group, role in (("Sellers", "sales"), ("Helpers", "support")):
        add_rule(client, "/bss/providers", provider, group, role)
    come(client, provider, forger, ["Sellers"], "/bss")
    (made,) = [each for each in sessions_in(world, world.id) if each.provider_id == provider.id]
    come(client, provider, forger, ["Helpers"], "/bss")
    assert person(world, made.user_id) == (UserType.USER, ["support"] if follows else ["sales"])
    assert client.get("/bss/orders").status_code == OK
    come(client, provider, forger, None, "/bss")
    assert person(world, made.user_id) == (UserType.USER, ["read_only"] if follows else ["sales"])


def test_people_of_a_storefront_follow_their_groups_from_the_next_request(client, session, world, forger):
    """A role that somebody of their kind cannot have is left out; of nothing left they are refused."""
    signed_in_browser(client, world, world.tech.admin)
    shop, base = world.tech.storefront.id, "/techsolutions/manage/providers"
    provider = add_provider(world, shop, roles_follow=True)
    for group, roles in (("Finance", ["billing_agent"]), ("Shop", ["buyer", "storefront_manager"]), ("X", ["admin"])):
        assert add_rule(client, base, provider, group, *roles).status_code == FOUND
    with scope(world.scope):
        buyer = make_user(
            session, world.tech.customers[0], kind=UserKind.END_CUSTOMER, realms=(shop,), type=UserType.USER,
            roles=("buyer",),
        )  # fmt: skip
        session.commit()
    add_link(world, provider, buyer, "iris")
    assert come(client, provider, forger, ["Finance"], "/techsolutions").status_code == FOUND
    assert person(world, buyer.id) == (UserType.USER, ["billing_agent"])
    come(client, provider, forger, ["Shop"], "/techsolutions")
    assert person(world, buyer.id) == (UserType.USER, ["buyer"])
    assert client.get("/techsolutions/account/users").status_code == FORBIDDEN
    refused = come(client, provider, forger, ["Nowhere"], "/techsolutions")
    assert (refused.status_code, "give you no access" in refused.text) == (FORBIDDEN, True)
    assert person(world, buyer.id) == (UserType.USER, ["buyer"])
    come(client, provider, forger, ["X"], "/techsolutions")
    assert client.get("/techsolutions/account/users").status_code == OK
    assert person(world, buyer.id) == (UserType.ADMIN, [])


def test_the_last_admin_stays_one(client, world, forger):
    signed_in_browser(client, world, world.tech.admin)
    shop = world.tech.storefront.id
    provider = add_provider(world, shop, roles_follow=True)
    add_rule(client, "/techsolutions/manage/providers", provider, "Shop", "buyer")
    add_link(world, provider, world.tech.admin, "iris")
    for groups in (["Shop"], []):
        assert come(client, provider, forger, groups, "/techsolutions").status_code == FOUND
        assert person(world, world.tech.admin.id)[0] is UserType.ADMIN
    with scope(world.scope):
        kept = db_session.scalars(select(AuditEvent).where(AuditEvent.action == "user.last_admin_kept")).all()
    assert len(kept) == 2


def test_administrators_hear_of_a_new_one_by_group(client, world, forger):
    signed_in_browser(client, world, world.bss_user)
    provider = add_provider(world, world.id, roles_follow=True, **STAFF)
    add_rule(client, "/bss/providers", provider, "Bosses", "administrator")
    come(client, provider, forger, [], "/bss")
    come(client, provider, forger, ["Bosses"], "/bss")
    told = [each for each in mailed(world, "administrators_changed") if each.to_email == world.bss_user.email]
    assert [each.fields["by"] for each in told] == [provider.name]


def test_groups_that_were_left_out_for_their_number_change_nothing(client, world, forger):
    """Microsoft Entra ID's overage: the claim is elsewhere, and no groups is not what was said."""
    signed_in_browser(client, world, world.bss_user)
    provider = add_provider(world, world.id, roles_follow=True, **STAFF)
    add_rule(client, "/bss/providers", provider, "Sellers", "sales")
    come(client, provider, forger, ["Sellers"], "/bss")
    (made,) = [each for each in sessions_in(world, world.id) if each.provider_id == provider.id]
    claims = {"_claim_names": {"groups": "src1"}}
    refused = come(client, provider, forger, None, "/bss", **claims)
    assert refused.status_code == FORBIDDEN
    assert person(world, made.user_id) == (UserType.USER, ["sales"])


def test_rules_end_with_their_provider(client, world):
    signed_in_browser(client, world, world.tech.admin)
    provider = add_provider(world, world.tech.storefront.id)
    add_rule(client, "/techsolutions/manage/providers", provider, "Shop", "buyer")
    client.post(f"/techsolutions/manage/providers/{provider.id}/delete")
    assert rules_of(world, provider) == {}
