"""The mails of an order's execution: who gets them, in whose name, and what they say (decisions section 8)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from app.accounts.models import Account
from app.accounts.services import root_storefront_id
from app.billing.credit import Credit
from app.core.db import session
from app.core.money import write_money
from app.identity.models import User, UserStatus, UserType
from app.identity.permissions import StorefrontRole
from app.identity.queries import UserFilter, list_account_admins, list_users
from app.identity.recipients import OPERATES, emails_with_right
from app.notifications.services import About, AboutKind, MailTemplate, queue_mail
from app.orders.execution_costs import OrderCost
from app.orders.execution_rows import Parties
from app.orders.models import Order, OrderChannel, OrderItem
from app.subscriptions.models import Subscription
from tenants.context import current_scope
from tenants.links import NoAddress, bss_url, storefront_url
from tenants.models import Storefront
from tenants.settings import distributor_settings


def mail_no_credit(order: Order, parties: Parties, cost: OrderCost, credit: Credit, *, at: datetime) -> None:
    """N9. Alias: the reseller's Admins only. Root: primary contact, submitter and account manager."""
    path = f"/manage/orders/{order.number}" if order.channel is OrderChannel.ALIAS else f"/orders/{order.number}"
    fields = {
        "order_number": order.number,
        "order_url": _url(order.storefront_id or root_storefront_id(), path),
        "total": write_money(cost.total, parties.payer.currency),
        "available": write_money(credit.available or Decimal(0), parties.payer.currency),
    }
    if order.channel is OrderChannel.ALIAS:
        addresses = [admin.email for admin in list_account_admins(parties.payer.id)]
    else:
        manager = distributor_settings().account_manager_email
        addresses = [*_primary_contacts(parties.payer), order.contact_email, *([manager] if manager else [])]
    _from_distributor(MailTemplate.NO_AVAILABLE_CREDIT, addresses, fields, order, at=at)


def mail_awaits_approval(order: Order, parties: Parties, cost: OrderCost, *, at: datetime) -> None:
    """RSN-11: to the reseller's Admins and storefront managers, in the distributor's name."""
    fields = {
        "customer_name": parties.receiver.name,
        "order_number": order.number,
        "sell_total": write_money(order.net_total, order.currency),
        "cost_total": write_money(cost.net_total, parties.payer.currency),
        "approve_url": _url(order.storefront_id, f"/manage/orders/{order.number}"),
    }
    addresses = [
        user.email
        for user in list_users(parties.payer.id, UserFilter(status=UserStatus.ACTIVE))
        if user.type is UserType.ADMIN or StorefrontRole.STOREFRONT_MANAGER.value in user.roles
    ]
    _from_distributor(MailTemplate.ORDER_AWAITS_APPROVAL, addresses, fields, order, at=at)


def mail_approved(order: Order, *, at: datetime) -> None:
    """RSN-12: to the person who ordered, in the reseller's name."""
    _to_buyer(MailTemplate.ORDER_APPROVED, order, {}, at=at)


def mail_declined(order: Order, reason: str, *, at: datetime) -> None:
    """RSN-13: to the person who ordered, in the reseller's name."""
    _to_buyer(MailTemplate.ORDER_DECLINED, order, {"reason": reason}, at=at)


def mail_ready(subscription: Subscription, product_name: str, *, at: datetime) -> None:
    """RSN-14: to the Admins of the account, in the reseller's name where it is a reseller's customer."""
    is_customers = subscription.reseller_id is not None and subscription.account_id != subscription.reseller_id
    sender = subscription.reseller_id if is_customers else None
    storefront_id = _storefront_of(sender) if sender else root_storefront_id()
    if storefront_id is None or subscription.account_id is None:
        return  # a customer of a reseller without a storefront has nowhere to look
    fields = ready_fields(
        product_name,
        subscription.friendly_name,
        subscription.quantity,
        subscription.renews_on.isoformat() if subscription.renews_on else None,
        _url(storefront_id, subscription_path(subscription.code)),
    )
    for admin in list_account_admins(subscription.account_id):
        queue_mail(
            MailTemplate.SUBSCRIPTION_READY,
            to_email=admin.email,
            to_name=admin.full_name,
            sender_reseller_id=sender,
            storefront_id=storefront_id,
            fields=fields,
            about=About(AboutKind.SUBSCRIPTION, subscription.id),
            at=at,
        )


def ready_fields(
    product_name: str, friendly_name: str, quantity: int, renews_on: str | None, url: str
) -> dict[str, str]:
    """Return what RSN-14 says; `renews_on` is an ISO date, `url` empty where there is no address."""
    return {
        "product_name": product_name,
        "friendly_name": friendly_name,
        "quantity": str(quantity),
        "renewal_date": renews_on or "-",
        "subscription_url": url,
    }


def subscription_path(code: str) -> str:
    """Return where a storefront shows a subscription."""
    return f"/billing/subscriptions/{code}"


