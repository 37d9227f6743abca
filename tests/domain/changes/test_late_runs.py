"""A billing run that comes days late bills what one on time would have billed, then the changes as they happened (CB-32)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random

import pytest
from sqlalchemy import update

from app.accounts.models import Account, PartialCharges
from app.audit.services import SYSTEM
from app.billing.models import Charge, Invoice
from app.catalogue.models import BillingCycle, BillingType, Product, ProductType, RelationKind, Term
from app.catalogue.refunds import PRESETS
from app.changes.errors import RenewalDue
from app.changes.price_edits import NewPriceEdit, edit_price
from app.changes.price_quotes import WantedPrice
from app.changes.renewals import bill_day, next_day
from app.changes.requests import withdraw_change
from app.changes.switches import set_auto_renew
from app.core import db
from app.core.errors import DomainError, Invalid
from app.core.ids import new_id
from app.orders.execution import process_work
from app.pricing.models import PriceListAssignment
from app.subscriptions.models import ChangeKind, ChangeTiming, Subscription
from tenants.context import direct_customer_scope, scope
from tenants.settings import distributor_settings
from tests.domain.changes.conftest import STAFF, Desk
from tests.factories.execution import Wanted, make_order
from tests.factories.parts import make_sibling, relate
from tests.factories.subscriptions import Running
from tests.factories.world import MONDAY_NOON

JUNE_10, JULY_1, JULY_3, JULY_5 = date(2026, 6, 10), date(2026, 7, 1), date(2026, 7, 3), date(2026, 7, 5)
YEARLY_BY_MONTH = {"term": Term.P1Y, "cycle": BillingCycle.MONTHLY}
SEEDS, STEPS, LAST_DAY = 5, 8, date(2026, 11, 20)
ARREARS: dict[str, object] = {"billing_type": BillingType.ON_END, "is_charged": False}
STARTS: dict[str, dict[str, object]] = {
    "by the month": {},
    "by the year, monthly": dict(YEARLY_BY_MONTH),
    "from the 31st": {"period": (date(2026, 5, 31), date(2026, 6, 29)), "anchor_day": 31},
    "in arrears": ARREARS,
}
NIGHT, NOON = time(2), time(12)

Act = Callable[["Player"], None]
Steps = list[tuple[date, Act]]


def instant(day: date, hour: time = NOON) -> datetime:
    return datetime.combine(day, hour, UTC)


@dataclass
class Player:
    """One account whose story is told: billed each night, or only once everything has happened."""

    desk: Desk
    account: Account
    is_late: bool
    products: dict[str, Product] = field(default_factory=dict)
    today: date = date(2026, 6, 1)
    refusals: list[str] = field(default_factory=list)

    @property
    def at(self) -> datetime:
        return instant(self.today)

    def play(self, steps: Steps, until: date) -> None:
        for day, act in steps:
            self.today = day
            if not self.is_late:
                self.bill(day)
            try:
                act(self)
            except DomainError as refusal:
                db.session.rollback()
                self.refusals.append(refusal.code)
        self.today = until
        self.bill(until)

    def bill(self, until: date) -> None:
        """Bill what is due as the worker does: on time in the night of each day, late at noon of the last one."""
        day = None
        while day := self.desk.do(next_day, self.account.id, until=until, after=day):
            self.desk.do(bill_day, self.account.id, day, at=self.at if self.is_late else instant(day, NIGHT))

    def subscriptions(self) -> list[Subscription]:
        return [each for each in self.desk.rows(Subscription) if each.account_id == self.account.id]

    def running(self, number: int = 0) -> Running:
        found = self.subscriptions()[number]
        return Running(found.id, found.code)

    def ask(self, kind: ChangeKind, number: int = 0, **of: object) -> None:
        self.desk.submit(self.running(number), kind, at=self.at, **of)

    def outcome(self) -> tuple[object, ...]:
        """Return what it came to: charges, papers, what runs how, and what was refused."""
        numbers = {each.id: number for number, each in enumerate(self.subscriptions())}
        charges = Counter(
            (numbers[each.subscription_id], each.kind, each.net_amount, each.quantity, each.period_from, each.period_to)
            for each in self.desk.rows(Charge)
            if each.account_id == self.account.id
        )
        papers = Counter(
            (each.issued_on, each.kind, each.net_total)
            for each in self.desk.rows(Invoice)
            if each.account_id == self.account.id
        )
        states = [
            (each.status, each.quantity, each.unit_price, each.period_from, each.period_to, each.renews_on)
            for each in self.subscriptions()
        ]
        return charges, papers, states, self.refusals

    def nets(self) -> list[tuple[str, str]]:
        """Return kind and net amount of what was charged after the first period, oldest day first."""
        found = [each for each in self.desk.rows(Charge) if each.account_id == self.account.id]
        later = [each for each in found if each.period_from is None or each.period_from >= JULY_1]
        return [(each.kind.value, f"{each.net_amount:.2f}") for each in later]


def twin_of(session, world) -> Account:
    """Insert an account that is like the world's direct customer, and buys by the same list."""
    with scope(world.scope):
        values = {c.name: getattr(world.direct, c.name) for c in Account.__table__.columns if c.name != "id"}
        twin = Account(id=new_id(), **{**values, "code": "AC-TWIN", "email": "office@twin.example"})
        session.add(twin)
        session.flush()
        session.add(
            PriceListAssignment(
                payer_id=twin.id, price_list_id=world.price_list.id, priority=1, assigned_at=MONDAY_NOON
            )
        )
        session.commit()
        session.refresh(twin)
        session.expunge(twin)
    return twin


