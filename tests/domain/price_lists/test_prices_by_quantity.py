"""What larger quantities cost a buyer, as a product's page shows it (CB-04)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from app.catalogue.models import PriceScheme
from app.pricing.buyers import Buyer, alias_buyer, root_buyer
from app.pricing.lines import Asked, TierPrice, price_lines, prices_by_quantity
from app.pricing.models import PriceRule
from app.pricing.price_lists.entries import EntryRule
from app.pricing.price_lists.ladders import Ladder
from app.pricing.quotes import explain_prices
from tenants.context import Scope, scope
from tests.counting import statements_of
from tests.domain.price_lists.test_line_tiers import TIERED, TIERS, VOLUME, let_list, monthly
from tests.factories.pricing import Rules, with_lists
from tests.factories.world import MONDAY, World


def at_the_root(world: World) -> tuple[Scope, Buyer]:
    entered = with_lists(world.scope, world.direct.id)
    with scope(entered):
        return entered, root_buyer(world.direct, MONDAY)


def under_the_alias(world: World) -> tuple[Scope, Buyer]:
    entered = with_lists(world.tech.scope, world.tech.id)
    with scope(entered):
        return entered, replace(alias_buyer(world.tech.id, None, MONDAY), default_markup=Decimal(20))


def line(world: World, buyer: Buyer, quantity: int) -> Decimal:
    key = monthly(world.seats)
    (found,) = price_lines([Asked(world.seats, key, quantity)], explain_prices([key], buyer), buyer)
    assert found is not None
    return found.line_total


@pytest.mark.parametrize(("ladder", "fifteen"), [(VOLUME, "105.00"), (TIERED, "125.00")], ids=["volume", "tiered"])
def test_ranges_of_a_list_at_ten_with_ten_and_thirty_percent(session, world, connection, ladder, fifteen) -> None:
    """CB-F8 (partly): 1 to 10 at 9.00 and from 11 at 7.00, in the one statement that prices are; lines follow them."""
    let_list(world, EntryRule(PriceRule.FIXED, Decimal(10), ladder))
    entered, buyer = at_the_root(world)
    with scope(entered):
        with statements_of(connection) as seen:
            found = prices_by_quantity(world.seats, buyer)[monthly(world.seats)]
        assert line(world, buyer, 15) == Decimal(fifteen)

    assert len(seen) == 1
    assert found.price.unit_price == Decimal("9.0000")
    assert found.is_by_volume is (ladder is VOLUME)
    assert found.tiers == (TierPrice(1, 10, Decimal("9.0000")), TierPrice(11, None, Decimal("7.0000")))


def test_under_an_alias_ranges_are_marked_up_as_lines_are(session, world) -> None:
    """CB-04: what the reseller's customer pays in a range is what a line of that quantity costs by the unit."""
    let_list(world, EntryRule(PriceRule.FIXED, Decimal(10), VOLUME))
    entered, buyer = under_the_alias(world)
    with scope(entered):
        found = prices_by_quantity(world.seats, buyer)[monthly(world.seats)]
        lines = [line(world, buyer, tier.first) / tier.first for tier in found.tiers]

    assert [tier.unit_price for tier in found.tiers] == lines
    assert lines == [Decimal("10.80"), Decimal("8.40")]


def test_a_discount_of_the_list_counts_on_a_products_own_tiers(session, world) -> None:
    """CB-04: list price, tier discount, then the list's rule: 10.00 less 30 % less 10 % is 6.30."""
    with scope(world.scope):
        world.seats.price_scheme = PriceScheme.VOLUME
        world.seats.price_tiers = [{"from": tier.from_quantity, "percent": str(tier.percent)} for tier in TIERS]
        session.flush()
    let_list(world, EntryRule(PriceRule.DISCOUNT, Decimal(10)))
    entered, buyer = at_the_root(world)
    with scope(entered):
        found = prices_by_quantity(world.seats, buyer)[monthly(world.seats)]
        assert [tier.unit_price * tier.first for tier in found.tiers] == [
            line(world, buyer, tier.first) for tier in found.tiers
        ]
    assert found.tiers[1].unit_price == found.tiers[0].unit_price * 7 / 9


def test_what_costs_the_same_in_every_quantity_has_no_ranges(session, world) -> None:
    """An agreed price, a line without tiers and a ladder of one step leave nothing to show."""
    entered, buyer = at_the_root(world)
    for ladder in (Ladder(PriceScheme.PER_UNIT), Ladder(PriceScheme.VOLUME, TIERS[:1])):
        let_list(world, EntryRule(PriceRule.FIXED, Decimal(10), ladder))
        with scope(entered):
            assert prices_by_quantity(world.seats, buyer)[monthly(world.seats)].tiers == ()
    let_list(world, EntryRule(PriceRule.FIXED, Decimal(10), VOLUME))
    entered, buyer = under_the_alias(world)
    key = monthly(world.seats)
    Rules(session, world.tech).special(world.seats, "15")
    with scope(entered):
        assert prices_by_quantity(world.seats, buyer)[key].tiers == ()
