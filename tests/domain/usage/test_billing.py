"""What usage comes to on a paper, through upload, rating and the tick that ends a cycle."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from sqlalchemy import Connection, func, select

from app.billing.credit import available_credit
from app.billing.models import Charge, ChargeKind, ChargeState, Invoice, InvoiceLine
from app.billing.usage.leftovers import charge_left_usage
from app.billing.usage.models import ResourceKind, UsageRecord, UsageState
from app.billing.usage.rating import rate_period, usage_so_far
from app.changes.renewals import bill_day
from app.core.db import BoundSession, unit_of_work
from app.notifications.models import OutboundMail
from app.subscriptions.models import Subscription, SubscriptionStatus
from app.subscriptions.periods import Period
from tenants.settings import distributor_settings, save_distributor_settings
from tests.counting import locked_tables, statements_of
from tests.domain.usage.conftest import Metered, Upload, make_metered, set_rate
from tests.factories.world import World, make_entry, make_product
from workers.jobs.usage import charge_usage_of_ended, warn_of_missing_usage

JUNE = Period(date(2026, 6, 1), date(2026, 6, 30))
FIRST_OF_JULY = datetime(2026, 7, 1, 3, 0, tzinfo=UTC)


def subscription_of(session: BoundSession, metered: Metered) -> Subscription:
    return session.scalars(select(Subscription).where(Subscription.id == metered.running.id)).one()


def tick(world: World, day: date) -> list[tuple[str, Decimal]]:
    """Bill the direct customer's day; returns the invoice lines it made."""
    with unit_of_work() as session:
        billed = bill_day(world.direct.id, day, at=FIRST_OF_JULY)
        papers = [paper.id for paper in billed.papers]
        return [
            (row.description, row.net_amount)
            for row in session.scalars(
                select(InvoiceLine).where(InvoiceLine.invoice_id.in_(papers)).order_by(InvoiceLine.position)
            )
        ]


def states(session: BoundSession) -> list[UsageState]:
    session.expire_all()
    return list(session.scalars(select(UsageRecord.state).order_by(UsageRecord.row_number)))


def test_overage_is_billed_in_packs(session: BoundSession, world: World, metered: Metered, upload: Upload) -> None:
    """CB-F35, CB-F38: usage 2,300 of 2,000 GB with a 10 GB pack at 0.50 bills 15.00, only after the cycle's end."""
    set_rate(metered, "Traffic", "0.50", pack="10", included="2000")
    found = upload(metered.row("traffic", 2300))
    assert (found.rows_imported, found.rows_rejected, states(session)) == (1, 0, [UsageState.RATED])

    assert tick(world, date(2026, 6, 30)) == []
    assert session.scalar(select(func.count()).select_from(Invoice)) == 0

    assert tick(world, date(2026, 7, 1)) == [("Compute: Traffic 2300 GB", Decimal("15.0000"))]
    assert states(session) == [UsageState.BILLED]
    invoice = session.scalars(select(Invoice)).one()
    assert (invoice.net_total, invoice.issued_on) == (Decimal("15.00"), date(2026, 7, 1))
    charge = session.scalars(select(Charge).where(Charge.kind == ChargeKind.USAGE)).one()
    assert (charge.quantity, charge.unit_cost, charge.period_from, charge.period_to) == (
        30, Decimal("0.50"), date(2026, 6, 1), date(2026, 6, 30),
    )  # fmt: skip
    assert tick(world, date(2026, 7, 1)) == []


