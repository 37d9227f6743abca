"""The world of the factories, people with passwords in it, and the mails they get."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.audit.services import Actor
from app.core.db import BoundSession
from app.identity.models import User, UserKind, UserType
from app.identity.services import NewUser, create_user
from app.notifications.models import OutboundMail
from tenants.context import scope
from tests.domain.identity.people import mailed
from tests.factories.world import MONDAY_NOON, World, make_world

OPERATOR = Actor(None, "Operator")


@pytest.fixture
def world(session: BoundSession) -> World:
    return make_world(session)


@pytest.fixture
def mails(world: World) -> Callable[[str | None], list[OutboundMail]]:
    return lambda template=None: mailed(world, template)


@pytest.fixture
def clerk(world: World) -> User:
    """A pending user of the first customer of Tech Solutions, invited by its reseller."""
    customer = world.tech.customers[0]
    with scope(world.tech.scope):
        return create_user(
            NewUser(
                UserKind.END_CUSTOMER,
                "Carla",
                "Clerk",
                "carla@customer.example",
                account_id=customer.id,
                reseller_id=world.tech.id,
                type=UserType.ADMIN,
            ),
            realms=(world.tech.storefront.id,),
            invite_from=world.tech.storefront.id,
            actor=OPERATOR,
            at=MONDAY_NOON,
        )
