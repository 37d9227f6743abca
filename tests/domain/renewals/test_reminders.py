"""Customers are told of a term's end, once for each distance, and of an expiry (CB-28)."""

from __future__ import annotations

from datetime import date

from app.catalogue.models import BillingCycle, Term
from app.changes.reminders import remind_of_renewals
from app.notifications.models import OutboundMail
from app.subscriptions.models import RenewalReminder, Subscription
from tenants.context import scope
from tests.domain.renewals.conftest import noon
from tests.factories.execution import all_of

JUNE_1 = date(2026, 6, 1)


def remind(session, world, day: date) -> int:
    with scope(world.scope):
        reminded = remind_of_renewals(day, at=noon(day))
        session.commit()
        return reminded


def mails(session, world, template: str) -> list[OutboundMail]:
    with scope(world.scope):
        return [mail for mail in all_of(session, OutboundMail) if mail.template == template]


def switch_off(session, world) -> None:
    with scope(world.scope):
        (subscription,) = all_of(session, Subscription)
        subscription.auto_renew = False
        session.commit()


def test_a_year_is_announced_30_7_and_1_days_before_and_once_each(billing, world, session):
    billing.buy(JUNE_1, world.suite, 1, "20.00", term=Term.P1Y, cycle=BillingCycle.MONTHLY)
    days = [date(2027, 5, 2), date(2027, 5, 25), date(2027, 5, 31)]
    assert [remind(session, world, day) for day in days] == [1, 1, 1]
    assert [remind(session, world, day) for day in days] == [0, 0, 0]
    assert remind(session, world, date(2027, 5, 10)) == 0
    sent = mails(session, world, "renewal_reminder")
    assert [mail.to_email for mail in sent] == [world.direct_buyer.email] * 3
    with scope(world.scope):
        assert [each.days_before for each in all_of(session, RenewalReminder)] == [30, 7, 1]


def test_a_month_is_announced_only_where_it_does_not_renew_by_itself(billing, world, session):
    billing.buy(JUNE_1, world.seats, 1)
    assert remind(session, world, date(2026, 6, 24)) == 0
    switch_off(session, world)
    assert remind(session, world, date(2026, 6, 24)) == 1
    assert remind(session, world, date(2026, 6, 1)) == 0


def test_an_expired_subscription_is_told_to_its_customer(billing, world, session):
    billing.buy(JUNE_1, world.seats, 1)
    switch_off(session, world)
    billing.pass_until(date(2026, 7, 1))
    (mail,) = mails(session, world, "subscription_expired")
    assert mail.to_email == world.direct_buyer.email
    assert mail.fields["expired_on"] == "2026-07-01"