@pytest.fixture
def products(session, desk) -> dict[str, Product]:
    """What seats may become, and what is added to both."""
    premium = make_sibling(session, desk.world, "Contoso Mail Premium", "15.00")
    backup = make_sibling(session, desk.world, "Contoso Backup", "6.335", is_add_on=True)
    relate(session, desk.world, RelationKind.UPGRADE, desk.world.seats, premium)
    for parent in (desk.world.seats, premium):
        relate(session, desk.world, RelationKind.ADD_ON, parent, backup)
    return {"premium": premium, "backup": backup}


@pytest.fixture
def twins(session, desk, products) -> tuple[Player, Player]:
    """Two customers alike; the first is billed each night, the second once, late."""
    late = twin_of(session, desk.world)
    return Player(desk, desk.world.direct, False, products), Player(desk, late, True, products)


def quantity(to: int, timing: ChangeTiming = ChangeTiming.NOW) -> Act:
    return lambda player: player.ask(ChangeKind.QUANTITY, quantity_to=to, timing=timing)


def cancel(timing: ChangeTiming = ChangeTiming.NOW, on: date | None = None) -> Act:
    def act(player: Player) -> None:
        with scope(player.desk.world.scope):
            reason = distributor_settings().cancellation_reasons[0]
        player.ask(ChangeKind.CANCELLATION, reason=reason, timing=timing, effective_on=on)

    return act


def price(to: str, timing: ChangeTiming = ChangeTiming.NOW, cycle: BillingCycle | None = None) -> Act:
    def act(player: Player) -> None:
        edit = NewPriceEdit(
            subscription_id=player.running().id, wanted=WantedPrice(user_price=Decimal(to), cycle=cycle),
            timing=timing, request_key=new_id(), may_go_below_cost=True,
        )  # fmt: skip
        player.desk.do(edit_price, edit, actor=SYSTEM, at=player.at)

    return act


def switch(kind: ChangeKind) -> Act:
    return lambda player: player.ask(kind)


def auto_renew(*, is_on: bool) -> Act:
    return lambda player: player.desk.do(set_auto_renew, player.running().id, is_on=is_on, actor=STAFF, at=player.at)


