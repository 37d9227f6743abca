"""Groups at a company's own provider make its own people what its Admins may make them, and nothing more (GO-14, SF-10)."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from app.identity.models import UserKind, UserType
from app.identity.providers.role_rules import list_rules
from tenants.context import scope
from tests.domain.identity.people import give_password, mailed
from tests.web.companies.conftest import (
    DOMAIN,
    add_company_provider,
    alias_place,
    root_place,
    travel,
    user_of,
)
from tests.web.companies.conftest import rules_of as decided
from tests.web.companies.groups import colleague, come, insert_rule, place, provider, redecide, traces
from tests.web.conftest import signed_in_browser
from tests.web.providers.conftest import add_link, add_provider, change, people_of, sent, sessions_in, shop_settings
from tests.web.providers.test_roles import add_rule, person, rules_of

__all__ = ["place", "provider"]
OK, FOUND, FORBIDDEN, NOT_FOUND, CONFLICT, UNPROCESSABLE = (
    HTTPStatus.OK,
    HTTPStatus.SEE_OTHER,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
NEW = f"nina@{DOMAIN}"
ADMIN_KEPT, KEEPER_KEPT = "user.last_admin_kept", "user.glass_keeper_kept"


def base_of(place):
    return f"{place.page}/providers"


@pytest.mark.parametrize("where", [alias_place, root_place])
def test_a_companys_admin_keeps_its_table_of_groups(client, world, forger, where):
    """GO-14: added, replaced, deleted on a page of the company's own; and its Admins hear of one that makes Admins."""
    place = where(world)
    provider = add_company_provider(world, place)
    signed_in_browser(client, world, place.admin)
    shown = client.get(f"{base_of(place)}/{provider.id}/roles")
    assert (shown.status_code, "No rules yet" in shown.text, "My Storefront Manager" in shown.text) == (OK, True, False)
    assert add_rule(client, base_of(place), provider, " Purchasing ", "buyer", "billing_agent").status_code == FOUND
    assert set(rules_of(world, provider)["Purchasing"]) - {""} == {"buyer", "billing_agent"}
    assert mailed(world, "company_sign_in") == []
    assert add_rule(client, base_of(place), provider, "Purchasing", "admin").status_code == FOUND
    assert rules_of(world, provider) == {"Purchasing": ("admin",)}
    (told,) = mailed(world, "company_sign_in")
    assert (told.to_email, "lets the group Purchasing" in told.fields["what_changed"]) == (place.admin.email, True)
    with scope(world.scope):
        (rule,) = list_rules(place.realm_id, provider.id)
    assert client.post(f"{base_of(place)}/{provider.id}/roles/{rule.id}/delete").status_code == FOUND
    assert (rules_of(world, provider), len(mailed(world, "company_sign_in"))) == ({}, 2)
    assert [each.actor_id for each in traces(world, "provider.rule_set")] == [place.admin.id] * 2


@pytest.mark.parametrize(
    ("group", "roles"),
    [
        ("", ["buyer"]),
        ("x" * 201, ["buyer"]),
        ("Staff\nof all", ["buyer"]),
        ("Staff", []),
        ("Staff", ["nothing"]),
        ("Staff", ["storefront_manager"]),  # the owner's
        ("Staff", ["buyer", "storefront_manager"]),
        ("Staff", ["administrator"]),  # of the back office, and what follows
        ("Staff", ["sales"]),
    ],
)
def test_a_wrong_rule_or_one_with_an_owners_role_stores_nothing(client, world, place, provider, group, roles):
    """SF-10: a company's Admin gives a customer's roles alone; others are not in the list, whatever is sent."""
    signed_in_browser(client, world, place.admin)
    answer = add_rule(client, base_of(place), provider, group, *roles)
    assert (answer.status_code, "field__error" in answer.text) == (UNPROCESSABLE, True)
    assert rules_of(world, provider) == {}


