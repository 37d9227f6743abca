"""The verbs of billing: charge a payer, and issue the invoice of an order (RS-29, CB-20, decisions section 8)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from babel import Locale
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.accounts.models import Account
from app.billing.credit import Credit, available_credit, tax_on
from app.billing.models import Charge, ChargeState, Invoice, InvoiceCounter, InvoiceLine
from app.core.db import session
from app.core.ids import new_id
from app.subscriptions.periods import Period
from tenants.context import current_scope
from tenants.models import Distributor

__all__ = ("Credit", "NewCharge", "add_charge", "available_credit", "invoice_order", "next_invoice_number")
SERIES = "INV"


@dataclass(frozen=True, slots=True)
class NewCharge:
    """An amount to be invoiced. `source_key` says where it comes from: the same source is charged once."""

    source_key: str
    description: str
    quantity: int
    unit_cost: Decimal
    net_amount: Decimal
    currency: str
    period: Period | None
    order_item_id: UUID | None
    subscription_id: UUID | None
    end_customer_id: UUID | None  # whom the reseller bought it for; None: the payer itself
    state: ChargeState = ChargeState.PENDING


def add_charge(payer: Account, new: NewCharge, *, at: datetime) -> None:
    """Charge a payer; a job that runs twice charges once."""
    session.execute(
        insert(Charge)
        .values(
            id=new_id(),
            distributor_id=current_scope().distributor_id,
            reseller_id=payer.reseller_id,
            account_id=payer.id,
            source_key=new.source_key,
            state=new.state,
            subscription_id=new.subscription_id,
            order_item_id=new.order_item_id,
            end_customer_id=new.end_customer_id,
            description=new.description,
            quantity=new.quantity,
            unit_cost=new.unit_cost,
            net_amount=new.net_amount,
            currency=new.currency,
            period_from=new.period.first if new.period else None,
            period_to=new.period.last if new.period else None,
            created_at=at,
        )
        .on_conflict_do_nothing(index_elements=["distributor_id", "source_key"])
    )


def invoice_order(
    order_id: UUID, *, order_number: str, payer: Account, item_ids: Collection[UUID], issued_on: date, at: datetime
) -> Invoice | None:
    """Issue the one invoice of an order: its pending charges, at cost, to the payer.

    Charges of 0 make no line, and no line makes no invoice. An order that has its invoice keeps it: returned as it is.
    `issued_on` is a day in the distributor's time zone.
    """
    found = _invoice_of(order_id)
    if found is not None:
        return found
    charges = _pending_charges(item_ids)
    due = [charge for charge in charges if charge.net_amount > 0]
    if not due:
        for charge in charges:
            charge.state = ChargeState.INVOICED
        return None
    net = sum((charge.net_amount for charge in due), Decimal(0))
    tax = tax_on(net, payer.currency)
    invoice = Invoice(
        reseller_id=payer.reseller_id,
        account_id=payer.id,
        number=next_invoice_number(issued_on.year),
        order_id=order_id,
        order_number=order_number,
        issued_on=issued_on,
        due_on=issued_on + timedelta(days=payer.payment_days),
        currency=payer.currency,
        net_total=net,
        tax_total=tax,
        total=net + tax,
        seller_name=_seller_name(),
        buyer_name=payer.name,
        buyer_address=postal_address(payer),
        created_at=at,
    )
    session.add(invoice)
    session.flush()
    _add_lines(invoice, due)
    for charge in charges:
        charge.state, charge.invoice_id = ChargeState.INVOICED, invoice.id
    session.flush()
    return invoice


def next_invoice_number(year: int) -> str:
    """Draw the next number, such as INV-2026-000017. The counter stays locked until the commit, so there are no gaps."""
    distributor_id = current_scope().distributor_id
    series = f"{SERIES}-{year}"
    session.execute(
        insert(InvoiceCounter)
        .values(id=new_id(), distributor_id=distributor_id, series=series, next_value=1)
        .on_conflict_do_nothing(index_elements=["distributor_id", "series"])
    )
    counter = session.scalars(
        select(InvoiceCounter)
        .where(InvoiceCounter.distributor_id == distributor_id, InvoiceCounter.series == series)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    value, counter.next_value = counter.next_value, counter.next_value + 1
    session.flush()
    return f"{series}-{value:06d}"


def postal_address(account: Account) -> str:
    """Return an account's address as lines of text."""
    place = " ".join(part for part in (account.postcode, account.city) if part)
    country = Locale("en").territories.get(account.country, account.country)
    lines = (account.street, place, account.region, country, account.tax_id and f"Tax id {account.tax_id}")
    return "\n".join(line for line in lines if line)


def _add_lines(invoice: Invoice, charges: Sequence[Charge]) -> None:
    names = _end_customer_names({charge.end_customer_id for charge in charges if charge.end_customer_id})
    for position, charge in enumerate(charges, start=1):
        session.add(
            InvoiceLine(
                reseller_id=invoice.reseller_id,
                account_id=invoice.account_id,
                invoice_id=invoice.id,
                position=position,
                description=charge.description,
                end_customer_name=names.get(charge.end_customer_id) if charge.end_customer_id else None,
                quantity=charge.quantity,
                unit_price=charge.unit_cost,
                net_amount=charge.net_amount,
                period_from=charge.period_from,
                period_to=charge.period_to,
            )
        )


def _end_customer_names(account_ids: set[UUID]) -> dict[UUID, str]:
    rows = session.execute(
        select(Account.id, Account.name).where(
            Account.distributor_id == current_scope().distributor_id, Account.id.in_(account_ids)
        )
    )
    return {row.id: row.name for row in rows}


def _invoice_of(order_id: UUID) -> Invoice | None:
    return session.scalar(
        select(Invoice).where(Invoice.distributor_id == current_scope().distributor_id, Invoice.order_id == order_id)
    )


def _pending_charges(item_ids: Collection[UUID]) -> Sequence[Charge]:
    return session.scalars(
        select(Charge)
        .where(
            Charge.distributor_id == current_scope().distributor_id,
            Charge.order_item_id.in_(item_ids),
            Charge.state == ChargeState.PENDING,
        )
        .order_by(Charge.created_at, Charge.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def _seller_name() -> str:
    return session.scalar(select(Distributor.name).where(Distributor.id == current_scope().distributor_id)) or ""
