"""Which price a buyer sees, on real PostgreSQL with row security on (decisions section 6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from app.catalogue.models import BillingCycle, Category, ProductPrice, Term
from app.core.errors import NotFound
from app.core.ids import new_id
from app.pricing.arithmetic import Rounding
from app.pricing.models import MarkupLevel, PriceList, PriceListAssignment, PriceListEntry
from app.pricing.quotes import (
    BuyerPrice,
    PriceKey,
    PriceSource,
    alias_buyer,
    buyer_price,
    buyer_prices,
    explain_prices,
    root_buyer,
    root_visitor,
)
from tenants.context import direct_customer_scope, root_visitor_scope, scope
from tests.factories.pricing import seats_key, with_lists
from tests.factories.world import MONDAY, MONDAY_NOON, make_entry, make_product


def test_without_any_rule_the_cost_is_sold_with_no_markup(quote):
    price = quote()
    assert (price.unit_price, price.rule, price.rule_id, price.percent) == (
        Decimal("10.00"), PriceSource.DEFAULT_MARKUP, None, Decimal(0),
    )  # fmt: skip


def test_a_markup_of_25_percent_on_10_shows_12_50_to_customers(world, rules):
    """RS-F51: in the end customer's own scope."""
    rules.markup(MarkupLevel.PRODUCT, "25", product_id=world.seats.id)
    with scope(with_lists(world.tech.customer_scope(), world.tech.id)):
        buyer = alias_buyer(world.tech.id, world.tech.customers[0].id, MONDAY)
        assert buyer_price(seats_key(world), buyer) == BuyerPrice(Decimal("12.50"), "EUR", None)


def test_first_hit_of_eight_levels_wins(world, rules, quote, session):
    """RS-F55, RS-F56: each level added beats all below it, for this customer alone where it names one."""
    customer = world.tech.customers[0].id
    seats = world.seats
    steps = [
        (lambda: rules.markup(MarkupLevel.DEFAULT, "5"), PriceSource.DEFAULT_MARKUP, "10.50"),
        (lambda: rules.markup(MarkupLevel.VENDOR, "10", vendor="Contoso"), PriceSource.VENDOR_MARKUP, "11.00"),
        (
            lambda: rules.markup(MarkupLevel.CATEGORY, "20", category_id=world.category.id),
            PriceSource.CATEGORY_MARKUP,
            "12.00",
        ),
        (lambda: rules.markup(MarkupLevel.PRODUCT, "25", product_id=seats.id), PriceSource.PRODUCT_MARKUP, "12.50"),
        (lambda: rules.special(seats, "12.10"), PriceSource.PRODUCT_SPECIAL, "12.10"),
        (lambda: rules.markup(MarkupLevel.CUSTOMER, "15", customer_id=customer), PriceSource.CUSTOMER_MARKUP, "11.50"),
        (
            lambda: rules.markup(MarkupLevel.CUSTOMER_PRODUCT, "14", customer_id=customer, product_id=seats.id),
            PriceSource.CUSTOMER_PRODUCT_MARKUP,
            "11.40",
        ),
        (
            lambda: rules.special(seats, "11.20", customer_id=customer),
            PriceSource.CUSTOMER_PRODUCT_SPECIAL,
            "11.20",
        ),
    ]
    for add, source, expected in steps:
        added = add()
        price = quote(customer=customer)
        assert (price.rule, price.unit_price, price.rule_id) == (source, Decimal(expected), added.id)
    everybody = quote()
    other = quote(customer=world.tech.customers[1].id)
    assert everybody.unit_price == other.unit_price == Decimal("12.10")
    assert everybody.rule is other.rule is PriceSource.PRODUCT_SPECIAL
    assert quote(world.suite, customer=customer).unit_price == Decimal("23.00")


def test_customer_markup_is_for_that_customer_only(world, rules, quote):
    """RS-F55: X with 15 % pays 11.50, everybody else 12.50."""
    rules.markup(MarkupLevel.PRODUCT, "25", product_id=world.seats.id)
    rules.markup(MarkupLevel.CUSTOMER, "15", customer_id=world.tech.customers[0].id)
    assert quote(customer=world.tech.customers[0].id).unit_price == Decimal("11.50")
    assert quote(customer=world.tech.customers[1].id).unit_price == Decimal("12.50")
    assert quote().unit_price == Decimal("12.50")


def test_special_price_of_a_customer_beats_its_markups(world, rules, quote):
    """RS-F56: 11.20 beats product and customer markup."""
    customer = world.tech.customers[0].id
    rules.markup(MarkupLevel.PRODUCT, "25", product_id=world.seats.id)
    rules.markup(MarkupLevel.CUSTOMER, "15", customer_id=customer)
    rules.markup(MarkupLevel.CUSTOMER_PRODUCT, "30", customer_id=customer, product_id=world.seats.id)
    rules.special(world.seats, "11.20", customer_id=customer)
    assert quote(customer=customer).unit_price == Decimal("11.20")


