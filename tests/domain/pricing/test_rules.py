"""Setting and removing markups and special prices, in the reseller's scope (RS-19, RS-20)."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from app.audit.models import AuditEvent
from app.audit.services import Actor
from app.catalogue.models import BillingCycle, Term
from app.core.errors import Invalid
from app.pricing.amounts import Period
from app.pricing.errors import RuleNotFound, TargetNotFound
from app.pricing.models import MarkupLevel, MarkupRule, SpecialPrice
from app.pricing.quotes import PriceKey
from app.pricing.rules import (
    MarkupTarget,
    UnitKey,
    clear_markup,
    list_markups,
    list_special_prices,
    remove_markup,
    remove_special_price,
    set_markup,
    set_special_price,
)
from tenants.context import scope
from tests.factories.pricing import seats_key
from tests.factories.world import MONDAY, MONDAY_NOON

MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))


@pytest.fixture
def who(world):
    return {"reseller_id": world.tech.id, "actor": Actor(world.tech.admin.id, "Rhea", world.tech.id), "at": MONDAY_NOON}


@pytest.fixture
def special(world, who):
    """Agree a special price of seats in the reseller's scope."""

    def agree(amount, *, key: PriceKey | None = None, currency="EUR", **changed):
        with scope(world.tech.scope):
            return set_special_price(
                key or seats_key(world), Decimal(amount), currency=currency, on=MONDAY, **who, **changed
            )

    return agree


def _count(session, model):
    return session.scalar(select(func.count()).select_from(model))


def test_every_level_can_be_set_and_cleared_and_the_next_one_answers(world, who, quote):
    customer, product = world.tech.customers[0].id, world.seats.id
    targets = [
        (MarkupTarget.default(), "5", "10.50"),
        (MarkupTarget.of_vendor("Contoso"), "10", "11.00"),
        (MarkupTarget.of_category(world.category.id), "20", "12.00"),
        (MarkupTarget.of_product(product), "25", "12.50"),
        (MarkupTarget.of_customer(customer), "15", "11.50"),
        (MarkupTarget.of_customer_product(customer, product), "14", "11.40"),
    ]
    for target, percent, expected in targets:
        with scope(world.tech.scope):
            set_markup(target, Decimal(percent), **who)
        assert quote(customer=customer).unit_price == Decimal(expected)
    for target, _percent, expected in reversed(targets):
        assert quote(customer=customer).unit_price == Decimal(expected)
        with scope(world.tech.scope):
            assert clear_markup(target, **who)
            assert not clear_markup(target, **who)
    assert quote(customer=customer).unit_price == Decimal("10.00")


def test_setting_a_markup_again_replaces_it(world, session, who):
    target = MarkupTarget.of_product(world.seats.id)
    with scope(world.tech.scope):
        first = set_markup(target, Decimal(25), **who)
        second = set_markup(target, Decimal(30), **who)
        assert first.id == second.id
        assert [rule.percent for rule in list_markups(target, reseller_id=world.tech.id)] == [Decimal(30)]


def test_a_markup_for_one_term_and_cycle_stands_beside_the_general_one(world, who, quote):
    target = MarkupTarget.of_product(world.seats.id)
    monthly = UnitKey(Term.P1M, BillingCycle.MONTHLY)
    with scope(world.tech.scope):
        set_markup(target, Decimal(30), only_for=monthly, **who)
        set_markup(target, Decimal(20), **who)
    assert quote().unit_price == Decimal("13.00")
    with scope(world.tech.scope):
        clear_markup(target, only_for=monthly, **who)
    assert quote().unit_price == Decimal("12.00")


def test_a_dated_markup_stands_above_the_lasting_one_and_dated_ones_do_not_overlap(world, session, who, quote):
    target = MarkupTarget.of_product(world.seats.id)
    with scope(world.tech.scope):
        set_markup(target, Decimal(10), period=MARCH, **who)
        set_markup(target, Decimal(25), **{**who, "at": MONDAY_NOON + timedelta(hours=1)})
    assert quote(on=date(2026, 3, 31)).unit_price == Decimal("11.00")
    assert quote(on=date(2026, 4, 1)).unit_price == Decimal("12.50")
    with scope(world.tech.scope):
        with pytest.raises(Invalid) as refusal:
            set_markup(target, Decimal(5), period=Period(date(2026, 3, 31)), **who)
        assert refusal.value.codes == ("overlap",)
        assert _count(session, MarkupRule) == 2


@pytest.mark.parametrize(("percent", "code"), [("-1", "min_0"), ("1000.01", "max_1000"), ("1.234", "decimals_2")])
def test_a_refused_markup_stores_nothing(world, session, who, percent, code):
    """RS-F52, CB-F125: a negative markup is refused."""
    with scope(world.tech.scope):
        with pytest.raises(Invalid) as refusal:
            set_markup(MarkupTarget.default(), Decimal(percent), **who)
        assert refusal.value.codes == (code,)
        assert _count(session, MarkupRule) == 0


