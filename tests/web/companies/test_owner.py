"""The owner of a storefront sees which companies use their own sign-in, and may switch it off for one or all."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from sqlalchemy import select

from app.audit.models import AuditEvent
from app.core.db import session as db_session
from app.core.ids import new_id
from tenants.context import scope
from tests.counting import statements_of
from tests.domain.identity.people import mailed
from tests.web.companies.conftest import (
    DOMAIN,
    add_company_provider,
    alias_place,
    decide,
    prove,
    root_place,
    rules_of,
)
from tests.web.conftest import signed_in_browser

OK, FOUND, FORBIDDEN, NOT_FOUND = HTTPStatus.OK, HTTPStatus.SEE_OTHER, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND
PAGES = {"alias": "/techsolutions/manage/company-sign-in", "root": "/bss/company-sign-in"}


def owner_of(world, where):
    """Place of a company, its storefront's owner, and the owner's page."""
    if where == "alias":
        return alias_place(world), world.tech.admin, PAGES[where]
    return root_place(world), world.bss_user, PAGES[where]


@pytest.mark.parametrize("where", PAGES)
def test_the_owner_sees_and_switches_one_company(client, world, forger, where):
    """GO-14: by the distributor for its direct customers, by a reseller for its own."""
    place, owner, path = owner_of(world, where)
    prove(world, place)
    provider = add_company_provider(world, place)
    decide(world, place, is_required=True)
    signed_in_browser(client, world, owner)
    text = client.get(path).text
    assert [each in text for each in (place.account.name, DOMAIN, "Acme ID", "In use", "Off")] == [True] * 5
    assert "a secret" not in text

    assert client.post(f"{path}/{place.account.id}/block").status_code == FOUND
    assert "Switched off by you" in client.get(path).text
    assert client.get(f"{place.below}/sso/{provider.id}").status_code == NOT_FOUND
    assert rules_of(world, place).is_blocked is True
    assert client.post(f"{path}/{place.account.id}/unblock").status_code == FOUND
    assert client.get(f"{place.below}/sso/{provider.id}").status_code == FOUND
    assert [mail.to_email for mail in mailed(world, "company_sign_in")] == [place.admin.email] * 2
    with scope(world.scope):
        actions = set(db_session.scalars(select(AuditEvent.action)))
    assert {"company_sign_in.blocked", "company_sign_in.unblocked"} <= actions


@pytest.mark.parametrize("where", PAGES)
def test_the_owner_switches_all_companies(client, world, forger, where):
    """GO-14: on unless the owner says otherwise; what companies have set up stays."""
    place, owner, path = owner_of(world, where)
    prove(world, place)
    provider = add_company_provider(world, place)
    signed_in_browser(client, world, owner)
    client.post(f"{path}/switch")
    assert "may not use their own sign-in" in client.get(path).text
    assert client.get(f"{place.below}/sso/{provider.id}").status_code == NOT_FOUND
    client.post(f"{path}/switch")
    assert client.get(f"{place.below}/sso/{provider.id}").status_code == FOUND


def test_an_owner_sees_nobody_elses_companies(client, world, forger):
    """Neither another reseller nor the distributor, whose own storefront is the root."""
    place = alias_place(world)
    prove(world, place)
    add_company_provider(world, place)
    for owner, path in (
        (world.bss_user, PAGES["root"]),
        (world.cloudia.admin, "/cloudia/manage/company-sign-in"),
    ):
        signed_in_browser(client, world, owner)
        assert "No company yet" in client.get(path).text
        for account_id in (place.account.id, new_id()):
            assert client.post(f"{path}/{account_id}/block").status_code == NOT_FOUND
    assert rules_of(world, place) is None


def test_an_owner_does_not_reach_into_a_companys_provider(client, world, forger):
    """Whoever may change where it stands could become anybody of the company."""
    place, owner, _ = owner_of(world, "alias")
    provider = add_company_provider(world, place)
    signed_in_browser(client, world, owner)
    base = f"/techsolutions/manage/providers/{provider.id}"
    assert "Acme ID" not in client.get("/techsolutions/manage/providers").text
    for path in (base, f"{base}/saml", f"{base}/test"):
        assert client.get(path).status_code == NOT_FOUND
    for action in ("enable", "disable", "delete"):
        assert client.post(f"{base}/{action}").status_code == NOT_FOUND


def test_the_list_asks_the_same_for_two_companies_as_for_one(client, connection, world, forger):
    _, owner, path = owner_of(world, "alias")
    signed_in_browser(client, world, owner)
    counts = []
    for index in (0, 1):
        place = alias_place(world, index)
        prove(world, place, f"company{index}.example")
        add_company_provider(world, place)
        client.get(path)
        with statements_of(connection) as seen:
            assert f"company{index}.example" in client.get(path).text
        counts.append(len(seen))
    assert counts[0] == counts[1]
