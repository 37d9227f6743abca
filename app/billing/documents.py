"""The papers of billing: invoices and credit notes are issued from charges, and never changed (RS-29, CB-20, CB-33)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from babel import Locale
from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert

from app.accounts.models import Account, PartialCharges
from app.accounts.queries import get_account_for_update
from app.audit.services import Actor, record
from app.billing.charges import lock_charges, lock_due_charges, pending_charges
from app.billing.credit import tax_on
from app.billing.cycles import next_billing_day
from app.billing.models import Charge, ChargeState, Invoice, InvoiceCounter, InvoiceKind, InvoiceLine
from app.billing.tax_codes import tax_codes_of
from app.core.db import session
from app.core.ids import new_id
from tenants.context import current_scope
from tenants.models import Distributor

SERIES = {InvoiceKind.INVOICE: "INV", InvoiceKind.CREDIT_NOTE: "CN"}
NOTHING = Decimal(0)


def bill(payer: Account, source_keys: Collection[str], *, on: date, at: datetime) -> tuple[Invoice, ...]:
    """Put charges within a period on paper as the account wants it: now, or with its next billing day (CB-32).

    Now: an invoice for what is owed and a credit note for what is given back. `on` is a day of the distributor.
    """
    charges = lock_charges(source_keys)
    if payer.partial_charges is PartialCharges.BILLING_DAY:
        for charge in charges:
            charge.bill_on = next_billing_day(payer, on)
        session.flush()
        return ()
    return _issue(payer, charges, on=on, at=at)


def bill_due(payer: Account, *, on: date, at: datetime) -> tuple[Invoice, ...]:
    """Put all on paper that is to be invoiced to a payer on or before a day; one invoice, one credit note at most."""
    return _issue(payer, lock_due_charges(payer.id, until=on), on=on, at=at)


def generate(
    payer_id: UUID, *, subscription_ids: Collection[UUID] | None = None, actor: Actor, on: date, at: datetime
) -> tuple[Invoice, ...]:
    """Put pending charges on paper before their day (CB-32, *Generate invoices*); they are not billed again.

    Of these subscriptions alone where they are named. Raises AccountNotFound.
    """
    payer = get_account_for_update(payer_id)
    keys = [charge.source_key for charge in pending_charges(payer.id, subscription_ids=subscription_ids)]
    papers = _issue(payer, lock_charges(keys), on=on, at=at)
    for paper in papers:
        record(
            "invoice.generated", actor=actor, at=at, target_kind="invoice", target_id=paper.id,
            after={"number": paper.number},
        )  # fmt: skip
    return papers


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
    charges = _due_of_items(payer, item_ids, issued_on)
    return next(iter(_issue(payer, charges, on=issued_on, at=at, order=(order_id, order_number))), None)


def next_invoice_number(year: int, kind: InvoiceKind = InvoiceKind.INVOICE) -> str:
    """Draw the next number, such as INV-2026-000017 or CN-2026-000004; its counter stays locked until the commit.

    So there are no gaps.
    """
    distributor_id = current_scope().distributor_id
    series = f"{SERIES[kind]}-{year}"
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


def _issue(
    payer: Account,
    charges: Sequence[Charge],
    *,
    on: date,
    at: datetime,
    order: tuple[UUID, str] | None = None,
) -> tuple[Invoice, ...]:
    """Issue an invoice for the debits and a credit note for the credits. What comes to 0 makes no line and no paper."""
    papers = []
    for kind, lines in (
        (InvoiceKind.INVOICE, [charge for charge in charges if charge.net_amount > 0]),
        (InvoiceKind.CREDIT_NOTE, [charge for charge in charges if charge.net_amount < 0]),
    ):
        if lines:
            papers.append(_paper(payer, kind, lines, on=on, at=at, order=order))
    for charge in charges:
        charge.state = ChargeState.INVOICED
    session.flush()
    return tuple(papers)


def _paper(
    payer: Account,
    kind: InvoiceKind,
    charges: Sequence[Charge],
    *,
    on: date,
    at: datetime,
    order: tuple[UUID, str] | None,
) -> Invoice:
    net = abs(sum((charge.net_amount for charge in charges), NOTHING))
    taxed = abs(sum((charge.net_amount for charge in charges if charge.is_taxed), NOTHING))
    tax = tax_on(taxed, payer.currency)
    order_id, order_number = order or (None, None)
    paper = Invoice(
        reseller_id=payer.reseller_id,
        account_id=payer.id,
        kind=kind,
        number=next_invoice_number(on.year, kind),
        order_id=order_id if kind is InvoiceKind.INVOICE else None,
        order_number=order_number,
        issued_on=on,
        due_on=on + timedelta(days=payer.payment_days),
        currency=payer.currency,
        net_total=net,
        tax_total=tax,
        total=net + tax,
        seller_name=_seller_name(),
        buyer_name=payer.name,
        buyer_address=postal_address(payer),
        created_at=at,
    )
    session.add(paper)
    session.flush()
    _add_lines(paper, charges)
    for charge in charges:
        charge.invoice_id = paper.id
    return paper


def _add_lines(invoice: Invoice, charges: Sequence[Charge]) -> None:
    tax_codes = tax_codes_of({charge.product_id for charge in charges if charge.product_id})
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
                net_amount=abs(charge.net_amount),
                tax_code=tax_codes.get(charge.product_id) if charge.product_id else None,
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


def _due_of_items(payer: Account, item_ids: Collection[UUID], on: date) -> Sequence[Charge]:
    return session.scalars(
        select(Charge)
        .where(
            Charge.distributor_id == current_scope().distributor_id,
            Charge.account_id == payer.id,  # with the state an index; by the items alone all charges would be read
            Charge.state == ChargeState.PENDING,
            Charge.order_item_id.in_(item_ids),
            or_(Charge.bill_on.is_(None), Charge.bill_on <= on),
        )
        .order_by(Charge.created_at, Charge.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def _seller_name() -> str:
    return session.scalar(select(Distributor.name).where(Distributor.id == current_scope().distributor_id)) or ""
