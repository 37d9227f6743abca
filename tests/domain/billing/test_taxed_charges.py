"""Whether a charge is taxed: as its product says until it is invoiced, as it was once it is (CB-02, CB-29, CB-38)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from app.accounts.models import PartialCharges
from app.audit.services import SYSTEM
from app.billing.charges import NewCharge, add_charges
from app.billing.credit import available_credit
from app.billing.documents import bill, generate
from app.billing.models import Charge, ChargeState, Invoice, InvoiceKind
from app.catalogue.models import Product
from app.catalogue.services import update_product
from app.changes.requests import NewChange, submit_change
from app.core.ids import new_id
from app.subscriptions.models import ChangeKind, Subscription
from tenants.context import scope
from tenants.settings import distributor_settings, save_distributor_settings
from tests.counting import statements_of
from tests.domain.catalogue.test_products import details_of
from tests.domain.renewals.conftest import Billing, noon
from tests.factories.execution import all_of
from tests.factories.world import make_world

JUNE_1, JUNE_10 = date(2026, 6, 1), date(2026, 6, 10)


@pytest.fixture
def billing(session, world) -> Billing:
    with scope(world.scope):
        save_distributor_settings(replace(distributor_settings(), tax_percent="20"))
        session.commit()
    return Billing(session, world)


def say(session, world, product: Product, *, is_taxable: bool) -> None:
    """Edit a product as its page does."""
    with scope(world.scope):
        found = session.get_one(Product, (world.id, product.id), populate_existing=True)
        wanted = details_of(found, is_taxable=is_taxable)
        update_product(found.id, wanted, version=found.version, actor=SYSTEM, at=noon(JUNE_1))
        session.commit()


def cancel(session, world, running: Subscription, day: date) -> None:
    with scope(world.scope):
        wanted = NewChange(
            subscription_id=running.id, kind=ChangeKind.CANCELLATION, request_key=new_id(), reason="Unused"
        )
        submit_change(wanted, actor=SYSTEM, at=noon(day))
        session.commit()


def taxes_on_papers(session, world) -> list[tuple[InvoiceKind, Decimal, Decimal]]:
    with scope(world.scope):
        return [(each.kind, each.net_total, each.tax_total) for each in all_of(session, Invoice)]


def owed(session, world, *charges: tuple[str, str, Product | None], **columns) -> None:
    """Let the direct customer owe amounts of products, by key."""
    with scope(world.scope):
        add_charges(
            world.direct,
            [
                NewCharge(
                    source_key=key, description=key, quantity=1, unit_cost=Decimal(net), net_amount=Decimal(net),
                    currency="EUR", period=None, subscription_id=None, product_id=product.id if product else None,
                    **columns,
                )
                for key, net, product in charges
            ],
            at=noon(JUNE_1),
        )  # fmt: skip
        session.commit()


def is_taxed(session, world) -> dict[str, bool]:
    with scope(world.scope):
        return {each.source_key: each.is_taxed for each in all_of(session, Charge)}


def charge_named(session, world, key: str) -> Charge:
    with scope(world.scope):
        return session.scalars(select(Charge).where(Charge.source_key == key)).one()


@pytest.mark.parametrize("was_taxable", [True, False])
def test_tax_comes_back_as_it_was_charged(session, world, billing, was_taxable):
    """CB-29, CB-38: 50.00 of June with 10.00 tax, ended on the 10th: 33.33 come back with 6.67, exempt since or not."""
    say(session, world, world.seats, is_taxable=was_taxable)
    running = billing.buy(JUNE_1, world.seats, 5)
    say(session, world, world.seats, is_taxable=not was_taxable)
    cancel(session, world, running, JUNE_10)
    tax, back = ("10.00", "6.67") if was_taxable else ("0.00", "0.00")
    assert taxes_on_papers(session, world) == [
        (InvoiceKind.INVOICE, Decimal("50.00"), Decimal(tax)),
        (InvoiceKind.CREDIT_NOTE, Decimal("33.33"), Decimal(back)),
    ]


def test_a_credit_that_waits_for_its_paper_keeps_the_tax_of_its_invoice(session, world, billing):
    """CB-29: given back with the next billing day, and the product exempt in between."""
    running = billing.buy(JUNE_1, world.seats, 5)
    billing.account(partial_charges=PartialCharges.BILLING_DAY)
    cancel(session, world, running, JUNE_10)
    say(session, world, world.seats, is_taxable=False)
    with scope(world.scope):
        assert available_credit(world.direct.id).estimates == Decimal("-40.00")
        (note,) = generate(world.direct.id, actor=SYSTEM, on=JUNE_10, at=noon(JUNE_10))
        assert (note.kind, note.net_total, note.tax_total) == (
            InvoiceKind.CREDIT_NOTE, Decimal("33.33"), Decimal("6.67"),
        )  # fmt: skip


def test_what_is_not_invoiced_yet_follows_its_product(session, world, billing, connection: Connection):
    """CB-38: the day of the invoice decides. Credits of it do so, too; another product, or none, stays."""
    owed(session, world, ("seats", "50.00", world.seats), ("suite", "30.00", world.suite), ("fee", "20.00", None))
    owed(session, world, ("credit", "-10.00", None), credits_id=charge_named(session, world, "seats").id)
    owed(session, world, ("usage", "10.00", world.seats), state=ChargeState.ESTIMATED)
    with scope(world.scope):
        assert available_credit(world.direct.id).estimates == Decimal("120.00")
    with statements_of(connection) as seen:
        say(session, world, world.seats, is_taxable=False)
    assert len([each for each in seen if each.startswith("UPDATE charges")]) == 1
    assert is_taxed(session, world) == {"seats": False, "suite": True, "fee": True, "credit": False, "usage": False}
    with scope(world.scope):
        assert available_credit(world.direct.id).estimates == Decimal("110.00")
        invoice, note = bill(world.direct, ["seats", "suite", "fee", "credit"], on=JUNE_1, at=noon(JUNE_1))
        assert (invoice.net_total, invoice.tax_total) == (Decimal("100.00"), Decimal("10.00"))
        assert (note.net_total, note.tax_total) == (Decimal("10.00"), Decimal("0.00"))


def test_another_edit_of_a_product_asks_nothing_of_charges(session, world, billing, connection: Connection):
    with statements_of(connection) as seen:
        say(session, world, world.seats, is_taxable=True)
    assert [each for each in seen if "charges" in each] == []


def test_another_distributors_charges_stay(session, world, billing):
    """A product's id in a charge of another distributor means nothing."""
    owed(session, world, ("ours", "50.00", world.seats))
    other = make_world(session, name="Other", host="cloud.other.example")
    with scope(other.scope):
        add_charges(
            other.direct,
            [
                NewCharge(
                    source_key="theirs", description="theirs", quantity=1, unit_cost=Decimal(1), net_amount=Decimal(1),
                    currency="EUR", period=None, subscription_id=None, product_id=world.seats.id,
                )
            ],
            at=noon(JUNE_1),
        )  # fmt: skip
        session.commit()
    say(session, world, world.seats, is_taxable=False)
    assert is_taxed(session, world) == {"ours": False}
    assert is_taxed(session, other) == {"theirs": True}