def test_rules_are_only_for_what_the_reseller_has(world, session, who):
    theirs = world.cloudia.customers[0].id
    with scope(world.tech.scope):
        for target in (
            MarkupTarget.of_customer(theirs),
            MarkupTarget.of_customer(world.tech.id),
            MarkupTarget.of_product(theirs),
            MarkupTarget.of_category(theirs),
            MarkupTarget.of_vendor("Nobody"),
            MarkupTarget.of_vendor(""),
        ):
            with pytest.raises(TargetNotFound):
                set_markup(target, Decimal(5), **who)
        assert _count(session, MarkupRule) == 0


def test_a_rule_of_another_reseller_does_not_exist_for_us(world, session, who, rules):
    rule = rules.markup(MarkupLevel.DEFAULT, "5")
    price = rules.special(world.seats, "12.00")
    session.expunge_all()
    theirs = {**who, "reseller_id": world.cloudia.id}
    with scope(world.cloudia.scope):
        for remove, rule_id in ((remove_markup, rule.id), (remove_special_price, price.id)):
            with pytest.raises(RuleNotFound):
                remove(rule_id, **theirs)
            with pytest.raises(RuleNotFound):
                remove(rule_id, **who)
    with scope(world.tech.scope):
        assert (_count(session, MarkupRule), _count(session, SpecialPrice)) == (1, 1)
        remove_markup(rule.id, **who)
        remove_special_price(price.id, **who)
        assert (_count(session, MarkupRule), _count(session, SpecialPrice)) == (0, 0)


def test_a_special_price_below_cost_is_refused_and_the_message_shows_the_cost(world, session, special):
    """RS-F57: refused with `below_cost`; at cost it is taken."""
    with pytest.raises(Invalid) as refusal:
        special("9.99")
    assert refusal.value.codes == ("below_cost",)
    assert "10.00 EUR" in refusal.value.errors[0].message
    with scope(world.tech.scope):
        assert _count(session, SpecialPrice) == 0
    special("10.00")
    with scope(world.tech.scope):
        assert _count(session, SpecialPrice) == 1


def test_a_special_price_in_another_currency_is_refused(world, session, special):
    with pytest.raises(Invalid) as refusal:
        special("12.00", currency="USD")
    assert refusal.value.codes == ("currency",)


def test_a_special_price_of_what_is_not_available_is_refused(world, special):
    with pytest.raises(Invalid) as refusal:
        special("12.00", key=PriceKey(world.seats.id, Term.P3Y, BillingCycle.TRIENNIAL))
    assert refusal.value.codes == ("not_available",)


def test_special_prices_of_one_key_may_not_overlap(world, session, special):
    special("12.00", period=MARCH)
    for period in (Period(date(2026, 3, 31)), Period(None, date(2026, 3, 1)), Period()):
        with pytest.raises(Invalid) as refusal:
            special("11.00", period=period)
        assert refusal.value.codes == ("overlap",)
    special("11.00", period=Period(date(2026, 4, 1)))
    special("11.50", period=MARCH, customer_id=world.tech.customers[0].id)
    special("12.50", period=MARCH)
    with scope(world.tech.scope):
        everybody = list_special_prices(reseller_id=world.tech.id, customer_id=None)
        assert [price.amount for price in everybody] == [Decimal("12.50"), Decimal("11.00")]


def test_the_trail_tells_of_the_change_but_not_of_the_amount(world, session, who, special):
    with scope(world.tech.scope):
        set_markup(MarkupTarget.of_product(world.seats.id), Decimal("31.41"), **who)
    special("27.18")
    with scope(world.scope):
        events = session.scalars(select(AuditEvent).order_by(AuditEvent.action)).all()
        told = [event for event in events if event.action in ("markup.set", "special_price.set")]
        assert [event.target_kind for event in told] == ["markup_rule", "special_price"]
        assert all(event.actor_id == world.tech.admin.id for event in told)
        text = " ".join(str(event.after) + str(event.before) for event in told)
    assert "31.41" not in text
    assert "27.18" not in text
    assert str(world.seats.id) in text


def test_the_distributor_sees_no_markup_and_no_special_price(world, session, rules):
    """Decisions 3: rules are reseller-private."""
    rules.markup(MarkupLevel.DEFAULT, "5")
    rules.special(world.seats, "12.00")
    session.expunge_all()
    with scope(world.scope):
        assert (_count(session, MarkupRule), _count(session, SpecialPrice)) == (0, 0)