def test_rules_of_others_do_not_exist(client, world, place, provider, forger):
    """Another company's here, the owner's, another storefront's, the same company's other rule: 404, nothing touched."""
    others = [
        add_company_provider(world, alias_place(world, 1)),
        add_provider(world, place.realm_id),
        add_provider(world, world.cloudia.storefront.id),
        add_company_provider(world, root_place(world)),
    ]
    for each in others:
        insert_rule(world, each, "Staff", "buyer")
    signed_in_browser(client, world, place.admin)
    for each in others:
        with scope(world.scope):
            (rule,) = list_rules(each.realm_id, each.id)
        assert client.get(f"{base_of(place)}/{each.id}/roles").status_code == NOT_FOUND
        assert add_rule(client, base_of(place), each, "Mine", "admin").status_code == NOT_FOUND
        assert client.post(f"{base_of(place)}/{each.id}/roles/{rule.id}/delete").status_code == NOT_FOUND
        assert client.post(f"{base_of(place)}/{provider.id}/roles/{rule.id}/delete").status_code == NOT_FOUND
        assert rules_of(world, each) == {"Staff": ("", "buyer")}
    assert rules_of(world, provider) == {}


def test_neither_the_storefronts_owner_nor_simple_users_reach_a_companys_rules(client, world, place, provider):
    """ADR 0027: whoever may write them could become anybody there."""
    insert_rule(world, provider, "Staff", "buyer")
    for user, base in (
        (world.tech.admin, "/techsolutions/manage/providers"),
        (world.bss_user, "/bss/storefront-providers"),
        (world.bss_user, "/bss/providers"),
    ):
        signed_in_browser(client, world, user)
        assert client.get(f"{base}/{provider.id}/roles").status_code == NOT_FOUND
        assert add_rule(client, base, provider, "Mine", "admin").status_code == NOT_FOUND
    for user in (world.tech.admin, colleague(world, place, roles=("buyer", "billing_agent"))):
        signed_in_browser(client, world, user)
        assert client.get(f"{base_of(place)}/{provider.id}/roles").status_code == FORBIDDEN
        assert add_rule(client, base_of(place), provider, "Mine", "admin").status_code == FORBIDDEN
    assert rules_of(world, provider) == {"Staff": ("", "buyer")}


def test_where_the_owner_has_switched_it_off_no_rule_is_added(client, world, place, provider):
    """What is there can be taken away."""
    insert_rule(world, provider, "Staff", "buyer")
    shop_settings(world, company_sign_in=False)
    signed_in_browser(client, world, place.admin)
    assert add_rule(client, base_of(place), provider, "Mine", "admin").status_code == CONFLICT
    assert rules_of(world, provider) == {"Staff": ("", "buyer")}
    with scope(world.scope):
        (rule,) = list_rules(place.realm_id, provider.id)
    assert client.post(f"{base_of(place)}/{provider.id}/roles/{rule.id}/delete").status_code == FOUND
    assert rules_of(world, provider) == {}


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (["Purchasing"], (UserType.USER, ["buyer"])),
        (["Purchasing", "Finance", "Others"], (UserType.USER, ["billing_agent", "buyer"])),
        (["Bosses", "Finance"], (UserType.ADMIN, [])),
        (["purchasing"], (UserType.USER, ["cloud_administrator"])),  # letter by letter
        ([], (UserType.USER, ["cloud_administrator"])),
        (None, (UserType.USER, ["cloud_administrator"])),
        ("Purchasing", (UserType.USER, ["buyer"])),
        ({"Bosses": True}, (UserType.USER, ["cloud_administrator"])),
    ],
)
def test_new_people_of_a_company_have_the_roles_of_their_groups(
    client, world, place, provider, forger, groups, expected
):
    """GO-14: as for owners: an Admin's rule beats the others, the rest add up, without one the company's default."""
    insert_rule(world, provider, "Purchasing", "buyer")
    insert_rule(world, provider, "Finance", "billing_agent")
    insert_rule(world, provider, "Bosses", makes_admin=True)
    landed = travel(client, forger, place, provider, sub="nina", email=NEW, email_verified=True, groups=groups)
    made = user_of(world, NEW)
    assert (landed.status_code, person(world, made.id)) == (FOUND, expected)
    assert (made.account_id, made.reseller_id, made.kind) == (place.account.id, world.tech.id, UserKind.END_CUSTOMER)
    manages = OK if expected[0] is UserType.ADMIN else FORBIDDEN
    assert client.get(f"{place.below}/account/users").status_code == manages
    assert client.get("/techsolutions/manage").status_code in (FORBIDDEN, HTTPStatus.PERMANENT_REDIRECT)
    assert client.get("/techsolutions/manage/").status_code == FORBIDDEN


