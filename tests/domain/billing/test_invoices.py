from __future__ import annotations

import io
from contextlib import suppress
from datetime import date
from decimal import Decimal

import pytest

from app.billing.charges import NewCharge, add_charge
from app.billing.credit import available_credit
from app.billing.documents import invoice_order, next_invoice_number
from app.billing.errors import InvoiceIsIssued, InvoiceNotFound
from app.billing.models import Charge, ChargeState, Invoice, InvoiceLine, InvoiceStatus
from app.billing.pdf import render_invoice
from app.billing.queries import InvoiceFilter, count_invoices, get_invoice, list_invoices, list_lines, sum_invoices
from app.core.db import unit_of_work
from app.core.ids import new_id
from app.subscriptions.periods import Period, add_months, period_of
from tenants.context import scope
from tests.factories.execution import all_of
from tests.factories.world import MONDAY, MONDAY_NOON


@pytest.fixture
def charge(world):
    """Charge Tech Solutions for a customer's item, in the distributor's scope."""

    def add(amount: str, *, state: ChargeState = ChargeState.PENDING, name: str = "Contoso Mail"):
        item_id = new_id()
        add_charge(
            world.tech.account,
            NewCharge(
                source_key=f"order-item:{item_id}",
                description=name,
                quantity=5,
                unit_cost=Decimal(amount) / 5,
                net_amount=Decimal(amount),
                currency="EUR",
                period=Period(date(2026, 3, 2), date(2026, 4, 1)),
                order_item_id=item_id,
                subscription_id=None,
                product_id=None,
                end_customer_id=world.tech.customers[0].id,
                state=state,
            ),
            at=MONDAY_NOON,
        )
        return item_id

    return add


def issue(world, item_ids, order_id=None) -> Invoice | None:
    return invoice_order(
        order_id or new_id(), order_number="SO-2026-000001", payer=world.tech.account, item_ids=item_ids,
        issued_on=MONDAY, at=MONDAY_NOON,
    )  # fmt: skip


def test_available_credit_is_limit_less_balance_less_estimates(session, world, charge):
    """CB-F63: limit 1,000, balance 350, estimates 120 leave 530.00."""
    with scope(world.scope):
        session.merge(world.tech.account).credit_limit = Decimal(1000)
        issue(world, [charge("500.00")])
        (invoice,) = all_of(session, Invoice)
        invoice.paid_total, invoice.status = Decimal("150.00"), InvoiceStatus.PARTLY_PAID
        charge("120.00", state=ChargeState.ESTIMATED)
        session.flush()
        credit = available_credit(world.tech.id)
        assert (credit.limit, credit.balance, credit.estimates) == (Decimal(1000), Decimal(350), Decimal(120))
        assert credit.available == Decimal("530.00")
        assert credit.missing_for(Decimal("530.00")) == 0
        assert credit.missing_for(Decimal("620.00")) == Decimal("90.00")
    with scope(world.tech.scope):
        assert available_credit(world.tech.id).available == Decimal("530.00")


def test_an_account_without_a_limit_has_unlimited_credit(world):
    with scope(world.scope):
        credit = available_credit(world.direct.id)
    assert (credit.available, credit.missing_for(Decimal(10**9))) == (None, 0)


def test_an_order_that_costs_nothing_needs_no_credit(session, world, charge):
    with scope(world.scope):
        session.merge(world.tech.account).credit_limit = Decimal(0)
        charge("10.00")
        session.flush()
        assert available_credit(world.tech.id).missing_for(Decimal(0)) == 0


def test_the_same_source_is_charged_once(session, world, charge):
    with scope(world.scope):
        item_id = charge("50.00")
        add_charge(
            world.tech.account,
            NewCharge(
                source_key=f"order-item:{item_id}", description="again", quantity=1, unit_cost=Decimal(1),
                net_amount=Decimal(1), currency="EUR", period=None, order_item_id=item_id, subscription_id=None,
                product_id=None, end_customer_id=None,
            ),
            at=MONDAY_NOON,
        )  # fmt: skip
        assert [row.net_amount for row in all_of(session, Charge)] == [Decimal("50.00")]


def test_an_order_has_one_invoice_however_often_it_is_asked_for(session, world, charge):
    with scope(world.scope):
        item_id, order_id = charge("50.00"), new_id()
        first, second = issue(world, [item_id], order_id), issue(world, [item_id], order_id)
        assert first is second
        assert (first.number, first.due_on) == ("INV-2026-000001", date(2026, 4, 1))
        assert [row.state for row in all_of(session, Charge)] == [ChargeState.INVOICED]


