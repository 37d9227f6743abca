"""What an account may still order: limit less what it owes less what is on its way to an invoice (RS-29, SF-30)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import case, func, select

from app.accounts.models import Account
from app.billing.models import Charge, ChargeState, Invoice, InvoiceKind, InvoiceStatus
from app.core.db import session
from app.core.errors import NotFound
from app.core.money import round_money
from tenants.context import all_records, current_scope
from tenants.settings import distributor_settings

HUNDRED, NOTHING = Decimal(100), Decimal(0)


@dataclass(frozen=True, slots=True)
class Credit:
    """An account's credit in its currency. `limit` and `available` None: unlimited."""

    limit: Decimal | None
    balance: Decimal  # what is unpaid of issued invoices, less credit notes not used yet
    estimates: Decimal  # charges that stand on no invoice yet, with tax
    available: Decimal | None
    currency: str

    def missing_for(self, total: Decimal) -> Decimal:
        """Return by how much an order total (with tax) exceeds what is available; 0 where it is covered.

        An order that costs nothing needs no credit.
        """
        if self.available is None or total <= 0:
            return Decimal(0)
        return max(total - self.available, Decimal(0))


def tax_on(net: Decimal, currency: str) -> Decimal:
    """Return the tax on a net amount by the distributor's one rate."""
    return round_money(net * Decimal(distributor_settings().tax_percent) / HUNDRED, currency)


def available_credit(account_id: UUID) -> Credit:
    """Return limit, balance, estimates and what is left. Example: 5000 - 3200 - 450 = 1350. Raises NotFound.

    Of everything the account owes, whatever records whoever asks may see.
    """
    with all_records():
        return _available_credit(account_id)


def _available_credit(account_id: UUID) -> Credit:
    distributor_id = current_scope().distributor_id
    account = session.execute(
        select(Account.credit_limit, Account.currency).where(
            Account.distributor_id == distributor_id, Account.id == account_id
        )
    ).one_or_none()
    if account is None:
        raise NotFound("There is no such account")
    unpaid = Invoice.total - Invoice.paid_total
    balance = session.scalar(
        select(
            func.coalesce(func.sum(case((Invoice.kind == InvoiceKind.CREDIT_NOTE, -unpaid), else_=unpaid)), 0)
        ).where(
            Invoice.distributor_id == distributor_id,
            Invoice.account_id == account_id,
            Invoice.status.in_((InvoiceStatus.UNPAID, InvoiceStatus.PARTLY_PAID)),
        )
    ) or Decimal(0)
    net = func.sum(Charge.net_amount)
    charged, taxed = session.execute(
        select(func.coalesce(net, NOTHING), func.coalesce(net.filter(Charge.is_taxed), NOTHING)).where(
            Charge.distributor_id == distributor_id,
            Charge.account_id == account_id,
            Charge.state.in_((ChargeState.ESTIMATED, ChargeState.PENDING)),
        )
    ).one()
    estimates = charged + tax_on(taxed, account.currency)
    limit = account.credit_limit
    available = None if limit is None else limit - balance - estimates
    return Credit(limit, balance, estimates, available, account.currency)