def mail_provisioning_failed(
    order: Order, item: OrderItem, account_name: str, reason: str, task_id: UUID, *, at: datetime
) -> None:
    """N15: to the distributor's operators and the account manager. The buyer reads a softened line in the order."""
    manager = distributor_settings().account_manager_email
    fields = {
        "order_number": order.number,
        "product_name": item.product_name,
        "account_name": account_name,
        "reason": reason,
        "task_url": _bss_url(f"/provisioning/tasks/{task_id}"),
    }
    _from_distributor(
        MailTemplate.PROVISIONING_FAILED,
        [*emails_with_right(OPERATES), *([manager] if manager else [])],
        fields,
        order,
        at=at,
    )


def mail_canceled(order: Order, *, at: datetime) -> None:
    """SF-31: to the person who ordered in a storefront. Why staff canceled it is not told here."""
    if order.channel is not OrderChannel.BSS:
        _to_buyer(MailTemplate.ORDER_CANCELED, order, {}, at=at)


def mail_status(order: Order, status_name: str, *, at: datetime) -> None:
    """CB-19: an order has reached a status that tells whoever ordered; of staff's orders whom they are for.

    A reseller's customer hears of it in its reseller's name, or not at all.
    """
    if order.channel is not OrderChannel.BSS:
        _to_buyer(MailTemplate.ORDER_STATUS, order, {"status": status_name}, at=at)
        return
    is_customers = order.reseller_id is not None and order.account_id != order.reseller_id
    storefront_id = _storefront_of(order.reseller_id) if is_customers and order.reseller_id else root_storefront_id()
    if storefront_id is None:
        return
    queue_mail(
        MailTemplate.ORDER_STATUS,
        to_email=order.contact_email,
        sender_reseller_id=order.reseller_id if is_customers else None,
        storefront_id=storefront_id,
        fields={
            "order_number": order.number,
            "order_url": _url(storefront_id, f"/orders/{order.number}"),
            "status": status_name,
        },
        about=About(AboutKind.ORDER, order.id),
        at=at,
    )


def mail_schedule_done(order: Order, *, at: datetime) -> None:
    """SF-33: a scheduled order was executed on its day."""
    _to_buyer(MailTemplate.SCHEDULED_ORDER_DONE, order, {}, at=at)


def mail_schedule_failed(order: Order, reason: str, *, at: datetime) -> None:
    """SF-33: the last try failed. The buyer reads that it did, operators why."""
    _to_buyer(MailTemplate.SCHEDULED_ORDER_FAILED, order, {}, at=at)
    fields = {"order_number": order.number, "reason": reason, "order_url": _bss_url(f"/orders/{order.number}")}
    _from_distributor(MailTemplate.SCHEDULED_ORDER_STUCK, emails_with_right(OPERATES), fields, order, at=at)


def mail_needs_people(order: Order, account_name: str, *, at: datetime) -> None:
    """CB-21: to the operators, where an order waits for people."""
    fields = {
        "order_number": order.number,
        "account_name": account_name,
        "order_url": _bss_url(f"/orders/{order.number}"),
    }
    _from_distributor(MailTemplate.ORDER_NEEDS_PEOPLE, emails_with_right(OPERATES), fields, order, at=at)


def _from_distributor(
    template: MailTemplate, addresses: Iterable[str], fields: dict[str, str], order: Order, *, at: datetime
) -> None:
    storefront_id = root_storefront_id()
    for address in dict.fromkeys(address.lower() for address in addresses if address):
        queue_mail(
            template,
            to_email=address,
            sender_reseller_id=None,
            storefront_id=storefront_id,
            fields=fields,
            about=About(AboutKind.ORDER, order.id),
            at=at,
        )


def _to_buyer(template: MailTemplate, order: Order, fields: dict[str, str], *, at: datetime) -> None:
    own = {"order_number": order.number, "order_url": _url(order.storefront_id, f"/orders/{order.number}")}
    queue_mail(
        template,
        to_email=order.contact_email,
        sender_reseller_id=order.reseller_id if order.channel is OrderChannel.ALIAS else None,
        storefront_id=order.storefront_id,
        fields={**own, **fields},
        about=About(AboutKind.ORDER, order.id),
        at=at,
    )


def _primary_contacts(account: Account) -> list[str]:
    found = session.scalars(
        select(User.email).where(
            User.distributor_id == account.distributor_id,
            User.account_id == account.id,
            User.is_primary_contact,
            User.status != UserStatus.INACTIVE,
        )
    ).all()
    return list(found) or [account.email]


def _storefront_of(reseller_id: UUID) -> UUID | None:
    found = session.scalars(
        select(Storefront).where(
            Storefront.distributor_id == current_scope().distributor_id, Storefront.reseller_id == reseller_id
        )
    ).one_or_none()
    return found.id if found is not None and found.state.is_open else None


def _url(storefront_id: UUID | None, path: str) -> str:
    try:
        return storefront_url(storefront_id, path) if storefront_id else ""
    except NoAddress:
        return ""


def _bss_url(path: str) -> str:
    try:
        return bss_url(current_scope().distributor_id, path)
    except NoAddress:
        return ""
