"""Whatever is done to what somebody has, in whatever order: nobody gets back more than was charged (CB-24 to CB-31)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import update

from app.audit.services import SYSTEM
from app.billing.models import Charge
from app.catalogue.models import BillingCycle, BillingType, Product, ProductType, RelationKind, Term
from app.changes.assets import NewAssetPrice, edit_asset_price, return_asset
from app.changes.price_edits import NewPriceEdit, edit_price
from app.changes.price_quotes import WantedPrice
from app.changes.renewals import bill_day, next_day
from app.core import db
from app.core.errors import DomainError
from app.core.ids import new_id
from app.orders.execution import process_work
from app.subscriptions.models import Asset, ChangeKind, ChangeTiming, Subscription, SubscriptionRole
from tenants.context import scope
from tenants.settings import distributor_settings
from tests.domain.changes.conftest import Desk
from tests.factories.execution import Wanted, make_order
from tests.factories.parts import make_sibling, relate
from tests.factories.subscriptions import Running
from tests.factories.world import make_entry

STEPS = 12
TIMINGS = (*(ChangeTiming.NOW,) * 5, ChangeTiming.PERIOD_END)
ONCE = {"term": Term.NONE, "cycle": BillingCycle.ONE_TIME}


@pytest.fixture
def premium(session, desk) -> Product:
    """What seats may become, and come back from."""
    product = make_sibling(session, desk.world, "Contoso Mail Premium", "15.00")
    relate(session, desk.world, RelationKind.UPGRADE, desk.world.seats, product)
    return product


@pytest.fixture
def backup(session, desk, premium) -> Product:
    """An add-on of both, by the month and by the year."""
    world = desk.world
    product = make_sibling(session, world, "Contoso Backup", "6.335", is_add_on=True)
    with scope(world.scope):
        make_entry(session, world.price_list, product, "60.00", term=Term.P1M, cycle=BillingCycle.ANNUAL)
        make_entry(session, world.price_list, premium, "150.00", term=Term.P1M, cycle=BillingCycle.ANNUAL)
        session.commit()
    for parent in (world.seats, premium):
        relate(session, world, RelationKind.ADD_ON, parent, product)
    return product


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


class History:
    """What happens to subscriptions of one account, day after day, by a draw that can be repeated."""

    def __init__(self, desk: Desk, draw: Random, premium: Product, backup: Product) -> None:
        self.desk, self.draw, self.premium, self.backup = desk, draw, premium, backup
        self.today, self.done = date(2026, 6, 1), 0

    def pass_days(self) -> None:
        """Let some days go by, each billed."""
        account = self.desk.world.direct.id
        until, day = self.today + timedelta(days=self.draw.randint(0, 12)), None
        while day := self.desk.do(next_day, account, until=until, after=day):
            self.desk.do(bill_day, account, day, at=noon(max(day, self.today)))
        self.today = until

    def act(self) -> None:
        """Do something to one of the subscriptions; what is refused changes nothing."""
        main = [each for each in self.desk.rows(Subscription) if each.role is SubscriptionRole.MAIN and each.is_live]
        if not main:
            return
        one = self.draw.choice(sorted(main, key=lambda each: each.code))
        common = (self._quantity, self._add_on, self._price, self._move)
        acts = (*common, *common, *common, self._cancel)
        try:
            self.draw.choice(acts)(one)
            self.done += 1
        except DomainError:
            db.session.rollback()

    def _submit(self, one: Subscription, kind: ChangeKind, **of: object) -> None:
        of = {"timing": self.draw.choice(TIMINGS), **of}
        self.desk.submit(Running(one.id, one.code), kind, at=noon(self.today), **of)

    def _quantity(self, one: Subscription) -> None:
        self._submit(one, ChangeKind.QUANTITY, quantity_to=self.draw.randint(1, 12))

    def _add_on(self, one: Subscription) -> None:
        self._submit(
            one, ChangeKind.ADD_ON, target_product_id=self.backup.id, quantity_to=self.draw.choice((0, 1, 3, 8))
        )

    def _price(self, one: Subscription) -> None:
        cycle = self.draw.choice((None, None, BillingCycle.ANNUAL))
        price = Decimal(self.draw.choice(("7.335", "10.00", "90.00")))
        edit = NewPriceEdit(
            subscription_id=one.id, wanted=WantedPrice(user_price=price, cycle=cycle),
            timing=self.draw.choice(TIMINGS), request_key=new_id(), may_go_below_cost=True,
        )  # fmt: skip
        self.desk.do(edit_price, edit, actor=SYSTEM, at=noon(self.today))

    def _move(self, one: Subscription) -> None:
        is_up = one.product_id == self.desk.world.seats.id
        self._submit(
            one, ChangeKind.UPGRADE if is_up else ChangeKind.DOWNGRADE,
            target_product_id=self.premium.id if is_up else self.desk.world.seats.id,
            quantity_to=self.draw.choice((0, 0, one.quantity // 2)),
        )  # fmt: skip

    def _cancel(self, one: Subscription) -> None:
        with scope(self.desk.world.scope):
            reason = distributor_settings().cancellation_reasons[0]
        self._submit(one, ChangeKind.CANCELLATION, reason=reason)


def nets(desk: Desk, key: Callable[[Charge], UUID | None]) -> Mapping[UUID | None, Decimal]:
    """Return what was charged less what came back, by what it was for."""
    found: dict[UUID | None, Decimal] = defaultdict(Decimal)
    for charge in desk.rows(Charge):
        found[key(charge)] += charge.net_amount
    return found


def uncovered(desk: Desk, day: date) -> list[str]:
    """Return what runs on a day outside its period, or in a period that nobody was charged for."""
    charges = [each for each in desk.rows(Charge) if each.net_amount > 0 and each.period_from and each.period_to]
    paid = {each.subscription_id for each in charges if each.period_from <= day <= each.period_to}
    return [
        each.code
        for each in desk.rows(Subscription)
        if each.is_live
        and (
            not each.period_from <= day <= each.period_to
            or (each.billing_type is BillingType.ON_START and each.id not in paid)
        )
    ]


@pytest.mark.parametrize("billing_type", list(BillingType))
@pytest.mark.parametrize("seed", range(3))
def test_no_subscription_gives_back_more_than_was_charged_or_runs_unbilled(desk, premium, backup, billing_type, seed):
    """CB-29: a refund never exceeds what was charged, over quantities, add-ons, prices, upgrades and ends."""
    is_charged = billing_type is BillingType.ON_START
    for quantity in (5, 3):
        desk.running(quantity=quantity, unit_cost="10.00", is_charged=is_charged, billing_type=billing_type)
    history = History(desk, Random(f"{seed}{billing_type}"), premium, backup)
    for step in range(STEPS):
        history.act()
        below = {key: net for key, net in nets(desk, lambda charge: charge.subscription_id).items() if net < 0}
        assert not below, f"step {step}, {history.today}"
        history.pass_days()
        assert uncovered(desk, history.today) == [], f"step {step}, {history.today}"
    assert history.done > 0


@pytest.mark.parametrize("seed", range(4))
def test_no_asset_gives_back_more_than_was_charged(desk, session, seed):
    """CB-31: prices edited and pieces returned in any order; returned as a whole it has cost nothing."""
    world, draw = desk.world, Random(seed)
    with scope(world.scope):
        session.execute(update(ProductType).values(return_days=30))
        session.commit()
    bought = Wanted(world.tool, 7, "3.335", **ONCE)
    placed = make_order(db.session, world, world.direct, world.direct_buyer, [bought], at=noon(date(2026, 6, 1)))
    work_id = placed.work.id
    db.session.remove()
    desk.do(process_work, work_id, at=noon(date(2026, 6, 1)))
    left = 7
    while left:
        (asset,) = desk.rows(Asset)
        if draw.random() < 0.5:
            price = WantedPrice(user_price=Decimal(draw.randint(1, 99_999)) / 10_000)
            edit = NewAssetPrice(code=asset.code, wanted=price, request_key=new_id(), may_go_below_cost=True)
            desk.do(edit_asset_price, edit, actor=SYSTEM, at=noon(date(2026, 6, 2)))
        else:
            pieces = draw.randint(1, left)
            desk.do(return_asset, asset.code, pieces, request_key=new_id(), actor=SYSTEM, at=noon(date(2026, 6, 3)))
            left -= pieces
        (net,) = nets(desk, lambda charge: charge.order_item_id).values()
        assert net >= 0
    assert net == 0
