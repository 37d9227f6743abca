"""The mails of changes: who gets them, in whose name, and what they say (CB-29, CB-30, CB-43)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.accounts.queries import find_account
from app.accounts.services import root_storefront_id
from app.changes.words import TIMING_WORDS, day_of, words_of
from app.core.db import session
from app.identity.models import User, UserStatus
from app.identity.queries import list_account_admins
from app.identity.recipients import DECIDES, OPERATES, emails_with_right
from app.notifications.services import About, AboutKind, queue_mail
from app.notifications.templates import MailTemplate
from app.subscriptions.models import ChangeKind, Subscription, SubscriptionChange
from tenants.context import current_scope
from tenants.links import NoAddress, bss_url, storefront_url
from tenants.models import Storefront
from tenants.settings import distributor_settings

TO_CUSTOMERS = {
    ChangeKind.CANCELLATION: MailTemplate.CANCELLATION_COMPLETED,
    ChangeKind.SUSPENSION: MailTemplate.SUBSCRIPTION_SUSPENDED,
    ChangeKind.ACTIVATION: MailTemplate.SUBSCRIPTION_REACTIVATED,
}


def mail_requested(subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
    """Tell the account manager, or who may decide where there is none, that a request waits for it (CB-F95)."""
    manager = distributor_settings().account_manager_email
    fields = {
        **_internal(subscription, change),
        "requested_by": change.requested_by_name or "-",
        "timing": TIMING_WORDS[change.timing],
        "comment": change.comment or "-",
    }
    addresses = [manager] if manager else emails_with_right(DECIDES)
    _from_distributor(MailTemplate.CANCELLATION_REQUESTED, addresses, fields, subscription, at=at)


def mail_rejected(subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
    """Tell the customer that a request was not accepted, and why."""
    fields = {**_for_customer(subscription, change), "reason": change.decision_reason or "-"}
    _to_customer(MailTemplate.REQUEST_REJECTED, subscription, change, fields, at=at)


def mail_done(subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
    """Tell the customer that a change is done, and the distributor's people where a subscription has ended."""
    if change.details.get("mails_customer", True):
        template = TO_CUSTOMERS.get(change.kind, MailTemplate.CHANGE_DONE)
        _to_customer(template, subscription, change, _for_customer(subscription, change), at=at)
    if change.kind is ChangeKind.CANCELLATION:
        manager = distributor_settings().account_manager_email
        if manager:
            _from_distributor(
                MailTemplate.SUBSCRIPTION_CANCELED, [manager], _internal(subscription, change), subscription, at=at
            )


def mail_failed(
    subscription: Subscription, change: SubscriptionChange, reason: str, task_id: UUID | None, *, at: datetime
) -> None:
    """Tell operations and the account manager what the vendor refused (CB-22), or what was not possible any more (None).

    The customer reads a softened line.
    """
    manager = distributor_settings().account_manager_email
    fields = {
        **_internal(subscription, change),
        "reason": reason[:500],
        "task_url": _bss(f"/provisioning/tasks/{task_id}" if task_id else f"/subscriptions/{subscription.code}"),
    }
    operators = emails_with_right(OPERATES)
    _from_distributor(
        MailTemplate.CHANGE_FAILED, [*operators, *([manager] if manager else [])], fields, subscription, at=at
    )


def _internal(subscription: Subscription, change: SubscriptionChange) -> dict[str, str]:
    account = find_account(subscription.account_id) if subscription.account_id else None
    return {
        "subscription_code": subscription.code,
        "friendly_name": subscription.friendly_name,
        "account_name": account.name if account else "-",
        "change": words_of(change),
        "effective_date": day_of(change).isoformat(),
        "subscription_url": _bss(f"/subscriptions/{subscription.code}"),
    }


def _for_customer(subscription: Subscription, change: SubscriptionChange) -> dict[str, str]:
    return {
        "friendly_name": subscription.friendly_name,
        "change": words_of(change),
        "effective_date": day_of(change).isoformat(),
        "subscription_url": "",
    }


def _to_customer(
    template: MailTemplate,
    subscription: Subscription,
    change: SubscriptionChange,
    fields: dict[str, str],
    *,
    at: datetime,
) -> None:
    to_customer(template, subscription, fields, also=_requester(subscription, change), at=at)


def to_customer(
    template: MailTemplate,
    subscription: Subscription,
    fields: dict[str, str],
    *,
    also: Iterable[User] = (),
    page: str | None = None,
    at: datetime,
) -> None:
    """Mail the Admins of a subscription's account, in the reseller's name where it is a reseller's customer.

    The address of the subscription's page is filled in as `subscription_url`; `page` is the code of another one whose
    page it is shown on.
    """
    is_customers = subscription.reseller_id is not None and subscription.account_id != subscription.reseller_id
    sender = subscription.reseller_id if is_customers else None
    storefront_id = _storefront_of(sender) if sender else root_storefront_id()
    if storefront_id is None or subscription.account_id is None:
        return  # a customer of a reseller without a storefront has nowhere to look
    own = {**fields, "subscription_url": _url(storefront_id, f"/billing/subscriptions/{page or subscription.code}")}
    people = [*list_account_admins(subscription.account_id), *also]
    for person in {each.id: each for each in people}.values():
        queue_mail(
            template,
            to_email=person.email,
            to_name=person.full_name,
            sender_reseller_id=sender,
            storefront_id=storefront_id,
            fields=own,
            about=About(AboutKind.SUBSCRIPTION, subscription.id),
            at=at,
        )


def _requester(subscription: Subscription, change: SubscriptionChange) -> Iterable[User]:
    if not change.is_from_storefront or change.requested_by_id is None:
        return []
    return session.scalars(
        select(User).where(
            User.distributor_id == current_scope().distributor_id,
            User.id == change.requested_by_id,
            User.account_id == subscription.account_id,
            User.status == UserStatus.ACTIVE,
        )
    ).all()


def _from_distributor(
    template: MailTemplate,
    addresses: Iterable[str],
    fields: dict[str, str],
    subscription: Subscription,
    *,
    at: datetime,
) -> None:
    storefront_id = root_storefront_id()
    for address in dict.fromkeys(address.lower() for address in addresses if address):
        queue_mail(
            template,
            to_email=address,
            sender_reseller_id=None,
            storefront_id=storefront_id,
            fields=fields,
            about=About(AboutKind.SUBSCRIPTION, subscription.id),
            at=at,
        )


def _storefront_of(reseller_id: UUID) -> UUID | None:
    found = session.scalars(
        select(Storefront).where(
            Storefront.distributor_id == current_scope().distributor_id, Storefront.reseller_id == reseller_id
        )
    ).one_or_none()
    return found.id if found is not None and found.state.is_open else None


def _url(storefront_id: UUID, path: str) -> str:
    try:
        return storefront_url(storefront_id, path)
    except NoAddress:
        return ""


def _bss(path: str) -> str:
    try:
        return bss_url(current_scope().distributor_id, path)
    except NoAddress:
        return ""
