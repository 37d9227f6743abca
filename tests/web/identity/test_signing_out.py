"""Administrators end the sessions of people they look after (BC-28): and of nobody else."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from sqlalchemy import select

from app.audit.models import AuditEvent
from app.core.db import session as db_session
from app.core.ids import new_id
from app.identity.models import UserKind, UserType
from tenants.context import scope
from tests.factories.world import make_user
from tests.web.conftest import signed_in_browser
from tests.web.providers.conftest import sessions_in

OK, FOUND, FORBIDDEN, NOT_FOUND = HTTPStatus.OK, HTTPStatus.SEE_OTHER, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND


def people_in(world, realm_id):
    return {each.user_id for each in sessions_in(world, realm_id)}


def signed_out(world):
    with scope(world.scope):
        return db_session.scalars(select(AuditEvent.target_id).where(AuditEvent.action == "user.signed_out")).all()


@pytest.fixture
def colleague(world, app):
    """A buyer of the first customer of Tech Solutions, signed in in two browsers."""
    with scope(world.scope):
        made = make_user(
            db_session(), world.tech.customers[0], kind=UserKind.END_CUSTOMER, realms=(world.tech.storefront.id,),
            type=UserType.USER, roles=("buyer",),
        )  # fmt: skip
        db_session.commit()
    for _ in range(2):
        signed_in_browser(app.test_client(), world, made)
    return made


def test_an_admin_ends_a_colleagues_sessions_at_once(client, world, colleague):
    shop = world.tech.storefront.id
    admin = world.tech.buyers[0]
    signed_in_browser(client, world, admin)
    shown = client.get(f"/techsolutions/account/users/{colleague.id}").text
    assert "End all sessions" in shown
    assert "End all sessions" not in client.get(f"/techsolutions/account/users/{admin.id}").text
    assert client.post(f"/techsolutions/account/users/{colleague.id}/sign-out").status_code == FOUND
    assert (people_in(world, shop), signed_out(world)) == ({admin.id}, [colleague.id])


def test_nobody_ends_sessions_of_another_company_or_without_the_right(app, client, world, colleague):
    shop = world.tech.storefront.id
    for user, expected in ((world.tech.buyers[1], NOT_FOUND), (colleague, FORBIDDEN)):
        browser = app.test_client()
        signed_in_browser(browser, world, user)
        answer = browser.post(f"/techsolutions/account/users/{colleague.id}/sign-out", base_url=f"http://{world.host}")
        assert answer.status_code == expected
    signed_in_browser(client, world, world.tech.buyers[0])
    assert client.post(f"/techsolutions/account/users/{new_id()}/sign-out").status_code == NOT_FOUND
    assert colleague.id in people_in(world, shop)
    assert signed_out(world) == []


def test_staff_of_the_back_office_are_signed_out_by_who_manages_them_alone(app, client, world):
    """BC-28: any user's of the organisation; the right to manage people is needed."""
    with scope(world.scope):
        seller = make_user(
            db_session(), None, kind=UserKind.BSS, realms=(world.id,), type=UserType.USER, roles=("sales",)
        )
        db_session.commit()
    for user in (seller, world.bss_user):
        signed_in_browser(app.test_client(), world, user)
    browser = app.test_client()
    browser.host = world.host
    signed_in_browser(browser, world, seller)
    assert browser.post(f"/bss/users/{world.bss_user.id}/sign-out").status_code == FORBIDDEN
    signed_in_browser(client, world, world.bss_user)
    assert client.post(f"/bss/users/{seller.id}/sign-out").status_code == FOUND
    assert (people_in(world, world.id), signed_out(world)) == ({world.bss_user.id}, [seller.id])