def add_on(to: int, timing: ChangeTiming = ChangeTiming.NOW) -> Act:
    return lambda player: player.ask(
        ChangeKind.ADD_ON, target_product_id=player.products["backup"].id, quantity_to=to, timing=timing
    )


def upgrade(stays: int, timing: ChangeTiming = ChangeTiming.NOW) -> Act:
    return lambda player: player.ask(
        ChangeKind.UPGRADE, target_product_id=player.products["premium"].id, quantity_to=stays, timing=timing
    )


def order(more: int) -> Act:
    def act(player: Player) -> None:
        desk, world = player.desk, player.desk.world
        wanted = Wanted(world.seats, more, "10.00", columns={"subscription_id": player.running().id})
        placed = make_order(db.session, world, player.account, world.direct_buyer, [wanted], at=player.at)
        work_id = placed.work.id
        db.session.remove()
        desk.do(process_work, work_id, at=player.at)

    return act


def requested(to: int, looked_at: date) -> Act:
    """A customer asks for fewer; the job looks at it days later."""

    def act(player: Player) -> None:
        where = direct_customer_scope(player.desk.world.id, player.account.id)
        asked = player.desk.submit(
            player.running(), ChangeKind.QUANTITY, quantity_to=to, at=player.at, where=where, is_from_storefront=True
        )
        if not player.is_late:
            player.bill(looked_at)
        player.desk.look(asked, at=instant(looked_at))

    return act


NEXT = ChangeTiming.PERIOD_END
STORIES: dict[str, tuple[dict[str, object], Steps, date]] = {
    "more": ({}, [(JULY_3, quantity(8))], JULY_5),
    "fewer": ({}, [(JULY_3, quantity(2))], JULY_5),
    "more on the first day": ({}, [(JULY_1, quantity(8))], JULY_5),
    "fewer on the first day": ({}, [(JULY_1, quantity(2))], JULY_5),
    "more, then fewer": ({}, [(date(2026, 7, 2), quantity(9)), (JULY_3, quantity(4))], JULY_5),
    "ordered": ({}, [(JULY_3, order(3))], JULY_5),
    "canceled": ({}, [(JULY_3, cancel())], JULY_5),
    "canceled for a day before": ({}, [(JULY_5, cancel(ChangeTiming.ON_DATE, JULY_3))], date(2026, 7, 8)),
    "canceled for the end": ({}, [(JULY_3, cancel(NEXT))], date(2026, 8, 4)),
    "canceled for the end, in arrears": (ARREARS, [(JUNE_10, cancel(NEXT))], JULY_5),
    "upgraded for the end": ({}, [(JUNE_10, upgrade(0, NEXT)), (JULY_3, quantity(8))], JULY_5),
    "canceled within hours": ({"refund_policy": "nce"}, [(JULY_3, cancel())], JULY_5),
    "another price": ({}, [(JULY_3, price("8.00"))], JULY_5),
    "another price next": ({}, [(JULY_3, price("8.00", NEXT))], date(2026, 8, 4)),
    "a longer cycle": ({}, [(JULY_3, price("90.00", cycle=BillingCycle.ANNUAL))], JULY_5),
    "suspended": ({}, [(JULY_3, switch(ChangeKind.SUSPENSION))], JULY_5),
    "active again": (
        {},
        [(JUNE_10, switch(ChangeKind.SUSPENSION)), (JULY_3, switch(ChangeKind.ACTIVATION))],
        date(2026, 8, 2),
    ),
    "suspended for months": (
        {},
        [(JUNE_10, switch(ChangeKind.SUSPENSION)), (date(2026, 8, 20), switch(ChangeKind.ACTIVATION))],
        date(2026, 9, 2),
    ),
    "asked before the end": ({}, [(JUNE_10, quantity(3, NEXT)), (JULY_3, quantity(6))], JULY_5),
    "asked after the end": ({}, [(JULY_3, quantity(3, NEXT))], date(2026, 8, 4)),
    "asked by the customer": ({}, [(JULY_3, requested(3, JULY_5))], date(2026, 7, 8)),
    "asked before, looked at after": ({}, [(date(2026, 6, 29), requested(3, JULY_3))], JULY_5),
    "renewal off in time": ({}, [(JUNE_10, auto_renew(is_on=False)), (JULY_3, quantity(8))], JULY_5),
    "renewal off too late": ({}, [(JULY_3, auto_renew(is_on=False))], date(2026, 8, 4)),
    "renewal on too late": ({}, [(JUNE_10, auto_renew(is_on=False)), (JULY_3, auto_renew(is_on=True))], JULY_5),
    "an add-on": ({}, [(JULY_3, add_on(3))], JULY_5),
    "fewer of an add-on": ({}, [(JUNE_10, add_on(8)), (JULY_3, add_on(3))], JULY_5),
    "no add-on": ({}, [(JUNE_10, add_on(8)), (JULY_3, add_on(0))], JULY_5),
    "upgraded": ({}, [(JULY_3, upgrade(0))], JULY_5),
    "upgraded in part": ({}, [(JULY_3, upgrade(2))], JULY_5),
    "months": (
        {},
        [(JULY_3, quantity(8)), (date(2026, 8, 20), quantity(3)), (date(2026, 9, 2), quantity(7))],
        date(2026, 10, 2),
    ),
    "month ends": (
        {"period": (date(2026, 1, 31), date(2026, 2, 27)), "anchor_day": 31},
        [(date(2026, 3, 1), quantity(7)), (date(2026, 4, 2), quantity(2))],
        date(2026, 5, 31),
    ),
    "instalments": (
        {**YEARLY_BY_MONTH, "unit_cost": "8.3333", "renews_on": date(2027, 6, 1)}, [], date(2027, 6, 3),
    ),
    "instalments, more": (
        {**YEARLY_BY_MONTH, "unit_cost": "8.3333"}, [(JULY_3, quantity(7))], date(2027, 5, 3),
    ),
    "more for the end, in arrears": (ARREARS, [(JUNE_10, quantity(9, NEXT)), (JULY_3, quantity(12))], date(2026, 8, 4)),
    "fewer for the end, in arrears": (ARREARS, [(JUNE_10, quantity(2, NEXT))], date(2026, 8, 4)),
    "in arrears": (
        ARREARS,
        [(JULY_3, quantity(8)), (date(2026, 8, 20), cancel())],
        date(2026, 9, 2),
    ),
}  # fmt: skip


