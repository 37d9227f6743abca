"""The totals box of an order: cost, profit, discount, tax, monthly run rate, final (CB-18)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.billing.credit import tax_on
from app.billing.tax_codes import taxed_part
from app.core.money import line_amount, round_money
from app.orders.back_office_queries import BackOfficeItem


@dataclass(frozen=True, slots=True)
class OrderTotals:
    """The statement of an order, net. `monthly_run_rate` counts recurring items per month of their cycle (CB-18)."""

    vendor_cost: Decimal | None
    net: Decimal
    discount: Decimal  # what the price lists would have asked more
    tax: Decimal
    monthly_run_rate: Decimal
    currency: str

    @property
    def final(self) -> Decimal:
        """What is to be paid, with tax."""
        return self.net + self.tax

    @property
    def profit(self) -> Decimal | None:
        """What is left to the distributor."""
        return None if self.vendor_cost is None else self.net - self.vendor_cost


def totals_of(items: Sequence[BackOfficeItem], currency: str) -> OrderTotals:
    """Add up an order: 1,200.00 a year + 10.00 a month is a run rate of 110.00."""
    net = sum((item.line_cost for item in items if item.line_cost is not None), Decimal(0))
    vendor = [item.line_vendor_cost for item in items]
    known = [amount for amount in vendor if amount is not None]
    rate = sum(
        (item.line_cost / item.cycle.months for item in items if item.line_cost is not None and item.cycle.months),
        Decimal(0),
    )
    discount = sum(
        (
            line_amount(item.base_cost, item.quantity, currency) - item.line_cost
            for item in items
            if item.base_cost is not None and item.line_cost is not None
        ),
        Decimal(0),
    )
    is_complete = bool(items) and len(known) == len(items)
    return OrderTotals(
        sum(known, Decimal(0)) if is_complete else None,
        net,
        discount,
        tax_on(taxed_part([(item.product_id, item.line_cost or Decimal(0)) for item in items]), currency),
        round_money(rate, currency),
        currency,
    )
