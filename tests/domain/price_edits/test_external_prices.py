from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from app.catalogue.models import ProductType
from app.changes.external_pricing import ask_before_renewals
from app.notifications.models import OutboundMail
from app.provisioning.models import ServiceManager
from app.subscriptions.external_prices import follow_vendor
from app.subscriptions.models import PriceLabel, Subscription, SubscriptionStatus
from app.subscriptions.price_models import ExternalPrice, ExternalPriceStatus
from tenants.context import scope
from tests.domain.price_edits.conftest import cost_of, noon
from tests.factories.execution import all_of
from tests.factories.world import MONDAY_NOON
from tests.fakes.connector import FakeConnector
from workers.connectors.base import ConnectorUnavailable
from workers.connectors.prices import PriceQuestion, TellsPrices
from workers.jobs import prices

BOUGHT = date(2026, 6, 1)
D = Decimal


class PriceTeller(FakeConnector):
    """A vendor in memory that tells prices, too."""

    def __init__(self) -> None:
        super().__init__()
        self.price: Decimal | None = D("8.25")
        self.asked: list[PriceQuestion] = []

    def price_of(self, asked: PriceQuestion) -> Decimal:
        self.asked.append(asked)
        if self.price is None:
            raise ConnectorUnavailable("The price service is down")
        return self.price


@pytest.fixture
def teller(monkeypatch) -> PriceTeller:
    found = PriceTeller()
    monkeypatch.setattr(prices, "CONNECTORS", {**prices.CONNECTORS, "fake": found.as_factory})
    return found


@pytest.fixture
def clock(monkeypatch):
    """The workers' clock; call it with an instant to set it."""
    now = [noon(BOUGHT)]
    monkeypatch.setattr(prices, "utc_now", lambda: now[0])

    def set_to(at: datetime) -> None:
        now[0] = at

    return set_to


@pytest.fixture
def external(session, world, billing) -> ExternalPrice:
    """Ten seats from 1 June at 9.00 whose price the vendor tells from now on."""
    billing.price(world.seats, "9.00")
    bought = billing.buy(BOUGHT, world.seats, 10)
    with scope(world.scope):
        manager = ServiceManager(name="Teller", kind="fake", created_at=MONDAY_NOON)
        session.add(manager)
        session.flush()
        session.get_one(ProductType, (world.id, world.product_type.id)).service_manager_id = manager.id
        subscription = session.get_one(Subscription, (world.id, bought.id))
        subscription.status = SubscriptionStatus.ACTIVE
        follow_vendor(subscription, at=noon(BOUGHT))
        session.commit()
    return as_it_is(session, world)


def as_it_is(session, world) -> ExternalPrice:
    with scope(world.scope):
        (found,) = all_of(session, ExternalPrice)
        session.expunge(found)
        return found


def fetch(world, external: ExternalPrice) -> None:
    prices.fetch_price(str(external.id), distributor_id=str(world.id))


def test_a_connector_may_tell_prices(teller):
    assert isinstance(teller, TellsPrices)
    assert not isinstance(FakeConnector(), TellsPrices)


def test_the_vendors_price_counts_from_the_next_period_on(session, world, billing, teller, clock, external):
    """CB-26: the price is fetched from the vendor at renewal; its status and instant are kept."""
    fetch(world, external)
    fetch(world, external)
    assert [asked.quantity for asked in teller.asked] == [10]  # told once, not asked again
    told = as_it_is(session, world)
    assert (told.status, told.unit_price, told.next_attempt_at) == (ExternalPriceStatus.SUCCESSFUL, D("8.25"), None)
    assert (cost_of(session, world).unit_cost, cost_of(session, world).label) == (D("9.00"), PriceLabel.EXTERNAL)
    billing.pass_until(date(2026, 7, 1))
    assert billing.papers()[-1] == (date(2026, 7, 1), "invoice", D("82.50"))


def test_it_is_asked_again_the_day_before_each_renewal(session, world, teller, clock, external):
    fetch(world, external)
    with scope(world.scope):
        assert ask_before_renewals(on=date(2026, 6, 28), at=noon(date(2026, 6, 28))) == 0
        assert ask_before_renewals(on=date(2026, 6, 29), at=noon(date(2026, 6, 29))) == 1
        session.commit()
    clock(noon(date(2026, 6, 29)))
    teller.price = D("7.75")
    fetch(world, external)
    with scope(world.scope):
        assert ask_before_renewals(on=date(2026, 6, 30), at=noon(date(2026, 6, 30))) == 0
    assert as_it_is(session, world).unit_price == D("7.75")


def test_a_failure_is_tried_again_each_hour_and_told_once_after_24(session, world, billing, teller, clock, external):
    """CB-26: the first failure's instant is not moved by retries; after 24 h the last known price is billed."""
    teller.price = None
    first = noon(BOUGHT)
    for hour in range(26):
        clock(first + timedelta(hours=hour))
        fetch(world, external)
    failed = as_it_is(session, world)
    assert (failed.status, failed.failure_reason) == (ExternalPriceStatus.FAILED, "The price service is down")
    assert (failed.failing_since, failed.next_attempt_at) == (first, None)
    assert len(teller.asked) == 25
    with scope(world.scope):
        mails = [mail for mail in all_of(session, OutboundMail) if mail.template == "external_price_failed"]
        assert [mail.to_email for mail in mails] == [world.bss_user.email.lower()]
    billing.pass_until(date(2026, 7, 1))
    assert billing.papers()[-1][2] == D("90.00")


@pytest.mark.parametrize("nonsense", [D("NaN"), D(-1), D(10) ** 8])
def test_nonsense_is_a_failure(session, world, teller, clock, external, nonsense):
    teller.price = nonsense
    fetch(world, external)
    failed = as_it_is(session, world)
    assert (failed.status, failed.unit_price) == (ExternalPriceStatus.FAILED, None)
    assert cost_of(session, world).unit_cost == D("9.00")


def test_who_cannot_tell_says_so(session, world, monkeypatch, clock, external):
    silent = FakeConnector()
    monkeypatch.setattr(prices, "CONNECTORS", {**prices.CONNECTORS, "fake": silent.as_factory})
    fetch(world, external)
    assert as_it_is(session, world).failure_reason == "The service manager does not tell prices"