def test_available_credit_reads_pending_charges_from_their_table_alone(session, world, connection: Connection):
    """SF-30: it is asked under the lock of who pays, by every order."""
    owed(session, world, ("seats", "50.00", world.seats))
    with scope(world.scope), statements_of(connection) as seen:
        available_credit(world.direct.id)
    (of_charges,) = [each for each in seen if "charges" in each]
    assert [table for table in ("subscriptions", "order_items", "products", "JOIN") if table in of_charges] == []


def test_charging_many_things_is_one_statement(session, world, connection: Connection):
    with statements_of(connection) as seen:
        owed(session, world, *((f"{number}", "1.00", world.seats) for number in range(40)))
    assert len([each for each in seen if "charges" in each]) == 1


def test_a_charge_that_does_not_say_whether_it_is_taxed_is_refused(session, world):
    with scope(world.scope):
        session.add(
            Charge(
                reseller_id=None, account_id=world.direct.id, source_key="forgotten", state=ChargeState.PENDING,
                description="Forgotten", quantity=1, unit_cost=Decimal(1), net_amount=Decimal(1), currency="EUR",
                created_at=noon(JUNE_1),
            )
        )  # fmt: skip
        with pytest.raises(IntegrityError, match="is_taxed"):
            session.flush()
        session.rollback()
        assert all_of(session, Charge) == []
