"""Mails of the distributor to its own people: to those with a right, or to one of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from app.accounts.models import Account
from app.accounts.services import root_storefront_id
from app.core.errors import NotFound
from app.identity.models import User, UserStatus
from app.identity.queries import get_user
from app.notifications.services import About, MailTemplate, queue_mail
from tenants.context import current_scope
from tenants.links import NoAddress, bss_url
from tenants.settings import distributor_settings


def mail_people(
    template: MailTemplate,
    people: Iterable[User],
    fields: Mapping[str, str],
    *,
    link: tuple[str, str],
    about: About | None = None,
    at: datetime,
) -> None:
    """Queue a mail for each of some people, in the distributor's name. `link` is a merge field and a path below BSS."""
    receivers = {person.email: person.full_name for person in people}
    _mail(template, receivers, fields, link=link, about=about, at=at)


def mail_account_manager(
    template: MailTemplate,
    account: Account,
    fields: Mapping[str, str],
    *,
    link: tuple[str, str],
    about: About | None = None,
    at: datetime,
) -> None:
    """Queue a mail for who looks after an account: its owner, else the address in the distributor's settings."""
    owner = _person(account.owner_id)
    if owner is not None:
        receivers = {owner.email: owner.full_name}
    else:
        address = distributor_settings().account_manager_email
        receivers = {address: ""} if address else {}
    _mail(template, receivers, fields, link=link, about=about, at=at)


def mail_starter(user_id: UUID | None, *, file_name: str, outcome: str, path: str, at: datetime) -> None:
    """Tell whoever started an import that it has finished; nobody where nobody did, or who has left (CB-43)."""
    starter = _person(user_id)
    if starter is not None:
        fields = {"file_name": file_name, "outcome": outcome}
        mail_people(MailTemplate.IMPORT_FINISHED, [starter], fields, link=("import_url", path), at=at)


def _person(user_id: UUID | None) -> User | None:
    if user_id is None:
        return None
    try:
        found = get_user(user_id)
    except NotFound:
        return None
    return found if found.status is UserStatus.ACTIVE else None


def _mail(
    template: MailTemplate,
    receivers: Mapping[str, str],
    fields: Mapping[str, str],
    *,
    link: tuple[str, str],
    about: About | None,
    at: datetime,
) -> None:
    """Queue a mail for each of some addresses with their names."""
    name, path = link
    try:
        url = bss_url(current_scope().distributor_id, path)
    except NoAddress:
        url = ""
    storefront_id = root_storefront_id()
    for email, full_name in receivers.items():
        queue_mail(
            template,
            to_email=email,
            to_name=full_name,
            sender_reseller_id=None,
            storefront_id=storefront_id,
            fields={**fields, name: url},
            about=about,
            at=at,
        )
