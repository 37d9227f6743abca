"""Charges, invoices and their numbers (CB-32 ff. in their main lines). Issued papers are corrected, never edited."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, String, UniqueConstraint, event, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.orm.attributes import instance_state

from app.billing.errors import InvoiceIsIssued
from app.core.db import Base
from app.identity.permission_rules.models import Ruled
from tenants.scoping import DistributorPrivate, Shared


class ChargeState(enum.Enum):
    """Whether a charge stands on an invoice yet."""

    ESTIMATED = "estimated"  # in arrears: counts against available credit only
    PENDING = "pending"
    INVOICED = "invoiced"


class ChargeKind(enum.Enum):
    """What an amount is for (CB-32)."""

    RECURRING = "recurring"  # a whole period
    STUB = "stub"  # the short first period up to the billing day
    SETUP = "setup"
    ONE_TIME = "one_time"
    QUANTITY = "quantity"
    UPGRADE = "upgrade"
    ADD_ON = "add_on"
    PRICE = "price"
    USAGE = "usage"
    TERMINATION = "termination"
    CANCELLATION = "cancellation"
    ABANDONMENT = "abandonment"  # never activated: credited in full (CB-20)


class Charge(Shared, Base):
    """An amount the payer owes for a period, first and last day included; a credit is negative.

    `account_id` is the payer's account.
    """

    __tablename__ = "charges"
    __table_args__ = (
        UniqueConstraint("distributor_id", "source_key"),  # a job that runs twice charges once
        Index(None, "distributor_id", "account_id", "state"),
        Index(None, "distributor_id", "subscription_id", "period_from"),
        Index(
            "ix_charges_product_not_invoiced",
            "distributor_id",
            "product_id",
            postgresql_where=text("state <> 'invoiced'"),
        ),
    )

    source_key: Mapped[str] = mapped_column(String(120))  # "order-item:<id>"
    kind: Mapped[ChargeKind] = mapped_column(default=ChargeKind.RECURRING)
    state: Mapped[ChargeState]
    subscription_id: Mapped[UUID | None]
    order_item_id: Mapped[UUID | None]
    product_id: Mapped[UUID | None]  # what is charged: the subscription's product then, or a metered add-on
    is_taxed: Mapped[bool]  # as the product says until it is invoiced; a credit as what it takes back
    end_customer_id: Mapped[UUID | None]
    description: Mapped[str] = mapped_column(String(300))
    quantity: Mapped[int]
    unit_cost: Mapped[Decimal]
    net_amount: Mapped[Decimal]
    currency: Mapped[str] = mapped_column(String(3))
    period_from: Mapped[date | None]
    period_to: Mapped[date | None]
    bill_on: Mapped[date | None]  # the distributor's day it is to be invoiced; None: at once
    change_id: Mapped[UUID | None]  # the subscription change it comes from
    credits_id: Mapped[UUID | None]  # the charge a credit takes back
    invoice_id: Mapped[UUID | None]
    created_at: Mapped[datetime]


class InvoiceKind(enum.Enum):
    """A paper that asks for money, or gives it back."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"  # amounts are positive; they count against what the payer owes


class InvoiceStatus(enum.Enum):
    """What is left to pay."""

    UNPAID = "unpaid"
    PARTLY_PAID = "partly_paid"
    PAID = "paid"
    CREDITED = "credited"


INVOICE_WORDS = {
    InvoiceStatus.UNPAID: "Unpaid",
    InvoiceStatus.PARTLY_PAID: "Partly paid",
    InvoiceStatus.PAID: "Paid",
    InvoiceStatus.CREDITED: "Credited",
}
CREDIT_NOTE_WORDS = {
    InvoiceStatus.UNPAID: "Open",
    InvoiceStatus.PARTLY_PAID: "Partly used",
    InvoiceStatus.PAID: "Used",
    InvoiceStatus.CREDITED: "Used",
}