def test_without_default_roles_only_people_of_known_groups_come_in(client, world, place, provider, forger):
    """The Admin may choose no default as soon as a rule is there; before, somebody new would be nothing."""
    signed_in_browser(client, world, place.admin)
    none = {"creates_users": "y"}
    assert client.post(f"{place.page}/rules", data=none).status_code == UNPROCESSABLE
    assert decided(world, place).default_roles == ["cloud_administrator"]
    insert_rule(world, provider, "Purchasing", "buyer")
    assert client.post(f"{place.page}/rules", data=none).status_code == FOUND
    assert decided(world, place).default_roles == []
    client.post(f"{place.below}/logout")
    before = people_of(world)
    said = {"sub": "nina", "email": NEW, "email_verified": True}
    refused = travel(client, forger, place, provider, groups=["Others"], **said)
    assert (refused.status_code, "give you no access" in refused.text) == (FORBIDDEN, True)
    assert (people_of(world), sessions_in(world, place.realm_id)) == (before, [])
    assert travel(client, forger, place, provider, groups=["Purchasing"], **said).status_code == FOUND
    assert person(world, user_of(world, NEW).id) == (UserType.USER, ["buyer"])


@pytest.mark.parametrize("follows", [True, False])
def test_roles_follow_at_each_sign_in_where_the_company_wants_it(app, client, world, place, provider, forger, follows):
    change(world, provider, roles_follow=follows)
    insert_rule(world, provider, "Purchasing", "buyer")
    insert_rule(world, provider, "Finance", "billing_agent")
    user = colleague(world, place, roles=("buyer",))
    add_link(world, provider, user, str(user.id))
    assert come(app, world, forger, place, provider, user, ["Finance"]).status_code == FOUND
    assert person(world, user.id) == (UserType.USER, ["billing_agent" if follows else "buyer"])
    assert come(app, world, forger, place, provider, user, []).status_code == FOUND
    assert person(world, user.id) == (UserType.USER, ["cloud_administrator" if follows else "buyer"])
    named = [each.after["roles"] for each in traces(world, "user.roles_changed")]
    assert named == (["billing_agent", "cloud_administrator"] if follows else [])


def test_without_a_rule_roles_stay_as_they_are(app, world, place, provider, forger):
    """Else switching a provider on would make everybody what new people become."""
    user = colleague(world, place, roles=("buyer",))
    add_link(world, provider, user, str(user.id))
    assert come(app, world, forger, place, provider, user, ["Finance"]).status_code == FOUND
    assert person(world, user.id) == (UserType.USER, ["buyer"])


@pytest.mark.parametrize("groups", [["Purchasing"], []])
@pytest.mark.parametrize("default", [["buyer"], []])
def test_a_companys_last_admin_is_never_demoted_by_groups(app, world, place, provider, forger, groups, default):
    """SF-F16: whatever the provider says: they come in as they were, and the trail says why."""
    insert_rule(world, provider, "Purchasing", "buyer")
    redecide(world, place, default_roles=default)
    add_link(world, provider, place.admin, str(place.admin.id))
    assert come(app, world, forger, place, provider, place.admin, groups).status_code == FOUND
    assert person(world, place.admin.id) == (UserType.ADMIN, [])
    (kept,) = traces(world, ADMIN_KEPT)
    assert (kept.target_id, kept.after["provider"]) == (place.admin.id, provider.name)
    assert kept.after["groups"] == ", ".join(groups)
    assert kept.after["roles_not_taken_over"] == ("buyer" if groups or default else "")


