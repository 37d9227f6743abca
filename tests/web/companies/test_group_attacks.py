"""What groups at a company's provider cannot do: reach other people, give an owner's roles, count elsewhere (GO-14)."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from sqlalchemy import select

from app.core.db import session as db_session
from app.core.ids import new_id
from app.identity.models import User, UserStatus, UserType
from app.identity.providers.models import ProviderState
from tenants.context import scope
from tests.web.companies.conftest import (
    DOMAIN,
    add_company_provider,
    alias_place,
    root_place,
    travel,
    user_of,
)
from tests.web.companies.groups import colleague, come, insert_rule, place, provider
from tests.web.providers.conftest import add_link, add_provider, people_of, sessions_in
from tests.web.providers.test_roles import person

__all__ = ["place", "provider"]
FORBIDDEN, NOT_FOUND, FOUND = HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.SEE_OTHER
NEW = f"nina@{DOMAIN}"


def test_a_rule_with_an_owners_or_staff_role_gives_a_customer_nothing(app, client, world, place, provider, forger):
    """However such a row came about: a role that somebody of their kind cannot have is left out."""
    insert_rule(world, provider, "Shop", "storefront_manager", "administrator", "sales", str(new_id()))
    user = colleague(world, place, roles=("buyer",))
    add_link(world, provider, user, str(user.id))
    browser = app.test_client()
    browser.host = world.host
    claims = {"sub": str(user.id), "email": user.email, "email_verified": True, "groups": ["Shop"]}
    assert travel(browser, forger, place, provider, **claims).status_code == FOUND
    assert person(world, user.id) == (UserType.USER, ["cloud_administrator"])
    assert browser.get("/techsolutions/manage/").status_code == FORBIDDEN
    assert browser.get("/bss/").status_code in (FORBIDDEN, NOT_FOUND, FOUND)
    travel(client, forger, place, provider, sub="nina", email=NEW, email_verified=True, groups=["Shop"])
    assert person(world, user_of(world, NEW).id) == (UserType.USER, ["cloud_administrator"])


@pytest.mark.parametrize("whose", ["another company's", "the reseller's staff", "the company's other realm"])
def test_groups_of_a_companys_provider_reach_nobody_elses_people(app, world, place, provider, forger, whose):
    """Linked or not, with an address of the domain or not: nobody gets in, and nobody's roles change."""
    insert_rule(world, provider, "Bosses", makes_admin=True)
    insert_rule(world, provider, "Purchasing", "buyer")
    victim = {
        "another company's": lambda: colleague(world, alias_place(world, 1), roles=("billing_agent",)),
        "the reseller's staff": lambda: world.tech.admin,
        "the company's other realm": lambda: colleague(world, root_place(world), roles=("billing_agent",)),
    }[whose]()
    before, names = person(world, victim.id), people_of(world)
    if whose != "the company's other realm":  # there is no name of theirs to link in this realm
        add_link(world, provider, victim, str(victim.id))
    for groups in (["Bosses"], ["Purchasing"]):
        if whose == "the company's other realm":
            landed = come(app, world, forger, place, provider, victim, groups)
            with scope(world.scope):
                found = db_session.scalars(select(User.account_id).where(User.email == victim.email)).all()
            assert landed.status_code == FOUND  # as somebody new, of this company
            assert set(found) == {victim.account_id, place.account.id}
        else:
            assert come(app, world, forger, place, provider, victim, groups).status_code == FORBIDDEN
            assert people_of(world) == names
            assert sessions_in(world, place.realm_id) == []
        assert person(world, victim.id) == before


def test_rules_of_one_provider_do_not_count_at_another(app, world, place, provider, forger):
    """Neither the company's own other one nor the storefront's."""
    other = add_company_provider(world, place, name="Another", state=ProviderState.DISABLED, roles_follow=True)
    owners = add_provider(world, place.realm_id, roles_follow=True)
    insert_rule(world, other, "Bosses", makes_admin=True)
    insert_rule(world, owners, "Bosses", makes_admin=True)
    insert_rule(world, provider, "Purchasing", "buyer")
    user = colleague(world, place, roles=("buyer",))
    add_link(world, provider, user, str(user.id))
    come(app, world, forger, place, provider, user, ["Bosses"])
    assert person(world, user.id) == (UserType.USER, ["cloud_administrator"])


def test_a_suspended_colleague_is_not_let_in_by_a_group(app, world, place, provider, forger):
    insert_rule(world, provider, "Bosses", makes_admin=True)
    user = colleague(world, place, roles=("buyer",), status=UserStatus.INACTIVE)
    add_link(world, provider, user, str(user.id))
    assert come(app, world, forger, place, provider, user, ["Bosses"]).status_code == FORBIDDEN
    assert person(world, user.id) == (UserType.USER, ["buyer"])
    assert sessions_in(world, place.realm_id) == []
