"""A storefront where visitors register, and the worker that looks after what they sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

import pytest
from sqlalchemy import select

from app.accounts.models import Account
from app.accounts.registration.models import Registration, RegistrationRequest
from app.accounts.registration.settling import due, settle
from app.core.clock import utc_now
from app.core.db import session as db_session
from app.core.db import unit_of_work
from app.identity.models import User
from tenants.context import direct_business_scope, reseller_scope, scope
from tenants.settings import save_storefront_settings, settings_for_change
from tests.domain.identity.people import PASSWORD
from tests.factories.world import MONDAY_NOON, World

FORM = {
    "first_name": "Ada",
    "last_name": "Applicant",
    "email": "Ada@Newcomer.example",
    "phone": "+49 30 1234567",
    "company": "Newcomer GmbH",
    "tax_id": "DE136695976",
    "country": "DE",
    "city": "Berlin",
    "street": "1 Linden",
    "postcode": "10117",
    "password": PASSWORD,
    "repeat": PASSWORD,
    "terms": "y",
}


def open_to_registrations(world: World, *, at_root: bool = False, **chosen: bool) -> None:
    """Let visitors register at Tech Solutions, or at the distributor's own storefront."""
    storefront_id, reseller_id = (world.root.id, None) if at_root else (world.tech.storefront.id, world.tech.id)
    owner = direct_business_scope(world.id) if reseller_id is None else reseller_scope(world.id, reseller_id)
    values = {"anonymous_access": True, "self_registration": True, "approve_registrations": False, **chosen}
    with scope(owner), unit_of_work():
        changed = replace(settings_for_change(storefront_id), **values)
        save_storefront_settings(storefront_id, changed, reseller_id=reseller_id, at=MONDAY_NOON)


def work(world: World, at: datetime | None = None) -> int:
    """Do what the jobs would; returns how many registrations were due."""
    moment = at or utc_now()
    with scope(world.scope):
        found = due(moment, limit=100)
        for request_id in found:
            with unit_of_work():
                settle(request_id, at=moment)
    return len(found)


def requests_of(world: World) -> list[RegistrationRequest]:
    with scope(world.scope):
        return list(db_session.scalars(select(RegistrationRequest).execution_options(populate_existing=True)))


def waiting(world: World) -> list[Registration]:
    with scope(world.scope):
        return list(db_session.scalars(select(Registration).execution_options(populate_existing=True)))


def account_named(world: World, name: str) -> Account | None:
    with scope(world.scope):
        return db_session.scalar(select(Account).where(Account.name == name))


def user_with(world: World, email: str) -> User | None:
    with scope(world.scope):
        return db_session.scalar(select(User).where(User.email == email).execution_options(populate_existing=True))


@pytest.fixture
def shop(world: World) -> UUID:
    """Tech Solutions' storefront, open to registrations without approval."""
    open_to_registrations(world)
    return world.tech.storefront.id
