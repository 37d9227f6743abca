"""Rules of groups, however they came about, and people who come with groups."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from app.audit.models import AuditEvent
from app.core.db import session as db_session
from app.core.ids import new_id
from app.identity.companies.models import CompanySignIn
from app.identity.models import UserKind, UserType
from app.identity.providers.models import ProviderRoleRule
from app.identity.realms import open_realm
from tenants.context import scope
from tests.factories.world import MONDAY_NOON, make_user
from tests.web.companies.conftest import add_company_provider, alias_place, decide, prove, travel


@pytest.fixture
def place(world):
    """The first customer of Tech Solutions, which takes in new people of its domain as cloud administrators."""
    found = alias_place(world)
    prove(world, found)
    decide(world, found, creates_users=True, default_roles=["cloud_administrator"])
    return found


@pytest.fixture
def provider(world, place, forger):
    return add_company_provider(world, place, roles_follow=True)


def insert_rule(world, provider, group, *roles, makes_admin=False):
    """A rule, however it came about."""
    with scope(world.scope), open_realm(provider.realm_id):
        db_session.add(
            ProviderRoleRule(
                id=new_id(), realm_id=provider.realm_id, provider_id=provider.id, group_name=group,
                makes_admin=makes_admin, roles=sorted(roles), created_at=MONDAY_NOON,
            )
        )  # fmt: skip
        db_session.flush()
    db_session.commit()


def redecide(world, place, **changes):
    """Change columns of what the company has decided."""
    with scope(world.scope), open_realm(place.realm_id):
        db_session.execute(update(CompanySignIn).where(CompanySignIn.account_id == place.account.id).values(**changes))
    db_session.commit()


def traces(world, action):
    with scope(world.scope):
        return db_session.scalars(select(AuditEvent).where(AuditEvent.action == action).order_by(AuditEvent.at)).all()


def colleague(world, place, **changes):
    values = {"type": UserType.USER, "roles": ("buyer",), **changes}
    kind = UserKind.DIRECT if place.below == "" else UserKind.END_CUSTOMER
    with scope(world.scope):
        made = make_user(db_session(), place.account, kind=kind, realms=(place.realm_id,), **values)
        db_session.commit()
    return made


def come(app, world, forger, place, provider, user, groups, subject=None):
    """Let somebody in at a browser of their own; `subject` is linked already."""
    browser = app.test_client()
    browser.host = world.host
    claims = {"sub": subject or str(user.id), "email": user.email, "email_verified": True}
    return travel(browser, forger, place, provider, groups=groups, **claims)