def test_a_changed_cost_changes_the_price_without_anybody_doing_anything(world, rules, quote, session):
    """RS-F53: cost 10.00 → 11.50 at 25 % shows 14.38."""
    rules.markup(MarkupLevel.PRODUCT, "25", product_id=world.seats.id)
    assert quote().unit_price == Decimal("12.50")
    _set_cost(world, session, "11.50")
    price = quote()
    assert (price.before_rounding, price.unit_price) == (Decimal("14.375"), Decimal("14.38"))


def test_nothing_is_sold_below_cost_when_the_cost_climbs_above_a_special_price(world, rules, quote, session):
    """RS-F58: the customer then pays the cost, never less."""
    rules.special(world.seats, "11.20")
    assert not quote().floor_applied
    _set_cost(world, session, "11.50")
    price = quote()
    assert (price.unit_price, price.floor_applied) == (Decimal("11.50"), True)


def test_rounding_applies_to_markups_and_not_to_special_prices(world, rules, quote, session):
    """RS-F60: 14.375 becomes 14.50 under "up to 0.50"; special prices stay as agreed."""
    rules.markup(MarkupLevel.PRODUCT, "25", product_id=world.seats.id)
    _set_cost(world, session, "11.50")
    assert quote(rounding=Rounding.UP_0_50).unit_price == Decimal("14.50")
    rules.special(world.seats, "14.37")
    assert quote(rounding=Rounding.UP_0_50).unit_price == Decimal("14.37")


def test_end_customer_pays_markup_or_its_special_price(world, rules, session):
    """SF-F42: cost 8.00 at 25 % shows 10.00 to the end customer in its own scope; a special price of 9.20 overrides."""
    _set_cost(world, session, "8.00")
    rules.markup(MarkupLevel.PRODUCT, "25", product_id=world.seats.id)
    customer = world.tech.customers[0].id
    with scope(with_lists(world.tech.customer_scope(), world.tech.id)):
        buyer = alias_buyer(world.tech.id, customer, MONDAY)
        assert buyer_price(seats_key(world), buyer) == BuyerPrice(Decimal("10.00"), "EUR", None)
    rules.special(world.seats, "9.20", customer_id=customer)
    with scope(with_lists(world.tech.customer_scope(), world.tech.id)):
        assert buyer_price(seats_key(world), buyer) == BuyerPrice(Decimal("9.20"), "EUR", None)


def test_without_named_price_lists_nothing_has_a_price(world):
    with scope(world.tech.scope):
        assert buyer_prices([world.seats.id], alias_buyer(world.tech.id, None, MONDAY)) == {}


def test_rules_of_another_reseller_do_not_exist(world, rules, quote, session):
    rules.markup(MarkupLevel.DEFAULT, "50")
    with scope(with_lists(world.cloudia.scope, world.cloudia.id)):
        theirs = buyer_price(seats_key(world), alias_buyer(world.cloudia.id, None, MONDAY))
        spied = buyer_price(
            seats_key(world), replace(alias_buyer(world.cloudia.id, None, MONDAY), reseller_id=world.tech.id)
        )
    assert theirs == spied == BuyerPrice(Decimal("10.00"), "EUR", None)


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (date(2026, 3, 1), "10.50"),
        (date(2026, 3, 2), "12.00"),
        (date(2026, 3, 9), "12.00"),
        (date(2026, 3, 10), "10.50"),
    ],
)
def test_both_days_of_a_period_are_included(rules, quote, on, expected):
    """RS-20: when from/to are over, the next rule applies."""
    rules.markup(MarkupLevel.DEFAULT, "20", valid_from=date(2026, 3, 2), valid_to=date(2026, 3, 9))
    rules.markup(MarkupLevel.DEFAULT, "5")
    assert quote(on=on).unit_price == Decimal(expected)


def test_within_a_level_a_rule_for_the_term_and_cycle_wins_and_then_the_newest(world, rules, quote):
    rules.markup(MarkupLevel.PRODUCT, "30", product_id=world.seats.id, term=Term.P1M, cycle=BillingCycle.MONTHLY)
    rules.markup(MarkupLevel.PRODUCT, "20", product_id=world.seats.id)
    rules.markup(MarkupLevel.PRODUCT, "40", product_id=world.seats.id, term=Term.P1Y, cycle=BillingCycle.MONTHLY)
    assert quote().unit_price == Decimal("13.00")
    rules.markup(MarkupLevel.PRODUCT, "35", product_id=world.seats.id, term=Term.P1M, cycle=BillingCycle.MONTHLY)
    assert quote().unit_price == Decimal("13.50")


def test_nearest_category_answers_first(world, rules, quote, session):
    with scope(world.scope):
        top = Category(name="Software", slug="software")
        session.add(top)
        session.flush()
        middle = Category(name="Office", slug="office", parent_id=top.id)
        session.add(middle)
        session.flush()
        world.category.parent_id = middle.id
        session.flush()
    rules.markup(MarkupLevel.CATEGORY, "10", category_id=top.id)
    assert quote().unit_price == Decimal("11.00")
    rules.markup(MarkupLevel.CATEGORY, "5", category_id=middle.id)
    assert quote().unit_price == Decimal("10.50")
    rules.markup(MarkupLevel.CATEGORY, "1", category_id=world.category.id)
    assert quote().unit_price == Decimal("10.10")