@pytest.mark.parametrize("groups", [["Purchasing"], []])
def test_who_keeps_the_glass_stays_admin_whatever_groups_say(app, world, place, provider, forger, groups):
    """ADR 0027: the company's password is of use as long as an Admin has it; another Admin does not make up for it."""
    keeper = colleague(world, place, type=UserType.ADMIN, roles=())
    give_password(world, keeper, place.realm_id)
    redecide(world, place, default_roles=[], is_required=True, break_glass_user_id=keeper.id)
    insert_rule(world, provider, "Purchasing", "buyer")
    for user in (keeper, place.admin):
        add_link(world, provider, user, str(user.id))
    assert come(app, world, forger, place, provider, keeper, groups).status_code == FOUND
    assert person(world, keeper.id) == (UserType.ADMIN, [])
    assert [each.target_id for each in traces(world, KEEPER_KEPT)] == [keeper.id]
    landed = come(app, world, forger, place, provider, place.admin, groups)
    demoted = groups == ["Purchasing"]
    assert landed.status_code == (FOUND if demoted else FORBIDDEN)
    assert person(world, place.admin.id) == ((UserType.USER, ["buyer"]) if demoted else (UserType.ADMIN, []))
    assert traces(world, ADMIN_KEPT) == []


def test_of_two_admins_whom_groups_demote_the_second_stays_one(app, world, place, provider, forger):
    """SF-F16: as many as come, one is left."""
    insert_rule(world, provider, "Purchasing", "buyer")
    other = colleague(world, place, type=UserType.ADMIN, roles=())
    for user in (place.admin, other):
        add_link(world, provider, user, str(user.id))
        assert come(app, world, forger, place, provider, user, ["Purchasing"]).status_code == FOUND
    assert person(world, place.admin.id) == (UserType.USER, ["buyer"])
    assert person(world, other.id) == (UserType.ADMIN, [])
    assert [each.target_id for each in traces(world, ADMIN_KEPT)] == [other.id]


def test_the_owners_provider_survives_a_companys_glass_keeper_too(app, client, world, place, forger):
    """A storefront's own provider may have rules as well; they take no company its way in."""
    keeper = colleague(world, place, type=UserType.ADMIN, roles=())
    redecide(world, place, is_required=True, break_glass_user_id=keeper.id)
    owners = add_provider(world, place.realm_id, roles_follow=True)
    insert_rule(world, owners, "Purchasing", "buyer")
    add_link(world, owners, keeper, str(keeper.id))
    assert come(app, world, forger, place, owners, keeper, ["Purchasing"]).status_code == FOUND
    assert person(world, keeper.id) == (UserType.ADMIN, [])
    assert len(traces(world, KEEPER_KEPT)) == 1


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        (["Purchasing", "Others"], ("Purchasing", "Buyer", "Others")),
        (["Bosses", "Purchasing"], ("Bosses", "Admin")),
        (["Others"], ("No rule counts", "Cloud administrator")),
    ],
)
def test_the_test_sign_in_shows_which_rule_would_count(client, world, place, provider, forger, groups, words):
    """GO-14: what arrived, which rules count, what a stranger would become; and nobody is changed or let in."""
    insert_rule(world, provider, "Purchasing", "buyer")
    insert_rule(world, provider, "Bosses", makes_admin=True)
    signed_in_browser(client, world, place.admin)
    before = people_of(world), len(sessions_in(world, place.realm_id))
    left = sent(client.get(f"{base_of(place)}/{provider.id}/test"))
    forger.claims = forger.good(left["nonce"], groups=groups)
    shown = client.get(left["redirect_uri"], query_string={"state": left["state"], "code": "a"})
    assert shown.status_code == OK
    assert [word in shown.text for word in words] == [True] * len(words)
    assert (people_of(world), len(sessions_in(world, place.realm_id))) == before
    assert person(world, place.admin.id) == (UserType.ADMIN, [])


def test_the_test_sign_in_says_whom_it_would_refuse(client, world, place, provider, forger):
    insert_rule(world, provider, "Purchasing", "buyer")
    redecide(world, place, default_roles=[])
    signed_in_browser(client, world, place.admin)
    left = sent(client.get(f"{base_of(place)}/{provider.id}/test"))
    forger.claims = forger.good(left["nonce"])
    shown = client.get(left["redirect_uri"], query_string={"state": left["state"], "code": "a"})
    assert "such people cannot sign in" in shown.text