def test_an_order_for_nothing_makes_no_invoice_and_uses_no_number(session, world, charge):
    """RS-F9 (partly): a free plan's order is charged 0.00 and no invoice is issued."""
    with scope(world.scope):
        assert issue(world, [charge("0.00")]) is None
        assert all_of(session, Invoice) == []
        assert next_invoice_number(2026) == "INV-2026-000001"


def test_numbers_start_anew_each_year_and_leave_no_gap_after_a_rollback(session, world):
    with scope(world.scope):
        with suppress(RuntimeError), unit_of_work():
            assert next_invoice_number(2026) == "INV-2026-000001"
            raise RuntimeError
        with unit_of_work():
            assert [next_invoice_number(2026), next_invoice_number(2026), next_invoice_number(2027)] == [
                "INV-2026-000001", "INV-2026-000002", "INV-2027-000001",
            ]  # fmt: skip


def test_an_issued_invoice_is_never_edited(session, world, charge):
    with scope(world.scope):
        issue(world, [charge("50.00")])
        session.commit()
        (invoice,) = all_of(session, Invoice)
        invoice.total = Decimal(1)
        with pytest.raises(InvoiceIsIssued):
            session.flush()
        session.rollback()
        (line,) = all_of(session, InvoiceLine)
        line.description = "Something else"
        with pytest.raises(InvoiceIsIssued):
            session.flush()
        session.rollback()
        session.delete(all_of(session, InvoiceLine)[0])
        with pytest.raises(InvoiceIsIssued):
            session.flush()
        session.rollback()
        assert all_of(session, Invoice)[0].total == Decimal("50.00")


def test_a_foreign_invoice_does_not_exist(session, world, charge):
    with scope(world.scope):
        invoice = issue(world, [charge("50.00")])
        number = invoice.number
        session.commit()
        session.expunge_all()
    with scope(world.tech.scope):
        assert get_invoice(number).net_total == Decimal("50.00")
    for stranger in (world.cloudia.scope, world.tech.customer_scope()):
        with scope(stranger):
            assert (count_invoices(InvoiceFilter()), list_invoices(InvoiceFilter())) == (0, [])
            with pytest.raises(InvoiceNotFound):
                get_invoice(number)


def test_invoices_are_found_by_number_order_buyer_and_status(session, world, charge):
    with scope(world.scope):
        issue(world, [charge("50.00")])
        issue(world, [charge("30.00")])
        for search, found in (("inv-2026-000002", 1), ("so-2026", 2), ("tech sol", 2), ("100%", 0)):
            assert count_invoices(InvoiceFilter(search=search)) == found
        assert count_invoices(InvoiceFilter(status=InvoiceStatus.PAID)) == 0
        assert [row.number for row in list_invoices(InvoiceFilter())] == ["INV-2026-000002", "INV-2026-000001"]
        (totals,) = sum_invoices(InvoiceFilter())
        assert (totals.currency, totals.total, totals.unpaid) == ("EUR", Decimal("80.00"), Decimal("80.00"))


def test_the_pdf_prints_greek_names_and_is_the_same_each_time(session, world, charge):
    with scope(world.scope):
        session.merge(world.tech.customers[0]).name = "Αθηναϊκή Εταιρεία Λογισμικού & Υιοί <ΑΕ>"
        session.flush()
        invoice = issue(world, [charge("50.00", name="Contoso Mail – “Business”") for _ in range(60)])
        assert list_lines(invoice.id)[0].end_customer_name.startswith("Αθηναϊκή")
        first, second = render_invoice(invoice), render_invoice(invoice)
    assert first.startswith(b"%PDF-")
    assert first == second
    assert b"OpenSans" in first
    assert io.BytesIO(first).read().count(b"/Type /Page\n") >= 3


@pytest.mark.parametrize(
    ("first", "months", "last"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 27)),
        (date(2026, 3, 2), 12, date(2027, 3, 1)),
        (date(2028, 2, 29), 12, date(2029, 2, 27)),
    ],
)
def test_a_period_includes_its_first_and_last_day(first, months, last):
    assert period_of(first, months) == Period(first, last)


def test_a_month_later_is_at_most_the_last_day_of_that_month():
    assert add_months(date(2026, 1, 31), 1) == date(2026, 2, 28)
    assert period_of(MONDAY, 0) is None
