"""A direct customer that buys on a day, and days that pass."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest

from app.accounts.models import Account, BillingDayRule, PartialCharges
from app.billing.models import Charge, Invoice
from app.catalogue.models import BillingCycle, Product, ProductPrice, Term
from app.changes.renewals import bill_day, next_day
from app.orders.execution import process_work
from app.pricing.models import PriceListEntry
from app.subscriptions.models import Subscription, SubscriptionRole
from tenants.context import scope
from tests.factories.execution import Wanted, all_of, make_order


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


@dataclass
class Billing:
    """What the tests do with one world's direct customer."""

    session: object
    world: object

    def account(self, **options) -> None:
        """Set the customer's billing options."""
        with scope(self.world.scope):
            account = self.session.merge(self.world.direct)
            for name, value in options.items():
                setattr(account, name, value)
            self.session.commit()

    def prorate(self, day: int = 1, **options) -> None:
        """Align the customer to a day of the month."""
        self.account(prorated_billing=True, billing_day_rule=BillingDayRule.CHOSEN, billing_day=day, **options)

    def product(self, product: Product, **options) -> None:
        with scope(self.world.scope):
            found = self.session.get_one(Product, (self.world.id, product.id))
            for name, value in options.items():
                setattr(found, name, value)
            self.session.commit()

    def price(self, product: Product, amount: str, term=Term.P1M, cycle=BillingCycle.MONTHLY, **options) -> None:
        """Let a product cost so much per unit and cycle in the customer's list, and as list price."""
        with scope(self.world.scope):
            row = next(
                (
                    each
                    for each in all_of(self.session, ProductPrice)
                    if (each.product_id, each.term, each.cycle) == (product.id, term, cycle)
                ),
                None,
            )
            if row is None:
                row = ProductPrice(product_id=product.id, term=term, cycle=cycle, currency="EUR", list_price=0)
                self.session.add(row)
            row.list_price = Decimal(amount)
            for name, value in options.items():
                setattr(row, name, value)
            entries = [e for e in all_of(self.session, PriceListEntry) if e.product_id == product.id]
            entry = next((e for e in entries if (e.term, e.cycle) == (term, cycle)), None)
            if entry is None:
                entry = PriceListEntry(
                    price_list_id=self.world.price_list.id, product_id=product.id, term=term, cycle=cycle,
                    rule=entries[0].rule, value=None, price=0,
                )  # fmt: skip
                self.session.add(entry)
            entry.price = Decimal(amount)
            self.session.commit()

    def buy(self, day: date, product: Product, quantity: int = 1, price: str = "10.00", **wanted) -> Subscription:
        """Order and execute on a day; returns the subscription."""
        placed = make_order(
            self.session, self.world, self.world.direct, self.world.direct_buyer,
            [Wanted(product, quantity, price, **wanted)], at=noon(day),
        )  # fmt: skip
        with scope(self.world.scope):
            process_work(placed.work.id, at=noon(day))
            self.session.commit()
            return next(s for s in self.subscriptions() if s.order_item_id == placed.items[0].id)

    def subscriptions(self) -> list[Subscription]:
        with scope(self.world.scope):
            return [s for s in all_of(self.session, Subscription) if s.role is SubscriptionRole.MAIN]

    def pass_until(self, day: date) -> list[date]:
        """Bill the customer's days up to and with a day, as the job does; returns the days something was done."""
        worked, current = [], None
        with scope(self.world.scope):
            while (current := next_day(self.world.direct.id, until=day, after=current)) is not None:
                bill_day(self.world.direct.id, current, at=noon(day))
                self.session.commit()
                worked.append(current)
        return worked

    def papers(self) -> list[tuple[date, str, Decimal]]:
        """Return day, kind and net total of all papers."""
        with scope(self.world.scope):
            return [(each.issued_on, each.kind.value, each.net_total) for each in all_of(self.session, Invoice)]

    def charges(self) -> list[Charge]:
        with scope(self.world.scope):
            return all_of(self.session, Charge)


@pytest.fixture
def billing(session, world) -> Billing:
    return Billing(session, world)


__all__ = ("Account", "Billing", "PartialCharges", "noon")
