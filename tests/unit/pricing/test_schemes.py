"""The arithmetic of a line, step by step (CB-04); no database."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.charging import PriceOption, Tier, tier_errors
from app.catalogue.models import PriceScheme
from app.core.money import round_money
from app.pricing.models import PriceRule
from app.pricing.schemes import Agreed, ListRule, Reduction, Step, counted_from, line_price, promoted_unit

TEN = Decimal("10.00")
TIERS = (Tier(1, Decimal(10)), Tier(11, Decimal(30)))

prices = st.decimals(min_value=0, max_value=100_000, places=4)
quantities = st.integers(min_value=1, max_value=100_000)
percents = st.decimals(min_value=0, max_value=100, places=2)
ladders = st.builds(
    lambda firsts, percents: tuple(
        Tier(first, percent) for first, percent in zip([1, *sorted(firsts)], percents, strict=False)
    ),
    st.sets(st.integers(min_value=2, max_value=5_000), max_size=19),
    st.lists(percents, min_size=1, max_size=20),
)


@pytest.mark.parametrize(("quantity", "line"), [(15, "105.00"), (10, "90.00"), (1, "9.00"), (11, "77.00")])
def test_the_tier_of_the_whole_quantity_prices_every_unit(quantity: int, line: str) -> None:
    """CB-F8: volume tiers of 10 and 30 % on 10.00 give 105.00 for 15 units, 90.00 for 10."""
    priced = line_price(TEN, quantity, "EUR", scheme=PriceScheme.VOLUME, tiers=TIERS)

    assert priced.line == Decimal(line)


@pytest.mark.parametrize(("quantity", "line", "unit"), [(15, "125.00", "8.3333"), (10, "90.00", "9.0000")])
def test_each_slice_is_priced_at_its_own_tier(quantity: int, line: str, unit: str) -> None:
    """CB-F9: tiered with the same tiers gives 125.00 for 15 units; a unit costs the line divided by its quantity."""
    priced = line_price(TEN, quantity, "EUR", scheme=PriceScheme.TIERED, tiers=TIERS)

    assert (priced.line, priced.unit_price) == (Decimal(line), Decimal(unit))


def test_options_add_to_the_base_and_not_to_each_other() -> None:
    """CB-F11: options of +5.00 and +10 % on 20.00 give 27.00."""
    options = (
        PriceOption("support", "Support", amount=Decimal("5.00"), currency="EUR"),
        PriceOption("region", "Second region", percent=Decimal(10)),
    )

    priced = line_price(Decimal("20.00"), 1, "EUR", options=options)

    assert priced.line == Decimal("27.00")
    assert [step.step for step in priced.steps] == [Step.BASE, Step.OPTIONS]


def test_a_price_set_by_hand_overrides_a_discount_set_by_hand() -> None:
    """CB-F12: on one line the user's unit price wins over the user's discount, and over tiers and lists."""
    agreed = Agreed(unit_price=Decimal("6.50"), discount_percent=Decimal(50))
    rule = ListRule(PriceRule.DISCOUNT, Decimal(20), Decimal("8.00"))

    priced = line_price(TEN, 4, "EUR", scheme=PriceScheme.VOLUME, tiers=TIERS, rule=rule, agreed=agreed)

    assert (priced.unit_price, priced.line) == (Decimal("6.5000"), Decimal("26.00"))
    assert line_price(TEN, 4, "EUR", agreed=Agreed(discount_percent=Decimal(50))).line == Decimal("20.00")


@pytest.mark.parametrize(
    ("rule", "value", "price", "line"),
    [
        (PriceRule.SAME, None, "10.00", "105.00"),
        (PriceRule.DISCOUNT, "20", "8.00", "84.00"),  # 15 x 7.00, less 20 %
        (PriceRule.FIXED, "9.99", "9.99", "149.85"),
        (PriceRule.MARKUP, "15", "9.20", "138.00"),
    ],
)
def test_a_lists_discount_follows_tiers_and_its_own_price_replaces_them(
    rule: PriceRule, value: str | None, price: str, line: str
) -> None:
    entry = ListRule(rule, Decimal(value) if value else None, Decimal(price))

    assert line_price(TEN, 15, "EUR", scheme=PriceScheme.VOLUME, tiers=TIERS, rule=entry).line == Decimal(line)


@pytest.mark.parametrize(
    ("rule", "value", "price", "line"),
    [
        (PriceRule.SAME, None, "10.00", "142.50"),
        (PriceRule.DISCOUNT, "20", "8.00", "114.00"),  # 15 x 9.50, less 20 %
        (PriceRule.FIXED, "6.00", "6.00", "85.50"),
        (PriceRule.MARKUP, "15", "9.20", "131.10"),
    ],
)
def test_tiers_of_a_lists_line_take_the_place_of_the_products(
    rule: PriceRule, value: str | None, price: str, line: str
) -> None:
    own = (Tier(1, Decimal(0)), Tier(15, Decimal(5)))
    entry = ListRule(rule, Decimal(value) if value else None, Decimal(price), PriceScheme.VOLUME, own)

    assert line_price(TEN, 15, "EUR", scheme=PriceScheme.TIERED, tiers=TIERS, rule=entry).line == Decimal(line)
    assert line_price(TEN, 15, "EUR", rule=entry).line == Decimal(line)


def test_a_lists_line_may_do_without_the_products_tiers() -> None:
    entry = ListRule(PriceRule.SAME, None, TEN, PriceScheme.PER_UNIT)

    assert line_price(TEN, 15, "EUR", scheme=PriceScheme.VOLUME, tiers=TIERS, rule=entry).line == Decimal("150.00")


def test_options_are_added_before_a_lists_own_tiers() -> None:
    entry = ListRule(PriceRule.FIXED, Decimal(6), Decimal(6), PriceScheme.VOLUME, (Tier(1, Decimal(50)),))
    options = (PriceOption("support", "Support", amount=Decimal("4.00"), currency="EUR"),)

    assert line_price(TEN, 2, "EUR", rule=entry, options=options).line == Decimal("10.00")


def test_without_a_list_price_a_discount_is_not_taken_twice() -> None:
    entry = ListRule(PriceRule.DISCOUNT, Decimal(20), Decimal("8.00"))
    base, rule = counted_from(entry, None)

    assert line_price(base, 3, "EUR", rule=rule).line == Decimal("24.00")
    assert counted_from(entry, TEN) == (TEN, entry)


@given(prices, quantities, ladders, ladders, st.sampled_from(PriceRule), percents)
def test_a_line_by_its_lists_tiers_is_the_line_of_a_product_with_those_tiers(
    base: Decimal, quantity: int, own: tuple[Tier, ...], others: tuple[Tier, ...], kind: PriceRule, value: Decimal
) -> None:
    """Whatever the product's tiers are: a list's take their place, and are counted in the same way."""
    price = base if kind is PriceRule.SAME else base * (100 - value) / 100
    for scheme in (PriceScheme.VOLUME, PriceScheme.TIERED):
        by_list = ListRule(kind, None if kind is PriceRule.SAME else value, price, scheme, own)
        found = line_price(base, quantity, "EUR", scheme=PriceScheme.VOLUME, tiers=others, rule=by_list)
        started = price if by_list.replaces_list_price else base
        less = value if kind is PriceRule.DISCOUNT else Decimal(0)
        expected = line_price(started, quantity, "EUR", scheme=scheme, tiers=own, agreed=Agreed(discount_percent=less))

        assert (found.line, found.unit_price) == (expected.line, expected.unit_price)


def test_a_promotion_follows_all_others_and_stops_at_nothing() -> None:
    """CB-F46 (partly): 20 % off 3 x 20.00 is 48.00; a fixed amount never drives a unit below 0."""
    assert line_price(Decimal(20), 3, "EUR", promotion=Reduction(percent=Decimal(20))).line == Decimal("48.00")
    assert line_price(Decimal(20), 3, "EUR", promotion=Reduction(amount=Decimal(25))).line == Decimal("0.00")
    assert promoted_unit(Decimal(20), Reduction(percent=Decimal(20))) == Decimal("16.0000")


@given(prices, quantities)
def test_without_anything_else_a_line_is_price_times_quantity(base: Decimal, quantity: int) -> None:
    priced = line_price(base, quantity, "EUR")

    assert priced.line == round_money(base * quantity, "EUR")
    assert priced.unit_price == base


@given(prices, quantities, ladders)
def test_tiers_never_cost_more_than_the_list_price_nor_less_than_the_deepest_discount(
    base: Decimal, quantity: int, tiers: tuple[Tier, ...]
) -> None:
    lowest = base * quantity * (100 - max(tier.percent for tier in tiers)) / 100
    for scheme in (PriceScheme.VOLUME, PriceScheme.TIERED):
        line = line_price(base, quantity, "EUR", scheme=scheme, tiers=tiers).line

        assert round_money(lowest, "EUR") <= line <= round_money(base * quantity, "EUR")


@given(prices, quantities, ladders)
def test_one_more_unit_never_makes_a_tiered_line_cheaper(base: Decimal, quantity: int, tiers: tuple[Tier, ...]) -> None:
    now = line_price(base, quantity, "EUR", scheme=PriceScheme.TIERED, tiers=tiers)
    more = line_price(base, quantity + 1, "EUR", scheme=PriceScheme.TIERED, tiers=tiers)

    assert more.line >= now.line


@given(prices, quantities, percents, percents)
def test_a_list_discount_and_a_promotion_commute(
    base: Decimal, quantity: int, discount: Decimal, promotion: Decimal
) -> None:
    def line(first: Decimal, second: Decimal) -> Decimal:
        rule = ListRule(PriceRule.DISCOUNT, first, base * (100 - first) / 100)
        return line_price(base, quantity, "EUR", rule=rule, promotion=Reduction(percent=second)).line

    assert line(discount, promotion) == line(promotion, discount)


@given(ladders)
def test_a_ladder_from_one_upwards_is_accepted_with_and_without_ends(tiers: tuple[Tier, ...]) -> None:
    ends = [*(tier.from_quantity - 1 for tier in tiers[1:]), None]
    written = [Tier(tier.from_quantity, tier.percent, end) for tier, end in zip(tiers, ends, strict=True)]

    assert not list(tier_errors(tiers))
    assert not list(tier_errors(written))


@pytest.mark.parametrize(
    ("tiers", "code"),
    [
        ([Tier(2, TEN)], "tiers_first"),
        ([Tier(1, TEN, 10), Tier(12, TEN)], "tiers_gap"),
        ([Tier(1, TEN, 10), Tier(10, TEN)], "tiers_overlap"),
        ([Tier(1, TEN), Tier(1, TEN)], "tiers_order"),
        ([Tier(1, TEN), Tier(20, TEN), Tier(5, TEN)], "tiers_order"),
        ([Tier(1, TEN, 10)], "tiers_gap"),
        ([Tier(1, Decimal(101))], "percent_range"),
        ([Tier(number, TEN) for number in range(1, 22)], "tiers_many"),
    ],
)
def test_tiers_with_a_gap_or_an_overlap_are_refused(tiers: list[Tier], code: str) -> None:
    """CB-F10 (partly): what is wrong with tiers has a name; the page says it at the field."""
    assert code in {error.code for error in tier_errors(tiers)}