class Invoice(Ruled, Shared, Base):
    """The distributor's invoice to a reseller or direct customer, at cost; `account_id` is the payer. Immutable once issued."""

    __tablename__ = "invoices"
    __table_args__ = (
        UniqueConstraint("distributor_id", "number"),
        UniqueConstraint("distributor_id", "order_id"),  # one invoice at execution, however often the job runs
        Index(None, "distributor_id", "account_id", "issued_on"),
        ForeignKeyConstraint(["distributor_id", "account_id"], ["accounts.distributor_id", "accounts.id"]),
        ForeignKeyConstraint(
            ["distributor_id", "permission_rule_id"], ["permission_rules.distributor_id", "permission_rules.id"]
        ),
        Index(
            "ix_invoices_rule",
            "distributor_id",
            "permission_rule_id",
            postgresql_where=text("permission_rule_id IS NOT NULL"),
        ),
    )

    kind: Mapped[InvoiceKind] = mapped_column(default=InvoiceKind.INVOICE)
    number: Mapped[str] = mapped_column(String(30))  # "INV-2026-000017", "CN-2026-000004"; no gaps per distributor
    order_id: Mapped[UUID | None]
    order_number: Mapped[str | None] = mapped_column(String(20))
    issued_on: Mapped[date]
    due_on: Mapped[date]
    status: Mapped[InvoiceStatus] = mapped_column(default=InvoiceStatus.UNPAID)
    currency: Mapped[str] = mapped_column(String(3))
    net_total: Mapped[Decimal]
    tax_total: Mapped[Decimal]
    total: Mapped[Decimal]
    paid_total: Mapped[Decimal] = mapped_column(default=Decimal(0))
    seller_name: Mapped[str] = mapped_column(String(200))
    buyer_name: Mapped[str] = mapped_column(String(200))
    buyer_address: Mapped[str] = mapped_column(String(600))
    created_at: Mapped[datetime]

    @property
    def is_credit_note(self) -> bool:
        """Whether it gives back; never due, so never overdue."""
        return self.kind is InvoiceKind.CREDIT_NOTE

    @property
    def words(self) -> str:
        """What people call the paper."""
        return "Credit note" if self.is_credit_note else "Invoice"

    @property
    def status_words(self) -> str:
        """What is left of it, in the words of its kind (CB-34 for credit notes)."""
        return (CREDIT_NOTE_WORDS if self.is_credit_note else INVOICE_WORDS)[self.status]

    def is_overdue(self, today: date) -> bool:
        """Whether money is left to be paid after its day."""
        is_open = self.status in (InvoiceStatus.UNPAID, InvoiceStatus.PARTLY_PAID)
        return not self.is_credit_note and is_open and self.due_on < today


class InvoiceLine(Shared, Base):
    """One line of an invoice, naming the end customer it is for."""

    __tablename__ = "invoice_lines"
    __table_args__ = (
        Index(None, "distributor_id", "invoice_id", "position"),
        ForeignKeyConstraint(["distributor_id", "invoice_id"], ["invoices.distributor_id", "invoices.id"]),
    )

    invoice_id: Mapped[UUID]
    position: Mapped[int]
    description: Mapped[str] = mapped_column(String(300))
    end_customer_name: Mapped[str | None] = mapped_column(String(200))
    quantity: Mapped[int]
    unit_price: Mapped[Decimal]
    net_amount: Mapped[Decimal]
    tax_code: Mapped[str | None] = mapped_column(String(40))  # of the product, else of its type; as it was that day
    period_from: Mapped[date | None]
    period_to: Mapped[date | None]


class InvoiceCounter(DistributorPrivate, Base):
    """The next invoice number of a distributor and year; locked while an invoice is issued, so that there are no gaps."""

    __tablename__ = "invoice_counters"
    __table_args__ = (UniqueConstraint("distributor_id", "series"),)

    series: Mapped[str] = mapped_column(String(20))  # "INV-2026"
    next_value: Mapped[int] = mapped_column(default=1)


# What a payment or a credit note does to an invoice, and who sees it in the back office.
MAY_CHANGE = frozenset({"status", "paid_total", "permission_rule_id"})


@event.listens_for(Invoice, "before_update")
@event.listens_for(InvoiceLine, "before_update")
def _keep_as_issued(_mapper: object, _connection: object, paper: Invoice | InvoiceLine) -> None:
    changed = {attribute.key for attribute in instance_state(paper).attrs if attribute.history.has_changes()}
    forbidden = changed - MAY_CHANGE if isinstance(paper, Invoice) else changed
    if forbidden:
        raise InvoiceIsIssued(paper.id, sorted(forbidden))


@event.listens_for(Invoice, "before_delete")
@event.listens_for(InvoiceLine, "before_delete")
def _keep_issued(_mapper: object, _connection: object, paper: Invoice | InvoiceLine) -> None:
    raise InvoiceIsIssued(paper.id)