def test_hours_and_users(session: BoundSession, world: World, metered: Metered, upload: Upload) -> None:
    """CB-13: 730 h x 0.02 = 14.60; 12 users x 4.00 for 10 of 30 days = 16.00."""
    set_rate(metered, "Hours", "0.02")
    set_rate(metered, "Users", "4.00", kind=ResourceKind.ALLOCATED)
    upload(metered.row("Hours", 730), metered.row("Users", 12, "2026-06-11", "2026-06-20"))

    so_far = usage_so_far(subscription_of(session, metered))
    assert {(line.resource, line.net) for line in so_far.lines} == {
        ("Hours", Decimal("14.60")),
        ("Users", Decimal("16.00")),
    }
    assert sorted(tick(world, date(2026, 7, 1))) == [
        ("Compute: Hours 730 GB", Decimal("14.6000")),
        ("Compute: Users 12 GB", Decimal("16.0000")),
    ]


def test_the_running_cost_lowers_available_credit_until_it_is_billed(
    session: BoundSession, world: World, metered: Metered, upload: Upload
) -> None:
    """CB-13: running cost so far is shown on the subscription and feeds available credit (CB-39)."""
    set_rate(metered)
    upload(metered.row("Traffic", 100, "2026-06-01", "2026-06-10"))
    estimated = session.scalars(select(Charge).where(Charge.state == ChargeState.ESTIMATED)).one()
    assert estimated.net_amount == Decimal("50.00")
    first = available_credit(world.direct.id).estimates
    upload(metered.row("Traffic", 20, "2026-06-11", "2026-06-20"))
    session.expire_all()
    assert usage_so_far(subscription_of(session, metered)).total == Decimal("60.00")
    assert available_credit(world.direct.id).estimates == first / 50 * 60

    tick(world, date(2026, 7, 1))

    assert session.scalar(select(func.count()).where(Charge.state == ChargeState.ESTIMATED)) == 0
    assert available_credit(world.direct.id).estimates == 0
    assert usage_so_far(subscription_of(session, metered)).lines == []


def test_rating_twice_charges_once(session: BoundSession, metered: Metered, upload: Upload) -> None:
    set_rate(metered)
    upload(metered.row("Traffic", 100))
    subscription = subscription_of(session, metered)
    with unit_of_work():
        first = rate_period(subscription, JUNE, at=FIRST_OF_JULY)
        second = rate_period(subscription, JUNE, at=FIRST_OF_JULY)
    assert ([each.net_amount for each in first], second) == ([Decimal("50.00")], [])


def test_late_rows_are_on_the_next_invoice_with_their_days(
    session: BoundSession, world: World, metered: Metered, upload: Upload
) -> None:
    """CB-13: late rows are accepted into the next invoice, labelled with their period."""
    set_rate(metered, "Traffic", "0.50", pack="10", included="2000")
    upload(metered.row("Traffic", 2300, "2026-06-01", "2026-06-20"))
    tick(world, date(2026, 7, 1))
    upload(
        metered.row("Traffic", 5, "2026-06-21", "2026-06-30"), metered.row("Traffic", 40, "2026-07-01", "2026-07-05")
    )
    assert states(session).count(UsageState.RATED) == 2

    lines = tick(world, date(2026, 8, 1))

    assert [(text, net) for text, net in lines if net] == [
        ("Compute: Traffic 2305 GB, 1 Jun 2026 – 30 Jun 2026", Decimal("0.5000"))
    ]
    assert states(session) == [UsageState.BILLED] * 3


def test_a_correction_bills_the_difference(
    session: BoundSession, world: World, metered: Metered, upload: Upload
) -> None:
    """CB-13: a billed row is refused; the difference goes as a correction row, up or down."""
    set_rate(metered, "Users", "4.00", kind=ResourceKind.ALLOCATED)
    set_rate(metered, "Traffic")
    upload(metered.row("Users", 12, "2026-06-01", "2026-06-15"), metered.row("Traffic", 100))
    assert sum(net for _, net in tick(world, date(2026, 7, 1))) == Decimal(74)

    found = upload(
        metered.row("Users", -3, "2026-06-01", "2026-06-15", correction="yes"),
        metered.row("Traffic", 10, correction="yes"),
        metered.row("Traffic", 10, "2026-06-02", "2026-06-03", correction="yes"),
    )
    assert (found.rows_imported, found.rows_rejected) == (2, 1)
    tick(world, date(2026, 8, 1))

    late = session.execute(
        select(Charge.net_amount).where(Charge.kind == ChargeKind.USAGE, Charge.source_key.like("%20260601:2"))
    )
    assert sorted(row.net_amount for row in late) == [Decimal("-6.0000"), Decimal("5.0000")]


