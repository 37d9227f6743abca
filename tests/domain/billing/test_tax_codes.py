"""What products say about tax, on the papers of today (CB-01, CB-02). Taxes by rule come later (CB-38)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import delete, select, update

from app.billing.credit import available_credit
from app.billing.models import Charge, ChargeState, Invoice, InvoiceLine
from app.catalogue.models import BillingCycle, Product, ProductType, Term
from app.orders.back_office_queries import items_for_back_office
from app.orders.back_office_totals import totals_of
from app.orders.execution import process_work
from app.orders.execution_costs import order_cost
from app.orders.execution_rows import lines_of
from tenants.context import scope
from tenants.settings import distributor_settings, save_distributor_settings
from tests.domain.renewals.conftest import Billing, noon
from tests.factories.execution import Wanted, make_order

JUNE_1 = date(2026, 6, 1)


@pytest.fixture
def billing(session, world) -> Billing:
    with scope(world.scope):
        save_distributor_settings(replace(distributor_settings(), tax_percent="20"))
        session.commit()
    return Billing(session, world)


def describe(session, world, product, *, type_code=None, **values) -> None:
    with scope(world.scope):
        session.execute(update(Product).where(Product.id == product.id).values(**values))
        session.execute(update(ProductType).where(ProductType.id == product.product_type_id).values(tax_code=type_code))
        session.commit()


def papers(session, world) -> list[tuple[Decimal, Decimal, list[str | None]]]:
    with scope(world.scope):
        return [
            (
                paper.net_total,
                paper.tax_total,
                list(session.scalars(select(InvoiceLine.tax_code).where(InvoiceLine.invoice_id == paper.id))),
            )
            for paper in session.scalars(select(Invoice).order_by(Invoice.number))
        ]


@pytest.mark.parametrize(("own", "of_type", "shown"), [("44", "11", "44"), (None, "11", "11"), (None, None, None)])
def test_a_line_carries_its_products_tax_code_or_its_types(session, world, billing, own, of_type, shown):
    """CB-01, CB-02: a type's tax code applies to all its products; a product's own goes before it."""
    describe(session, world, world.seats, type_code=of_type, tax_code=own)
    billing.buy(JUNE_1, world.seats, 5)
    assert papers(session, world) == [(Decimal("50.00"), Decimal("10.00"), [shown])]


def test_a_product_that_is_not_taxable_adds_nothing_to_the_tax(session, world, billing):
    """CB-02: taxable off, no tax: of 50.00 and 50.00 one half is taxed at 20 %."""
    describe(session, world, world.tool, is_taxable=False, tax_code="EX")
    placed = make_order(
        session, world, world.direct, world.direct_buyer,
        [Wanted(world.seats, 5, "10.00"), Wanted(world.tool, 1, "50.00", Term.NONE, BillingCycle.ONE_TIME)], at=noon(JUNE_1),
    )  # fmt: skip
    with scope(world.scope):
        process_work(placed.work.id, at=noon(JUNE_1))
        session.commit()
    ((net, tax, codes),) = papers(session, world)
    assert (net, tax) == (Decimal("100.00"), Decimal("10.00"))
    assert sorted(codes, key=str) == ["EX", None]


def test_a_renewal_carries_the_code_of_its_day_and_leaves_issued_papers_alone(session, world, billing):
    """CB-00: issued invoices are never changed."""
    describe(session, world, world.seats, tax_code="A")
    billing.buy(JUNE_1, world.seats, 5)
    describe(session, world, world.seats, tax_code="B")
    billing.pass_until(date(2026, 7, 1))
    assert [codes for _, _, codes in papers(session, world)] == [["A"], ["B"]]


def test_totals_and_credit_tax_what_the_invoice_taxes(session, world, billing):
    """CB-02, CB-18, SF-30: 50.00 taxed at 20 % and 50.00 exempt are 110.00, before the invoice as on it."""
    describe(session, world, world.tool, is_taxable=False)
    placed = make_order(
        session, world, world.direct, world.direct_buyer,
        [Wanted(world.seats, 5, "10.00"), Wanted(world.tool, 1, "50.00", Term.NONE, BillingCycle.ONE_TIME)], at=noon(JUNE_1),
    )  # fmt: skip
    with scope(world.scope):
        cost = order_cost(lines_of(placed.order), world.direct, on=JUNE_1)
        process_work(placed.work.id, at=noon(JUNE_1))
        shown = totals_of(items_for_back_office(placed.order.id), "USD")
        session.execute(update(Charge).values(state=ChargeState.PENDING))
        session.execute(delete(InvoiceLine))
        session.execute(delete(Invoice))
        session.commit()
        assert available_credit(world.direct.id).estimates == Decimal("110.00")
    assert cost.total == Decimal("110.00")
    assert (shown.tax, shown.final) == (Decimal("10.00"), Decimal("110.00"))
