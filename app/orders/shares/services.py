"""Sharing an order: a link that ends after 30 days, mailed with the order on paper; taken back at any time (CB-18)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from app.accounts.queries import get_account
from app.accounts.services import root_storefront_id
from app.audit.services import Actor, record
from app.billing.papers import render
from app.core.db import session
from app.core.errors import Invalid, NotFound
from app.core.money import write_money
from app.identity.models import User, UserStatus
from app.identity.services import is_address
from app.notifications.services import About, AboutKind, Attachment, MailTemplate, queue_mail
from app.orders.back_office import contact_email_of
from app.orders.back_office_queries import BackOfficeOrder, get_for_back_office, items_for_back_office
from app.orders.errors import WrongOrderState
from app.orders.execution_rows import find_order_number, lock_order_by_number
from app.orders.models import OrderStatus
from app.orders.shared_links import behind_link, give_link, is_one_click, row_behind, take_link, url_of
from app.orders.shares.models import OrderShare
from app.orders.shares.shown import SharedOrder, shared
from tenants.context import current_scope
from tenants.days import distributors_day

VALID_FOR = timedelta(days=30)
PLACE = "/shared-orders"  # in the distributor's storefront


class SharedOrderNotFound(NotFound):
    """There is no such link, or it has ended."""

    def __init__(self) -> None:
        super().__init__("This link has ended")


@dataclass(frozen=True, slots=True)
class Share:
    """An order's link as it stands, for staff."""

    url: str
    valid_until: date
    to_email: str


def share_order(number: str, to_email: str, *, actor: Actor, at: datetime) -> Share:
    """Mail an order's link with its paper. Shared again, the link stays the same and lasts another 30 days.

    It shows what the payer pays: of an order billed to a reseller for its customer, only the reseller's people get it.

    Raises OrderNotFound, WrongOrderState for a canceled one, Invalid `order_empty`, `not_priced`, and at `to_email`
    `email`, `not_of_payer`.
    """
    lock_order_by_number(number)
    order = get_for_back_office(number)
    if order.status is OrderStatus.CANCELED:
        raise WrongOrderState(order.number, order.status)
    shown = _complete(order)
    to_email = to_email.strip()
    _require_recipient(order, to_email)
    share, until = _row_of(order.id), distributors_day(at) + VALID_FOR
    if share is None:
        share = OrderShare(order_id=order.id, valid_until=until, to_email="", sent_at=at)
        session.add(share)
    is_repeated = share.token is not None and share.to_email == to_email and is_one_click(share.sent_at, at)
    give_link(share)
    share.valid_until, share.to_email = until, to_email
    found = _shown(share)
    assert found is not None, "a distributor has a storefront"
    if not is_repeated:
        share.sent_at = at
        _mail(order, shown, found, at=at)
        record("order.shared", actor=actor, at=at, target_kind="order", target_id=order.id, after={"to": to_email})
    session.flush()
    return found


def end_share(number: str, *, actor: Actor, at: datetime) -> None:
    """Take an order's link back: who has it sees nothing any more. Raises OrderNotFound."""
    order = lock_order_by_number(number)
    share = _row_of(order.id)
    if share is None or share.token is None:
        return
    take_link(share)
    record("order.share_ended", actor=actor, at=at, target_kind="order", target_id=order.id)
    session.flush()


def share_of(order_id: UUID, *, at: datetime) -> Share | None:
    """Return an order's link, or None where there is none or it has ended."""
    share = _row_of(order_id)
    return None if share is None or share.valid_until < distributors_day(at) else _shown(share)


def likely_recipient(order: BackOfficeOrder) -> str:
    """Return who an order is shared with if nobody else is named: its contact, or that of who pays for another."""
    return contact_email_of(get_account(order.payer_id)) if order.is_for_end_customer else order.contact_email


def read_shared(token: str, *, at: datetime) -> SharedOrder:
    """Return the order of a link, for whoever has it. Raises SharedOrderNotFound."""
    with behind_link():
        share = row_behind(OrderShare, token)
        if share is None or share.valid_until < distributors_day(at):
            raise SharedOrderNotFound
        number = find_order_number(share.order_id)
        assert number is not None, "a link goes with its order"
        order = get_for_back_office(number)
        return shared(order, items_for_back_office(order.id))


def _complete(order: BackOfficeOrder) -> SharedOrder:
    items = items_for_back_office(order.id)
    if not items:
        raise Invalid.field("items", "order_empty", "Add at least one item before you share the order")
    if any(item.line_cost is None for item in items):
        raise Invalid.field("items", "not_priced", "The order's prices are being found: try again in a minute")
    return shared(order, items)


def _require_recipient(order: BackOfficeOrder, to_email: str) -> None:
    if not is_address(to_email):
        raise Invalid.field("to_email", "email", "Enter an e-mail address, such as anna@company.com")
    if order.is_for_end_customer and to_email.casefold() not in _addresses_of(order.payer_id):
        raise Invalid.field(
            "to_email", "not_of_payer", f"It shows what {order.payer_name} pays: enter an address of theirs"
        )


def _addresses_of(account_id: UUID) -> Collection[str]:
    people = session.scalars(
        select(User.email).where(
            User.distributor_id == current_scope().distributor_id,
            User.account_id == account_id,
            User.status != UserStatus.INACTIVE,
        )
    )
    return {each.casefold() for each in (get_account(account_id).email, *people)}


def _row_of(order_id: UUID) -> OrderShare | None:
    return session.scalar(
        select(OrderShare).where(
            OrderShare.distributor_id == current_scope().distributor_id, OrderShare.order_id == order_id
        )
    )


def _shown(share: OrderShare) -> Share | None:
    url = url_of(share, PLACE)
    return None if url is None else Share(url, share.valid_until, share.to_email)


def _mail(order: BackOfficeOrder, shown: SharedOrder, share: Share, *, at: datetime) -> None:
    queue_mail(
        MailTemplate.ORDER_SHARED,
        to_email=share.to_email,
        sender_reseller_id=None,
        storefront_id=root_storefront_id(),
        fields={
            "seller_name": shown.seller,
            "order_number": shown.number,
            "account_name": shown.account_name,
            "lines": ", ".join(f"{item.quantity} x {item.name}" for item in shown.items),
            "total": write_money(shown.net, shown.currency),
            "valid_until": share.valid_until.isoformat(),
            "share_url": share.url,
        },
        about=About(AboutKind.ORDER, order.id),
        attachment=Attachment(f"{shown.number}.pdf", render(shown.paper())),
        at=at,
    )
