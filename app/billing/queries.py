"""Reads of invoices, in the scope of who asks: BSS all of them, a payer its own; an end customer none."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Select, case, func, select

from app.billing.errors import InvoiceNotFound
from app.billing.models import Charge, Invoice, InvoiceKind, InvoiceLine, InvoiceStatus
from app.core.criteria import EVERYTHING, Criteria, Kind, Property, in_order, narrowed
from app.core.db import session
from app.subscriptions.models import Asset, Subscription
from tenants.context import current_scope


class InvoiceOrder(enum.Enum):
    """How a list of invoices can be sorted."""

    NEWEST = "newest"
    OLDEST = "oldest"
    DUE = "due"


@dataclass(frozen=True, slots=True)
class InvoiceFilter:
    """What to list. `search` looks into invoice number, order number and the buyer's name."""

    search: str = ""
    status: InvoiceStatus | None = None
    kind: InvoiceKind | None = None
    account_id: UUID | None = None  # the payer
    issued_from: date | None = None
    issued_to: date | None = None
    order: InvoiceOrder = InvoiceOrder.NEWEST


@dataclass(frozen=True, slots=True)
class InvoiceTotals:
    """What the found invoices add up to, in one currency."""

    currency: str
    total: Decimal
    unpaid: Decimal


SORTED_BY: dict[InvoiceOrder, tuple[Any, ...]] = {
    InvoiceOrder.NEWEST: (Invoice.issued_on.desc(), Invoice.number.desc()),
    InvoiceOrder.OLDEST: (Invoice.issued_on, Invoice.number),
    InvoiceOrder.DUE: (Invoice.due_on, Invoice.number),
}


# What programs may name (BC-32).
INVOICE_PROPERTIES = {
    "number": Property(Invoice.number),
    "kind": Property(Invoice.kind, choices=InvoiceKind),
    "status": Property(Invoice.status, choices=InvoiceStatus),
    "order_number": Property(Invoice.order_number),
    "account_id": Property(Invoice.account_id, Kind.ID),
    "issued_on": Property(Invoice.issued_on, Kind.DAY),
    "due_on": Property(Invoice.due_on, Kind.DAY),
    "currency": Property(Invoice.currency),
    "net_total": Property(Invoice.net_total, Kind.AMOUNT),
    "total": Property(Invoice.total, Kind.AMOUNT),
    "paid_total": Property(Invoice.paid_total, Kind.AMOUNT),
}


def get_invoice(number: str) -> Invoice:
    """Return an invoice by the number people quote; raises InvoiceNotFound."""
    found = session.scalar(
        select(Invoice).where(Invoice.distributor_id == current_scope().distributor_id, Invoice.number == number)
    )
    if found is None:
        raise InvoiceNotFound(number)
    return found


def list_lines(invoice_id: UUID) -> Sequence[InvoiceLine]:
    """Return an invoice's lines as they were issued."""
    return session.scalars(
        select(InvoiceLine)
        .where(InvoiceLine.distributor_id == current_scope().distributor_id, InvoiceLine.invoice_id == invoice_id)
        .order_by(InvoiceLine.position)
    ).all()


def list_invoices(
    wanted: InvoiceFilter, *, offset: int = 0, limit: int | None = 25, criteria: Criteria = EVERYTHING
) -> Sequence[Invoice]:
    """Return invoices of the filter; `limit` None is for exports. `criteria` are a program's."""
    statement = narrowed(_found(wanted), criteria, INVOICE_PROPERTIES)
    statement = in_order(statement, criteria, INVOICE_PROPERTIES, otherwise=SORTED_BY[wanted.order]).offset(offset)
    found: Sequence[Invoice] = session.scalars(statement if limit is None else statement.limit(limit)).all()
    return found


def count_invoices(wanted: InvoiceFilter, *, criteria: Criteria = EVERYTHING) -> int:
    """Return how many invoices the filter finds."""
    found = narrowed(_found(wanted), criteria, INVOICE_PROPERTIES)
    return session.scalar(select(func.count()).select_from(found.subquery())) or 0


def sum_invoices(wanted: InvoiceFilter) -> Sequence[InvoiceTotals]:
    """Return what the filter's invoices less its credit notes add up to, per currency."""
    found = _found(wanted).subquery()
    sign = case((found.c.kind == InvoiceKind.CREDIT_NOTE.value, -1), else_=1)
    rows = session.execute(
        select(found.c.currency, func.sum(sign * found.c.total), func.sum(sign * (found.c.total - found.c.paid_total)))
        .group_by(found.c.currency)
        .order_by(found.c.currency)
    )
    return [InvoiceTotals(currency, total, unpaid) for currency, total, unpaid in rows]


def _found(wanted: InvoiceFilter) -> Select[Invoice]:
    statement = select(Invoice).where(Invoice.distributor_id == current_scope().distributor_id)
    if wanted.search.strip():
        words = wanted.search.strip().lower()
        statement = statement.where(
            func.lower(Invoice.number).contains(words, autoescape=True)
            | func.lower(Invoice.order_number).contains(words, autoescape=True)
            | func.lower(Invoice.buyer_name).contains(words, autoescape=True)
        )
    if wanted.status is not None:
        statement = statement.where(Invoice.status == wanted.status)
    if wanted.kind is not None:
        statement = statement.where(Invoice.kind == wanted.kind)
    if wanted.account_id is not None:
        statement = statement.where(Invoice.account_id == wanted.account_id)
    if wanted.issued_from is not None:
        statement = statement.where(Invoice.issued_on >= wanted.issued_from)
    if wanted.issued_to is not None:
        statement = statement.where(Invoice.issued_on <= wanted.issued_to)
    return statement


def papers_of(owned: Subscription | Asset) -> Sequence[Invoice]:
    """Return the papers on which something was charged or credited, the newest first; at most 50.

    Needs a scope that reaches the payer.
    """
    here = current_scope().distributor_id
    if isinstance(owned, Subscription):
        of_it = Charge.subscription_id == owned.id
    elif owned.order_item_id is None:
        return ()
    else:
        of_it = (Charge.account_id == owned.payer_id) & (Charge.order_item_id == owned.order_item_id)
    on_paper = select(Charge.invoice_id).where(Charge.distributor_id == here, of_it, Charge.invoice_id.is_not(None))
    return session.scalars(
        select(Invoice)
        .where(Invoice.distributor_id == here, Invoice.id.in_(on_paper))
        .order_by(Invoice.issued_on.desc(), Invoice.id.desc())
        .limit(50)
    ).all()