def given(session, desk, *, partial: PartialCharges, **of_type: object) -> None:
    """Set what product types and accounts say."""
    with scope(desk.world.scope):
        session.execute(update(ProductType).values(**of_type))
        session.execute(update(Account).values(partial_charges=partial))
        session.commit()


@pytest.mark.parametrize("partial", list(PartialCharges), ids=lambda each: each.value)
@pytest.mark.parametrize("story", STORIES)
def test_what_happens_before_a_late_run_costs_what_it_had_cost_on_time(session, desk, twins, story, partial):
    """CB-F106 (partly): the same charges, on papers of the same days."""
    started, steps, until = STORIES[story]
    columns = dict(started)
    preset = str(columns.pop("refund_policy", "default"))
    given(session, desk, billed_while_suspended=False, refund_policy=PRESETS[preset].as_json(), partial=partial)
    for player in twins:
        desk.running(account=player.account, **columns)
        player.play(steps, until)
    on_time, late = twins
    assert late.outcome() == on_time.outcome()


def test_licences_added_before_a_late_run_cost_the_days_from_theirs(twins, desk):
    """CB-24, CB-32: five for July are 60.00; three more from 3 July are 36.00 x 29/31 = 33.68."""
    _, late = twins
    desk.running(account=late.account)
    late.play([(JULY_3, quantity(8))], JULY_5)
    assert late.nets() == [("recurring", "60.00"), ("quantity", "33.68")]


