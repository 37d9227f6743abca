"""What a reader of an order's link or paper sees: what its payer pays, no cost, no note (CB-18).

Needs the distributor's scope.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.accounts.queries import get_account
from app.billing.documents import postal_address
from app.billing.papers import Paper, PaperLine
from app.catalogue.words import unit_words
from app.core.days import write_day
from app.orders.back_office_queries import BackOfficeItem, BackOfficeOrder
from app.orders.back_office_totals import totals_of
from app.orders.offers.mails import seller_name
from tenants.days import distributors_day


@dataclass(frozen=True, slots=True)
class SharedOrder:
    """What a link or a paper shows of an order."""

    number: str
    seller: str
    buyer: tuple[str, ...]  # who pays: name, then address
    account_name: str
    placed_on: date
    reference: str
    status: str
    currency: str
    items: tuple[PaperLine, ...]  # prices None until the order's job has found them
    net: Decimal
    tax: Decimal
    total: Decimal

    def paper(self) -> Paper:
        """Return it as a paper."""
        return Paper(
            title=f"Order {self.number}",
            seller=self.seller,
            buyer=self.buyer,
            facts=(
                ("Placed", write_day(self.placed_on)),
                ("For", self.account_name),
                ("Reference", self.reference or "–"),
                ("Status", self.status),
            ),
            introduction="",
            lines=self.items,
            totals=(("Net total", self.net), ("Tax", self.tax), ("Total", self.total)),
            currency=self.currency,
        )


def shared(order: BackOfficeOrder, items: Sequence[BackOfficeItem]) -> SharedOrder:
    """Return what may be read of an order by whoever pays for it."""
    payer, totals = get_account(order.payer_id), totals_of(items, order.currency)
    return SharedOrder(
        number=order.number,
        seller=seller_name(),
        buyer=(payer.name, *postal_address(payer).splitlines()),
        account_name=order.account_name,
        placed_on=distributors_day(order.placed_at),
        reference=order.po_number or "",
        status=order.status_words,
        currency=order.currency,
        items=tuple(
            PaperLine(
                item.product_name,
                item.friendly_name or "",
                unit_words(item.term, item.cycle),
                item.quantity,
                item.unit_cost,
                item.line_cost,
            )
            for item in items
        ),
        net=totals.net,
        tax=totals.tax,
        total=totals.final,
    )
