"""Forgotten passwords: a link for a new one, or word of the provider that somebody signs in with (SF-13).

Whoever asks waits for one row to be written, whatever they typed: whose address it is, if anybody's, a job sees. So
neither the answer nor the time it takes tells who exists (SF-F26, BC-F5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from app.core.db import nudge_after_commit, session
from app.core.ids import new_id
from app.core.queue import Nudge
from app.identity.companies.queries import CUSTOMERS, find_route
from app.identity.mails import mail_person, realm_url
from app.identity.models import PasswordRequest, SignInName, UserStatus
from app.identity.providers.jobs import ANSWER_PASSWORD_REQUEST
from app.identity.providers.models import SsoPurpose
from app.identity.providers.queries import (
    find_provider,
    get_provider,
    has_local_login,
    is_password_of_use,
    links_of,
    listed_providers,
)
from app.identity.providers.trips import is_open_for
from app.identity.recovery import has_password, send_reset
from app.identity.sign_in import find_name, normal_email
from app.notifications.services import MailTemplate
from tenants.context import current_scope

TOO_LATE = timedelta(hours=1)  # a mail nobody waits for any more


def ask_for_password(realm_id: UUID, email: str, *, at: datetime) -> None:
    """Note that somebody who says to have this address has forgotten a password of the realm."""
    request = PasswordRequest(id=new_id(), realm_id=realm_id, email=normal_email(email), asked_at=at)
    session.add(request)
    nudge_after_commit(Nudge(ANSWER_PASSWORD_REQUEST, request.id, current_scope().distributor_id))


def due_requests(*, limit: int) -> Sequence[UUID]:
    """Return requests nobody has looked at, the oldest first. Needs the distributor's scope, as the answer does."""
    return session.scalars(
        select(PasswordRequest.id)
        .where(PasswordRequest.distributor_id == current_scope().distributor_id)
        .order_by(PasswordRequest.asked_at)
        .limit(limit)
    ).all()


def answer_request(request_id: UUID, *, at: datetime) -> None:
    """Mail who is active under the address, once; a second run finds nothing. Nobody is mailed after an hour."""
    request = session.scalar(
        select(PasswordRequest)
        .where(PasswordRequest.distributor_id == current_scope().distributor_id, PasswordRequest.id == request_id)
        .with_for_update(skip_locked=True)
    )
    if request is None:
        return
    realm_id, email, is_late = request.realm_id, request.email, request.asked_at + TOO_LATE <= at
    session.delete(request)
    session.flush()
    if is_late:
        return
    name = find_name(realm_id, email)
    if name is not None and name.status is UserStatus.ACTIVE:
        _answer(name, at=at)


def _answer(name: SignInName, *, at: datetime) -> None:
    others = tuple(dict.fromkeys(_names_of_other_ways(name)))
    takes_one = is_password_of_use(name)
    if takes_one and (not others or has_password(name)):
        send_reset(name.user_id, name.realm_id, email=name.email, full_name=name.full_name, at=at)
        return
    mail_person(
        MailTemplate.SIGN_IN_ELSEWHERE,
        name.realm_id,
        email=name.email,
        full_name=name.full_name,
        fields={"providers": " or ".join(others), "login_url": realm_url(name.realm_id, "/login")},
        user_id=name.user_id,
        at=at,
    )


def _names_of_other_ways(name: SignInName) -> Iterator[str]:
    """Name the providers that let somebody in: connected ones, the company's, and where passwords are off the owner's."""
    for provider_id in links_of(name.realm_id, name.user_id):
        provider = find_provider(name.realm_id, provider_id)
        if provider is not None and is_open_for(provider, SsoPurpose.SIGN_IN):
            yield provider.name
    route = find_route(name.realm_id, name.email)
    if route is not None and route.account_id == name.account_id and name.kind in CUSTOMERS:
        yield get_provider(name.realm_id, route.provider_id).name
    if not has_local_login(name.realm_id):
        yield from (provider.name for provider in listed_providers(name.realm_id))