def test_what_is_canceled_before_a_late_run_is_charged_the_days_it_was_used(twins, desk):
    """CB-29, CB-32: July is 60.00, the 28 days after 3 July come back: 54.19; three days are billed."""
    _, late = twins
    desk.running(account=late.account)
    late.play([(JULY_3, cancel())], JULY_5)
    assert late.nets() == [("recurring", "60.00"), ("cancellation", "-54.19")]


def test_a_change_that_is_refused_opens_no_period(twins, desk):
    """CB-24: bad input changes nothing, neither the quantity nor what is billed."""
    _, late = twins
    running = desk.running(account=late.account)
    late.today = JULY_3
    with pytest.raises(Invalid):
        late.ask(ChangeKind.QUANTITY, quantity_to=0)
    db.session.rollback()
    assert late.nets() == []
    assert desk.subscription(running).period_to == date(2026, 6, 30)


def test_a_customer_neither_withdraws_nor_switches_what_has_begun(twins, desk):
    """CB-24, CB-28: the day has come, though the run has not: the request stands, and the term renews."""
    _, late = twins
    running = desk.running(account=late.account)
    where = direct_customer_scope(desk.world.id, late.account.id)
    waiting = desk.submit(running, ChangeKind.QUANTITY, quantity_to=3, timing=NEXT, at=instant(JUNE_10))
    with pytest.raises(RenewalDue):
        desk.do_in(where, withdraw_change, waiting.id, actor=STAFF, at=instant(JULY_3))
    db.session.rollback()
    late.today = JULY_5
    late.bill(JULY_5)
    assert desk.subscription(running).quantity == 3
    with pytest.raises(RenewalDue):
        desk.do_in(where, set_auto_renew, running.id, is_on=False, actor=STAFF, at=instant(date(2026, 8, 2)))
    db.session.rollback()
    assert desk.subscription(running).auto_renew is True


def drawn(draw: Random, columns: dict[str, object]) -> Steps:
    """Return what somebody does within some months, in any order."""
    timings = (*(ChangeTiming.NOW,) * 4, NEXT)
    cycles = (None, None, None, BillingCycle.ANNUAL) if "term" not in columns else (None,)
    acts: tuple[Callable[[], Act], ...] = (
        lambda: quantity(draw.randint(1, 12), draw.choice(timings)),
        lambda: quantity(draw.randint(1, 12), draw.choice(timings)),
        lambda: add_on(draw.choice((0, 1, 3, 8)), draw.choice(timings)),
        lambda: price(draw.choice(("7.335", "10.00", "90.00")), draw.choice(timings), draw.choice(cycles)),
        lambda: switch(draw.choice((ChangeKind.SUSPENSION, ChangeKind.ACTIVATION))),
        lambda: auto_renew(is_on=draw.choice((True, False))),
        lambda: upgrade(draw.choice((0, 0, 1)), draw.choice(timings)),
        lambda: order(draw.randint(1, 4)),
        lambda: cancel(draw.choice(timings)),
    )
    day, steps = date(2026, 6, 1), []
    for _ in range(STEPS):
        day += timedelta(days=draw.randint(0, 17))
        steps.append((day, draw.choice(acts)()))
    return steps


@pytest.mark.parametrize("columns", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_amounts_do_not_depend_on_when_the_run_comes(session, desk, twins, columns, seed):
    """CB-F106 (partly): billed each night or once at the end, any sequence of changes comes to the same."""
    draw = Random(f"{seed}{sorted(columns)}")
    policy = PRESETS[draw.choice(tuple(PRESETS))].as_json() if seed % 2 else None
    partial = draw.choice(list(PartialCharges))
    given(session, desk, billed_while_suspended=seed % 3 > 0, refund_policy=policy, partial=partial)
    steps = drawn(draw, columns)
    for player in twins:
        desk.running(account=player.account, **columns)
        player.play(steps, LAST_DAY)
    on_time, late = twins
    assert late.outcome() == on_time.outcome()
    assert len(on_time.refusals) < STEPS