def test_nothing_reported_is_billed_as_nothing_and_told(
    session: BoundSession, world: World, metered: Metered, upload: Upload
) -> None:
    """CB-13: no usage at cycle end: warn the billing people, bill 0.00, accept late rows into the next invoice."""
    set_rate(metered)
    tick(world, date(2026, 7, 1))
    charge = session.scalars(select(Charge).where(Charge.kind == ChargeKind.USAGE)).one()
    assert (charge.net_amount, charge.description) == (Decimal(0), "Compute: no usage reported")
    mail = session.scalars(select(OutboundMail).where(OutboundMail.template == "usage_missing")).one()
    assert mail.fields["subscription_code"] == metered.running.code

    upload(metered.row("Traffic", 8), metered.row("Traffic", 1, "2026-07-01", "2026-07-31"))
    assert sorted(net for _, net in tick(world, date(2026, 8, 1))) == [Decimal("0.5"), Decimal(4)]


def test_missing_usage_is_told_three_days_before_the_end(
    session: BoundSession, metered: Metered, upload: Upload
) -> None:
    """CB-13: usage missing 3 days before cycle end; told once."""
    set_rate(metered)

    def told(day: int) -> int:
        with unit_of_work():
            warn_of_missing_usage(datetime(2026, 6, day, 10, 0, tzinfo=UTC))
        return session.scalar(select(func.count()).where(OutboundMail.template == "usage_missing")) or 0

    assert (told(26), told(27), told(27), told(28)) == (0, 1, 1, 1)
    upload(metered.row("Traffic", 1))


def test_reported_usage_is_not_missing(session: BoundSession, metered: Metered, upload: Upload) -> None:
    set_rate(metered)
    upload(metered.row("Traffic", 1))
    with unit_of_work():
        warn_of_missing_usage(datetime(2026, 6, 27, 10, 0, tzinfo=UTC))
    assert session.scalar(select(func.count()).where(OutboundMail.template == "usage_missing")) == 0


def test_the_payers_price_of_the_add_on_counts(
    session: BoundSession, world: World, metered: Metered, upload: Upload
) -> None:
    """CB-13: the excess is billed through the related add-on; its price is what the price lists say for the payer."""
    pack = make_product(session, world.product_type, "10 GB pack", list_price="0.80", is_add_on=True)
    make_entry(session, world.price_list, pack, "0.60")
    session.commit()
    set_rate(metered, "Traffic", None, pack="10", included="2000", add_on=pack)
    upload(metered.row("Traffic", 2300))
    assert tick(world, date(2026, 7, 1)) == [("Compute: Traffic 2300 GB", Decimal("18.0000"))]


def test_usage_priced_by_an_add_on_is_taxed_as_the_add_on(
    session: BoundSession, world: World, metered: Metered, upload: Upload
) -> None:
    """CB-02, CB-13: 18.00 of an exempt add-on and 5.00 of the product bear 1.00 at 20 %, running and on the invoice."""
    save_distributor_settings(replace(distributor_settings(), tax_percent="20"))
    pack = make_product(
        session, world.product_type, "Pack", list_price="0.60", is_add_on=True, is_taxable=False, tax_code="EX"
    )
    make_entry(session, world.price_list, pack, "0.60")
    session.commit()
    set_rate(metered, "Traffic", None, pack="10", included="2000", add_on=pack)
    set_rate(metered, "Calls", "0.50")
    upload(metered.row("Traffic", 2300), metered.row("Calls", 10))
    assert available_credit(world.direct.id).estimates == Decimal("24.00")

    assert len(tick(world, date(2026, 7, 1))) == 2
    invoice = session.scalars(select(Invoice)).one()
    assert (invoice.net_total, invoice.tax_total) == (Decimal("23.00"), Decimal("1.00"))
    assert set(session.scalars(select(InvoiceLine.tax_code))) == {"EX", None}


