"""The Billing tab of an account: what is pending, and invoices before their day (CB-32)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from http import HTTPStatus

import pytest

from app.billing.charges import NewCharge, add_charge
from app.billing.models import Charge, ChargeKind, ChargeState, Invoice
from app.core.ids import new_id
from app.subscriptions.periods import Period
from tenants.context import scope
from tests.factories.execution import all_of
from tests.factories.world import MONDAY_NOON


@pytest.fixture
def bss(world, sign_in):
    return sign_in(world.bss_user)


@pytest.fixture
def pending(session, world):
    """Let 37.10 of a direct customer wait for 1 April, and 5.00 to be given back."""
    with scope(world.scope):
        for amount, words in (("37.10", "Contoso Mail"), ("-5.00", "Seats less")):
            add_charge(
                world.direct,
                NewCharge(
                    source_key=f"test:{new_id()}", kind=ChargeKind.STUB, description=words, quantity=1,
                    unit_cost=Decimal(amount), net_amount=Decimal(amount), currency="EUR",
                    period=Period(date(2026, 3, 9), date(2026, 3, 31)), subscription_id=None, product_id=None,
                    bill_on=date(2026, 4, 1),
                ),
                at=MONDAY_NOON,
            )  # fmt: skip
        session.commit()


def test_pending_charges_are_shown_and_generated(bss, session, world, pending):
    """CB-F107 (partly): *Generate invoices* issues them before the date; nothing is left to bill on it."""
    address = f"/bss/accounts/{world.direct.id}/billing"
    shown = bss.get(address).get_data(as_text=True)
    assert "Contoso Mail" in shown
    assert "37.10" in shown

    answer = bss.post(address)

    assert answer.status_code == HTTPStatus.SEE_OTHER
    with scope(world.scope):
        assert {charge.state for charge in all_of(session, Charge)} == {ChargeState.INVOICED}
        papers = [(paper.kind.value, paper.number[:3], paper.net_total) for paper in all_of(session, Invoice)]
        assert papers == [("invoice", "INV", Decimal("37.10")), ("credit_note", "CN-", Decimal("5.00"))]
    assert "Nothing waits to be invoiced" in bss.get(address).get_data(as_text=True)


def test_generating_twice_issues_nothing_more(bss, session, world, pending):
    address = f"/bss/accounts/{world.direct.id}/billing"
    bss.post(address)
    bss.post(address)
    with scope(world.scope):
        assert len(all_of(session, Invoice)) == 2


def test_a_foreign_account_has_no_billing(bss):
    assert bss.get(f"/bss/accounts/{new_id()}/billing").status_code == HTTPStatus.NOT_FOUND


def test_a_billing_day_is_a_day_of_a_month(bss, session, world):
    address = f"/bss/accounts/{world.direct.id}/edit"
    shown = bss.get(address).get_data(as_text=True)
    assert "Billing day" in shown
    form = {
        "name": world.direct.name, "email": world.direct.email, "country": "GR", "currency": "EUR",
        "payment_method": "cash", "payment_days": "30", "billing_day_rule": "chosen", "billing_day": "32",
        "partial_charges": "billing_day", "ordering_enabled": "y",
    }  # fmt: skip
    answer = bss.post(address, data=form)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Enter a day from 1 to 31" in answer.get_data(as_text=True)
    bss.post(address, data={**form, "billing_day": "15"})
    with scope(world.scope):
        account = session.merge(world.direct)
        session.refresh(account)
        assert (account.billing_day, account.partial_charges.value) == (15, "billing_day")
