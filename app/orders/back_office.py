"""Orders made by the distributor's staff: created, filled, priced, copied (CB-18, RS-05, RS-06).

The wholesale side only: prices are what the payer pays the distributor. Needs the distributor's scope.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select

from app.accounts.models import Account
from app.accounts.queries import get_account, payer_of
from app.audit.services import Actor, record
from app.core.db import session
from app.core.errors import Invalid
from app.core.ids import new_id
from app.core.versions import lock_at_version
from app.identity.models import User
from app.identity.services import is_address
from app.orders.back_office_execution import require_business
from app.orders.errors import WrongOrderState
from app.orders.execution_events import add_event
from app.orders.execution_rows import lock_order_by_number
from app.orders.machine import Move, at_first
from app.orders.models import (
    ORDER_NUMBERS,
    Order,
    OrderChannel,
    OrderStatus,
)
from app.orders.programs import Program
from tenants.context import current_scope

LONGEST_REASON = 500
LONGEST_NAME, LONGEST_PO_NUMBER = 255, 50
CHANGEABLE = (OrderStatus.SUBMITTED,)
RECORDED = "The order was recorded."


@dataclass(frozen=True, slots=True)
class NewOrder:
    """What staff says of an order; its items follow. No name: the account's with the code (CB-F51)."""

    account_id: UUID
    name: str = ""
    po_number: str | None = None
    comment: str | None = None
    starts_on: date | None = None  # requested start
    contact_email: str = ""  # empty: the account's primary contact


@dataclass(frozen=True, slots=True)
class OrderDetails:
    """What can be changed on an order that is not executed yet."""

    name: str = ""
    po_number: str | None = None
    comment: str | None = None
    starts_on: date | None = None
    contact_email: str = ""  # empty: as it is


def create_order(new: NewOrder, *, actor: Actor, at: datetime, program: Program | None = None) -> Order:
    """Start an order for an account; a reseller's customer is billed to its reseller.

    It is Submitted: recorded, not executed. A program's is its draft until it submits it. Raises AccountNotFound, AccountNotActive, and Invalid `ordering_disabled`.
    """
    account = get_account(new.account_id)
    payer = get_account(payer_of(account))
    require_business(account, payer)
    assert program is not None or actor.user_id is not None, "staff have a user"
    number = f"SO-{at.year}-{session.scalar(select(ORDER_NUMBERS.next_value())):06}"
    order = Order(
        id=new_id(),
        reseller_id=account.reseller_id,
        account_id=account.id,
        number=number,
        name=new.name.strip()[:LONGEST_NAME] or f"{account.name} {number}"[:LONGEST_NAME],
        status=at_first(Move.RECORD) if program is None else OrderStatus.DRAFT,
        channel=OrderChannel.BSS if program is None else OrderChannel.API,
        payer_id=payer.id,
        net_total=Decimal(0),
        currency=payer.currency,
        contact_email=checked_email(new.contact_email) or contact_email_of(account),
        placed_by_id=actor.user_id if program is None else None,
        api_client_id=program.client_id if program is not None else None,
        api_client_name=program.name if program is not None else None,
        placed_by_reseller=account.id != payer.id,
        placed_at=at,
        po_number=_text(new.po_number, LONGEST_PO_NUMBER),
        comment=_text(new.comment, LONGEST_REASON),
        execute_on=new.starts_on,
    )
    session.add(order)
    session.flush()
    if program is None:
        add_event(order, "submitted", RECORDED, at=at)
    record("order.created", actor=actor, at=at, target_kind="order", target_id=order.id, after={"number": number})
    return order


def change_details(number: str, details: OrderDetails, *, version: int, actor: Actor, at: datetime) -> Order:
    """Change what an order is called and what goes with it; `version` is what its form was opened at (CB-00).

    Raises OrderNotFound, WrongOrderState, StaleVersion, Invalid `email`.
    """
    order = changeable_order(number)
    lock_at_version(order, version, name=order.number)
    order.version += 1
    order.name = details.name.strip()[:LONGEST_NAME] or order.name
    order.po_number = _text(details.po_number, LONGEST_PO_NUMBER)
    order.comment = _text(details.comment, LONGEST_REASON)
    order.execute_on = details.starts_on
    order.contact_email = checked_email(details.contact_email) or order.contact_email
    note_change(order, actor, at, {"name": order.name, "po_number": order.po_number, "starts_on": order.execute_on})
    return order


def has_orders(account_id: UUID) -> bool:
    """Whether an account has ever ordered or paid for an order: its currency is fixed then (RS-02)."""
    found = session.scalar(
        select(func.count())
        .select_from(Order)
        .where(
            Order.distributor_id == current_scope().distributor_id,
            (Order.payer_id == account_id) | (Order.account_id == account_id),
        )
    )
    return bool(found)


def changeable_order(number: str) -> Order:
    """Return a staff's order that is not executed yet, under lock. Raises OrderNotFound, WrongOrderState."""
    order = lock_order_by_number(number)
    if order.status not in CHANGEABLE or order.channel is not OrderChannel.BSS:
        raise WrongOrderState(order.number, order.status)
    return order


def contact_email_of(account: Account) -> str:
    """Return where mails about an account's orders go: its primary contact, else the company."""
    found = session.scalar(
        select(User.email).where(
            User.distributor_id == account.distributor_id, User.account_id == account.id, User.is_primary_contact
        )
    )
    return found or account.email


def checked_email(email: str) -> str:
    """Return a contact's address, or nothing where none is given; Invalid at `contact_email` for what is none."""
    if email and not is_address(email):
        raise Invalid.field("contact_email", "email", "Enter an e-mail address, such as anna@company.com")
    return email


def _text(text: str | None, longest: int) -> str | None:
    return (text or "").strip()[:longest] or None


def note_change(order: Order, actor: Actor, at: datetime, after: dict[str, object]) -> None:
    """Keep in the trail what was changed on an order."""
    record("order.changed", actor=actor, at=at, target_kind="order", target_id=order.id, after=after)