def test_usage_without_a_price_waits(session: BoundSession, world: World, metered: Metered, upload: Upload) -> None:
    """CB-13: Imported until there is a price, then Rated."""
    charge = set_rate(metered, currency="USD")
    upload(metered.row("Traffic", 100))
    assert states(session) == [UsageState.IMPORTED]
    assert [net for _, net in tick(world, date(2026, 7, 1))] == []
    charge = session.merge(charge)
    charge.currency = "EUR"
    session.commit()
    assert [net for _, net in tick(world, date(2026, 8, 1)) if net] == [Decimal("50.0000")]


def test_usage_of_a_suspended_or_ending_subscription_is_billed(
    session: BoundSession, world: World, upload: Upload
) -> None:
    """CB-F38: also the last cycle of a subscription that is not renewed."""
    ending = make_metered(session, world, "Ending", auto_renew=False, renews_on=date(2026, 7, 1))
    set_rate(ending)
    upload(ending.row("Traffic", 10))
    assert tick(world, date(2026, 7, 1)) == [("Ending: Traffic 10 GB", Decimal("5.0000"))]


def test_usage_of_a_canceled_subscription_is_billed_when_its_cycle_is_over(
    session: BoundSession, world: World, upload: Upload
) -> None:
    """CB-F38: canceled within a cycle, invoiced after its end; what comes later too."""
    ended = make_metered(session, world, "Ended", status=SubscriptionStatus.CANCELED)
    set_rate(ended)
    upload(ended.row("Traffic", 10, "2026-06-01", "2026-06-20"))

    def charged(day: int, month: int) -> list[Decimal]:
        with unit_of_work():
            charge_usage_of_ended(datetime(2026, month, day, 6, 0, tzinfo=UTC))
        return [net for _, net in tick(world, date(2026, month, day))]

    assert charged(30, 6) == []
    assert charged(1, 7) == [Decimal("5.0000")]
    assert charged(2, 7) == []
    upload(ended.row("Traffic", 3, "2026-06-21", "2026-06-30"))
    assert charged(9, 7) == [Decimal("1.5000")]
    assert states(session) == [UsageState.BILLED] * 2


def test_payers_of_left_usage_are_locked_before_their_subscriptions(
    connection: Connection, session: BoundSession, world: World, upload: Upload
) -> None:
    """GO-02: everybody locks the payer first, so nobody waits in a ring."""
    ended = make_metered(session, world, "Ended", status=SubscriptionStatus.CANCELED)
    set_rate(ended)
    upload(ended.row("Traffic", 10, "2026-06-01", "2026-06-20"))
    with statements_of(connection) as statements, unit_of_work():
        assert charge_left_usage(on=date(2026, 7, 1), at=datetime(2026, 7, 1, 6, 0, tzinfo=UTC)) == 1
    assert locked_tables(statements)[:2] == ["accounts", "subscriptions"]


def test_overage_of_a_prepaid_product_is_billed_after_the_cycle(
    session: BoundSession, world: World, upload: Upload
) -> None:
    """CB-13, overage: the subscription is paid in advance, what exceeds its quota afterwards."""
    from app.catalogue.models import BillingType  # noqa: PLC0415 - one test's need

    prepaid = make_metered(session, world, "Prepaid", billing_type=BillingType.ON_START)
    set_rate(prepaid, included="100")
    upload(prepaid.row("Traffic", 104))
    lines = tick(world, date(2026, 7, 1))
    assert ("Prepaid: Traffic 104 GB", Decimal("2.0000")) in lines
    assert session.scalar(select(func.count()).where(OutboundMail.template == "usage_missing")) == 0
