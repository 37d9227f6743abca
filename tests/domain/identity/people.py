"""What the identity tests say again and again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.core.clock import utc_now
from app.core.db import session
from app.core.secrets import decrypt
from app.identity.models import User
from app.identity.providers.forgotten import answer_request, due_requests
from app.identity.queries import person_of
from app.identity.realms import credential_realm, scope_of
from app.identity.recovery import store_password
from app.identity.sign_in import Challenged, SignedIn, Visit, sign_in
from app.notifications.models import OutboundMail
from tenants.context import alias_visitor_scope, root_visitor_scope, scope
from tests.factories.world import MONDAY_NOON, World

PASSWORD = "Blue-Harbour-42"


def mailed(world: World, template: str | None = None) -> list[OutboundMail]:
    """Everything queued, oldest first."""
    with scope(world.scope):
        found = session.scalars(select(OutboundMail).order_by(OutboundMail.created_at, OutboundMail.id)).all()
    return [mail for mail in found if template in (None, mail.template)]


def answer_forgotten(world: World, *, at: datetime | None = None) -> None:
    """Let the job answer everybody who has forgotten a password."""
    with scope(world.scope):
        for request_id in due_requests(limit=100):
            answer_request(request_id, at=at or utc_now())
    session.commit()


def link_of(mail: OutboundMail, field: str = "activation_url") -> str:
    """The link in a mail, as its reader sees it."""
    return decrypt(mail.fields[field])


def secret_of(url: str) -> str:
    return url.rstrip("/").rsplit("/", 1)[1]


def give_password(world: World, user: User, realm_id: UUID, password: str = PASSWORD) -> None:
    """Let a user of the world sign in; `realm_id` is any realm of theirs."""
    with scope(world.scope), scope(scope_of(person_of(user))):
        store_password(user, credential_realm(person_of(user), realm_id), password, at=MONDAY_NOON)
    session.commit()


def visit(at: datetime = MONDAY_NOON, device: str | None = None) -> Visit:
    """A request from one and the same place."""
    return Visit(at, "192.0.2.7", "Test", device)


def try_sign_in(
    world: World,
    realm_id: UUID,
    email: str,
    password: str = PASSWORD,
    *,
    at: datetime = MONDAY_NOON,
    device: str | None = None,
    is_remembered: bool = False,
) -> SignedIn | Challenged | None:
    """Sign in as a visitor of the realm's address would."""
    visitors = {
        world.tech.storefront.id: alias_visitor_scope(world.id, world.tech.id),
        world.cloudia.storefront.id: alias_visitor_scope(world.id, world.cloudia.id),
    }
    with scope(visitors.get(realm_id, root_visitor_scope(world.id))):
        found = sign_in(realm_id, email, password, visit(at, device), is_remembered=is_remembered)
        session.commit()
    return found