def test_lists_are_asked_by_priority_then_the_default_list(world, session, quote):
    """CB-F19 (partly): the first list that prices the key makes the cost."""
    with scope(world.scope):
        first = _price_list(session, "First")
        default = _price_list(session, "Default", is_default=True)
        session.add(
            PriceListAssignment(payer_id=world.tech.id, price_list_id=first.id, priority=0, assigned_at=MONDAY_NOON)
        )
        make_entry(session, default, world.seats, "7.00")
        only_default = make_product(session, world.product_type, "Only default")
        make_entry(session, default, only_default, "3.3333")
    assert quote().cost == Decimal("10.00")
    assert quote(only_default).cost == Decimal("3.3333")
    assert quote(only_default).price_list_id == default.id
    with scope(world.scope):
        make_entry(session, first, world.seats, "9.00")
    assert quote().cost == Decimal("9.00")
    with scope(world.scope):
        first.valid_to = MONDAY - timedelta(days=1)
    assert quote().cost == Decimal("10.00")
    with scope(world.scope):
        world.price_list.is_active = False
    assert quote().cost == Decimal("7.00")
    with scope(world.scope):
        default.currency = "USD"
    with pytest.raises(ValueError):
        quote()


def test_restricted_buyers_get_only_what_stands_in_their_lists(world, session):
    """CB-F19: a restricted account is not offered what its lists do not price; another pays the list price."""
    with scope(world.scope):
        unlisted = make_product(session, world.product_type, "Not in any list", list_price="12.34")
    key = PriceKey(unlisted.id, Term.P1M, BillingCycle.MONTHLY)
    lists = with_lists(direct_customer_scope(world.id, world.direct.id), world.direct.id)
    with scope(lists):
        open_buyer = root_buyer(world.direct, MONDAY)
        assert buyer_price(key, open_buyer) == BuyerPrice(Decimal("12.3400"), "EUR", None)
        assert explain_prices([key], open_buyer)[key].rule is PriceSource.LIST
        assert buyer_price(key, replace(open_buyer, restrict_to_lists=True)) is None
        assert buyer_price(seats_key(world), open_buyer) == BuyerPrice(Decimal("10.0000"), "EUR", None)
        assert explain_prices([seats_key(world)], open_buyer)[seats_key(world)].rule is PriceSource.COST


def test_root_prices_keep_four_decimals(world, session):
    with scope(world.scope):
        fine = make_product(session, world.product_type, "Fine", list_price="0.0123")
    with scope(root_visitor_scope(world.id)):
        (price,) = buyer_prices([fine.id], root_visitor(MONDAY)).values()
    assert price.unit_price == Decimal("0.0123")


def test_withdrawn_keys_have_no_price(world, session, quote):
    with scope(world.scope):
        row = session.query(ProductPrice).filter_by(product_id=world.seats.id).one()
        row.is_withdrawn = True
        session.flush()
    with pytest.raises(ValueError):
        quote()


def test_retail_price_is_told_only_where_shown_and_higher(world, rules, quote):
    rules.markup(MarkupLevel.PRODUCT, "10", product_id=world.seats.id)
    assert quote().retail_price is None
    assert quote(show_retail=True).retail_price == Decimal("12.00")
    rules.markup(MarkupLevel.PRODUCT, "20", product_id=world.seats.id)
    assert quote(show_retail=True).retail_price is None


def test_what_a_customer_sees_of_a_price_holds_nothing_behind_it(world):
    with scope(with_lists(world.tech.customer_scope(), world.tech.id)):
        (price,) = buyer_prices([world.seats.id], alias_buyer(world.tech.id, None, MONDAY)).values()
    assert set(BuyerPrice.__slots__) == {"unit_price", "currency", "retail_price"}
    assert isinstance(price, BuyerPrice)


def test_a_reseller_of_another_distributor_is_not_found(world):
    with scope(world.tech.scope), pytest.raises(NotFound):
        alias_buyer(new_id(), None, MONDAY)


def test_asking_for_nothing_costs_nothing(world, statements):
    with scope(world.tech.scope):
        buyer = alias_buyer(world.tech.id, None, MONDAY)
        with statements() as seen:
            assert buyer_prices([], buyer) == {}
    assert seen == []


def _set_cost(world, session, price):
    with scope(world.scope):
        entry = session.query(PriceListEntry).filter_by(product_id=world.seats.id).one()
        entry.price = Decimal(price)
        session.flush()


def _price_list(session, name, **columns):
    found = PriceList(name=name, currency="EUR", valid_from=date(2026, 1, 1), created_at=MONDAY_NOON, **columns)
    session.add(found)
    session.flush()
    return found
