"""Tiers that a price list's line carries: for pages, baskets, orders, renewals (CB-04, CB-05)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from app.audit.services import SYSTEM
from app.catalogue.charging import Tier, tiers_as_json
from app.catalogue.models import BillingCycle, PriceGroup, PriceScheme, Product, Term
from app.core.db import session as db_session
from app.core.errors import Invalid
from app.pricing.buyers import Rounding, alias_buyer, root_buyer
from app.pricing.catalogue_page import offered_products
from app.pricing.lines import Asked, price_lines
from app.pricing.models import PriceListEntry, PriceRule
from app.pricing.price_lists import entries, group_lines
from app.pricing.price_lists.entries import EntryRule
from app.pricing.price_lists.ladders import Ladder
from app.pricing.price_lists.queries import EntryFilter
from app.pricing.quotes import PriceKey, buyer_price, explain_prices
from tenants.context import scope
from tests.counting import statements_of
from tests.factories.pricing import with_lists
from tests.factories.world import MONDAY, MONDAY_NOON, World

WHO: dict[str, Any] = {"actor": SYSTEM, "at": MONDAY_NOON}
TIERS = (Tier(1, Decimal(10)), Tier(11, Decimal(30)))
VOLUME, TIERED = Ladder(PriceScheme.VOLUME, TIERS), Ladder(PriceScheme.TIERED, TIERS)


def monthly(product: Product) -> PriceKey:
    return PriceKey(product.id, Term.P1M, BillingCycle.MONTHLY)


def let_list(world: World, rule: EntryRule) -> None:
    """Give the default list's line of the seats another rule."""
    with scope(world.scope):
        touched = entries.set_rule(
            EntryFilter(world.price_list.id), rule,
            entry_ids=[entry_of(world).id], **WHO,
        )  # fmt: skip
    assert touched == 1


def entry_of(world: World) -> PriceListEntry:
    found = db_session.scalars(select(PriceListEntry).where(PriceListEntry.product_id == world.seats.id)).all()
    return next(each for each in found if each.term is Term.P1M)


def direct_line(world: World, quantity: int, **asked: Any) -> tuple[Decimal, Decimal]:
    """Return unit price and line of the direct customer, who pays by the default list."""
    key = monthly(world.seats)
    with scope(with_lists(world.scope, world.direct.id)):
        buyer = root_buyer(world.direct, MONDAY)
        (found,) = price_lines([Asked(world.seats, key, quantity, **asked)], explain_prices([key], buyer), buyer)
    assert found is not None
    return found.price.unit_price, found.line_total


@pytest.mark.parametrize(
    ("ladder", "quantity", "line"),
    [
        (VOLUME, 15, "105.00"), (VOLUME, 10, "90.00"), (VOLUME, 1, "9.00"),
        (TIERED, 15, "125.00"), (TIERED, 10, "90.00"),
    ],
)  # fmt: skip
def test_a_lists_tiers_price_a_line_as_a_products_do(session, world, ladder, quantity, line) -> None:
    """CB-F8, CB-F9 (partly): a list's line at 10.00 with tiers of 10 and 30 % gives 105.00, 90.00 and 125.00."""
    let_list(world, EntryRule(PriceRule.FIXED, Decimal(10), ladder))

    assert direct_line(world, quantity)[1] == Decimal(line)


def test_the_price_of_one_on_pages_is_that_of_a_line_of_one(session, world, connection) -> None:
    """Pages, explanations and baskets agree where the first tier lowers the price; each is one statement."""
    let_list(world, EntryRule(PriceRule.FIXED, Decimal(10), VOLUME))
    key = monthly(world.seats)
    with scope(with_lists(world.scope, world.direct.id)):
        buyer = root_buyer(world.direct, MONDAY)
        with statements_of(connection) as seen:
            shown = buyer_price(key, buyer)
        explained = explain_prices([key], buyer)[key]
        page = offered_products(buyer, storefront_reseller_id=None)

    assert len(seen) == 1
    assert shown is not None
    assert (shown.unit_price, explained.cost) == (Decimal("9.0000"), Decimal("9.0000"))
    assert [each.price.unit_price for each in page.items if each.id == world.seats.id] == [Decimal("9.0000")]
    assert direct_line(world, 1)[0] == Decimal("9.0000")


def test_a_products_own_tiers_show_in_the_price_of_one(session, world) -> None:
    """CB-F8 (partly): where no line says otherwise, a page shows what the basket will ask."""
    with scope(world.scope):
        world.seats.price_scheme, world.seats.price_tiers = PriceScheme.VOLUME, tiers_as_json(TIERS)
        session.flush()
    let_list(world, EntryRule(PriceRule.SAME))
    key = monthly(world.seats)
    with scope(with_lists(world.scope, world.direct.id)):
        explained = explain_prices([key], root_buyer(world.direct, MONDAY))[key]

    assert explained.list_price is not None
    assert explained.unit_price == explained.list_price * 9 / 10
    assert direct_line(world, 1)[0] == explained.unit_price


def test_under_an_alias_a_markup_counts_on_the_tiers_unit_cost(session, world) -> None:
    """Unit cost for a quantity is line cost divided by quantity, and the markup is on that (decisions 8)."""
    let_list(world, EntryRule(PriceRule.FIXED, Decimal(10), TIERED))
    key, shop = monthly(world.seats), world.tech
    with scope(with_lists(shop.scope, shop.id)):
        buyer = alias_buyer(shop.id, None, MONDAY)
        assert buyer.rounding is Rounding.NONE
        prices = explain_prices([key], buyer)
        one, fifteen = price_lines([Asked(world.seats, key, 1), Asked(world.seats, key, 15)], prices, buyer)

    assert one is not None
    assert fifteen is not None
    assert (one.cost.line, fifteen.cost.line) == (Decimal("9.00"), Decimal("125.00"))
    percent = fifteen.price.percent
    assert percent is not None
    sold = (Decimal("8.3333") * (100 + percent) / 100).quantize(Decimal("0.01"))
    assert (fifteen.price.cost, fifteen.price.unit_price) == (Decimal("8.3333"), max(sold, Decimal("8.34")))
    assert one.price.unit_price == prices[key].unit_price


def test_another_rule_leaves_tiers_unless_it_says_otherwise(session, world) -> None:
    let_list(world, EntryRule(PriceRule.FIXED, Decimal(10), VOLUME))
    let_list(world, EntryRule(PriceRule.FIXED, Decimal(20)))
    assert direct_line(world, 15)[1] == Decimal("210.00")

    let_list(world, EntryRule(PriceRule.FIXED, Decimal(20), Ladder(PriceScheme.PER_UNIT)))
    assert direct_line(world, 15)[1] == Decimal("300.00")


def test_a_line_of_a_price_group_hands_its_tiers_to_its_products(session, world) -> None:
    with scope(world.scope):
        group = PriceGroup(name="Seats")
        session.add(group)
        session.flush()
        session.get_one(Product, (world.id, world.seats.id)).price_group_id = group.id
        session.flush()
        entries.remove_entries(EntryFilter(world.price_list.id), entry_ids=[entry_of(world).id], **WHO)
        fixed = EntryRule(PriceRule.FIXED, Decimal(10), VOLUME)
        group_lines.add_line(world.price_list.id, group_lines.NewLine(group.id, fixed), **WHO)
        line = group_lines.list_lines(world.price_list.id)[0].line
    assert direct_line(world, 15)[1] == Decimal("105.00")

    with scope(world.scope):
        rule = EntryRule(PriceRule.FIXED, Decimal(10), TIERED)
        group_lines.change_line(world.price_list.id, line.id, rule, version=line.version, **WHO)
    assert direct_line(world, 15)[1] == Decimal("125.00")


def test_tiers_that_make_no_sense_are_refused_and_nothing_changes(session, world) -> None:
    """CB-F10 (partly): a list's tiers that do not begin at 1 are refused."""
    before = direct_line(world, 15)
    bad = EntryRule(PriceRule.FIXED, Decimal(10), Ladder(PriceScheme.VOLUME, (Tier(5, Decimal(10)),)))
    with pytest.raises(Invalid) as refused:
        let_list(world, bad)

    assert refused.value.errors[0].code == "tiers_first"
    assert direct_line(world, 15) == before


def test_a_renewal_counts_by_the_tiers_of_the_list_it_was_bought_by(session, world) -> None:
    """CB-05: an edited line re-prices its subscriptions at their next renewal, tiers and all."""
    from tests.domain.renewals.conftest import Billing  # noqa: PLC0415 - its clock is all that is needed

    billing = Billing(session, world)
    let_list(world, EntryRule(PriceRule.FIXED, Decimal(10), VOLUME))
    billing.buy(date(2026, 3, 2), world.seats, 15, "7.00")
    let_list(world, EntryRule(PriceRule.FIXED, Decimal(10), TIERED))
    billing.pass_until(date(2026, 4, 2))

    assert [total for _, _, total in billing.papers()] == [Decimal("105.00"), Decimal("125.00")]


def test_an_option_that_is_sold_no_more_keeps_its_price_and_stops_no_billing(session, world) -> None:
    """CB-02 (partly): what runs goes on at its price; the payer's other subscriptions renew beside it."""
    from tests.domain.renewals.conftest import Billing  # noqa: PLC0415 - its clock is all that is needed

    billing = Billing(session, world)
    option = {"code": "support", "name": "Support", "amount": "5.00", "percent": None, "currency": "EUR"}
    billing.product(world.seats, price_options=[option])
    billing.buy(date(2026, 3, 2), world.seats, 2, "15.00", columns={"price_options": ["support"]})
    billing.buy(date(2026, 3, 2), world.seats, 1, "10.00")
    billing.product(world.seats, price_options=[])
    billing.pass_until(date(2026, 4, 2))

    bought, renewed = [total for _, _, total in billing.papers()][:2], billing.papers()[-1][2]
    assert renewed == sum(bought)
