"""Standing lines of price lists: a rule for a price group, whoever joins it and whenever (CB-05)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, update

from app.audit.services import SYSTEM
from app.catalogue.errors import StillUsed
from app.catalogue.groupings import delete_price_group
from app.catalogue.models import BillingCycle, PriceGroup, Product, ProductPrice, Term, VendorCost
from app.core.errors import Invalid
from app.core.ids import new_id
from app.orders import models as orders  # noqa: F401 - subscriptions refer to order items
from app.pricing.models import PriceList, PriceListEntry, PriceListGroupLine, PriceRule
from app.pricing.price_lists import entries, group_lines, services
from app.pricing.price_lists.entries import EntryRule
from app.pricing.price_lists.group_lines import GroupLineNotFound, NewLine
from app.pricing.price_lists.queries import EntryFilter
from app.pricing.price_lists.repricing import follow_groups, reprice_products
from app.pricing.price_lists.services import PriceListDetails
from tests.factories.world import MONDAY_NOON, make_product

WHO: dict[str, Any] = {"actor": SYSTEM, "at": MONDAY_NOON}
MARKUP = EntryRule(PriceRule.MARKUP, Decimal(15))
MONTHLY = (Term.P1M, BillingCycle.MONTHLY)
ANNUAL = (Term.P1Y, BillingCycle.ANNUAL)


@pytest.fixture
def group(session, at_distributor) -> PriceGroup:
    made = PriceGroup(name="Backup")
    session.add(made)
    session.flush()
    return made


@pytest.fixture
def gold(at_distributor) -> PriceList:
    return services.create_price_list(PriceListDetails("Gold", "EUR", date(2026, 1, 1)), **WHO)


@pytest.fixture
def product(session, at_distributor, group) -> Product:
    """Cost 8.00, list 11.00 a month."""
    return make_product(
        session, at_distributor.product_type, "Backup", vendor_cost="8.00", list_price="11.00", price_group_id=group.id
    )


def prices(session, price_list: PriceList) -> list[tuple[str, Decimal, bool]]:
    """Term, price, and whether a line made it."""
    rows = session.execute(
        select(PriceListEntry.term, PriceListEntry.price, PriceListEntry.group_line_id.is_not(None))
        .where(PriceListEntry.price_list_id == price_list.id)
        .order_by(PriceListEntry.term, PriceListEntry.price)
    )
    return [(term.value, price, is_made) for term, price, is_made in rows]


def add(gold, group, rule=MARKUP, unit=None) -> int:
    return group_lines.add_line(gold.id, NewLine(group.id, rule, unit), **WHO)


def line_of(session, gold) -> PriceListGroupLine:
    return session.scalars(select(PriceListGroupLine).where(PriceListGroupLine.price_list_id == gold.id)).one()


@pytest.mark.parametrize(
    ("rule", "value", "price"),
    [(PriceRule.MARKUP, "15", "9.2000"), (PriceRule.DISCOUNT, "20", "8.8000"), (PriceRule.FIXED, "9.99", "9.9900"),
     (PriceRule.SAME, None, "11.0000")],
)  # fmt: skip
def test_a_line_prices_every_product_of_its_group(session, gold, group, product, rule, value, price):
    """CB-F14 (partly): mark-up 15 % on cost 8.00 is 9.20; discount 20 % on 11.00 is 8.80; fixed is exact."""
    assert add(gold, group, EntryRule(rule, Decimal(value) if value else None)) == 1
    assert prices(session, gold) == [("P1M", Decimal(price), True)]


def test_products_join_and_leave(session, at_distributor, gold, group, product):
    add(gold, group)
    later = make_product(session, at_distributor.product_type, "Later", vendor_cost="10.00", price_group_id=group.id)
    assert follow_groups(product_ids=[later.id]) == 1
    assert prices(session, gold) == [("P1M", Decimal("9.2000"), True), ("P1M", Decimal("11.5000"), True)]
    session.execute(update(Product).where(Product.id == product.id).values(price_group_id=None))
    assert follow_groups(product_ids=[product.id]) == 1
    assert prices(session, gold) == [("P1M", Decimal("11.5000"), True)]
    assert follow_groups(price_list_id=gold.id) == 0


def test_a_moved_cost_moves_the_price_and_a_new_unit_gets_one(session, gold, group, product):
    add(gold, group)
    session.execute(update(VendorCost).where(VendorCost.product_id == product.id).values(vendor_cost=Decimal(20)))
    session.add(
        ProductPrice(product_id=product.id, term=Term.P1Y, cycle=BillingCycle.ANNUAL, currency="EUR", list_price=100)
    )
    session.add(
        VendorCost(product_id=product.id, term=Term.P1Y, cycle=BillingCycle.ANNUAL, currency="EUR", vendor_cost=80)
    )
    session.flush()
    assert reprice_products([product.id]) == 2
    assert prices(session, gold) == [("P1M", Decimal("23.0000"), True), ("P1Y", Decimal("92.0000"), True)]
    assert reprice_products([product.id]) == 0


def test_a_products_own_line_beats_its_groups(session, gold, group, product):
    """CB-05: a product line beats a group line, whichever came first."""
    add(gold, group)
    assert entries.add_products(gold.id, [product.id], EntryRule(PriceRule.FIXED, Decimal(7)), **WHO) == 1
    assert prices(session, gold) == [("P1M", Decimal("7.0000"), False)]
    group_lines.change_line(gold.id, line_of(session, gold).id, EntryRule(PriceRule.SAME), version=1, **WHO)
    assert prices(session, gold) == [("P1M", Decimal("7.0000"), False)]
    with pytest.raises(Invalid):
        entries.add_products(gold.id, [product.id], EntryRule(PriceRule.SAME), **WHO)
    assert entries.remove_entries(EntryFilter(gold.id), **WHO) == 1
    assert prices(session, gold) == [("P1M", Decimal("11.0000"), True)]
    assert entries.remove_entries(EntryFilter(gold.id), **WHO) == 0


def test_a_rule_for_an_entry_makes_it_the_products_own(session, gold, group, product):
    add(gold, group)
    assert entries.set_rule(EntryFilter(gold.id), EntryRule(PriceRule.FIXED, Decimal(5)), **WHO) == 1
    follow_groups(price_list_id=gold.id)
    assert prices(session, gold) == [("P1M", Decimal("5.0000"), False)]


def test_a_line_for_a_unit_beats_one_for_all(session, gold, group, product):
    """CB-05: a unit line beats an all-units line; without it the other one holds again."""
    session.add(
        ProductPrice(product_id=product.id, term=Term.P1Y, cycle=BillingCycle.ANNUAL, currency="EUR", list_price=100)
    )
    session.flush()
    add(gold, group, EntryRule(PriceRule.FIXED, Decimal(50)), ANNUAL)
    add(gold, group, EntryRule(PriceRule.SAME))
    assert prices(session, gold) == [("P1M", Decimal("11.0000"), True), ("P1Y", Decimal("50.0000"), True)]
    yearly = next(each.line for each in group_lines.list_lines(gold.id) if each.line.term is Term.P1Y)
    group_lines.remove_line(gold.id, yearly.id, **WHO)
    assert prices(session, gold) == [("P1M", Decimal("11.0000"), True), ("P1Y", Decimal("100.0000"), True)]


def test_removing_a_line_takes_its_prices_and_no_others(session, at_distributor, gold, group, product):
    add(gold, group)
    other = make_product(session, at_distributor.product_type, "Other")
    entries.add_products(gold.id, [other.id], EntryRule(PriceRule.SAME), **WHO)
    assert group_lines.remove_line(gold.id, line_of(session, gold).id, **WHO) == 1
    assert prices(session, gold) == [("P1M", Decimal("12.0000"), False)]


def test_what_rests_on_nothing_makes_no_price(session, at_distributor, gold, group, product):
    session.execute(update(ProductPrice).where(ProductPrice.product_id == product.id).values(is_withdrawn=True))
    assert add(gold, group) == 0
    dollars = services.create_price_list(PriceListDetails("Dollars", "USD", date(2026, 1, 1)), **WHO)
    assert add(dollars, group) == 0


@pytest.mark.parametrize(
    ("rule", "code"),
    [(EntryRule(PriceRule.MARKUP), "value_required"), (EntryRule(PriceRule.DISCOUNT, Decimal(101)), "value_too_large")],
)
def test_a_wrong_rule_makes_no_line(session, gold, group, product, rule, code):
    with pytest.raises(Invalid) as refused:
        add(gold, group, rule)
    assert refused.value.codes == (code,)
    assert session.scalars(select(PriceListGroupLine)).all() == []


def test_a_group_has_one_line_per_unit_and_list(session, gold, group, product):
    """CB-05: a duplicate line is refused."""
    for unit in (None, MONTHLY):
        add(gold, group, MARKUP, unit)
        with pytest.raises(Invalid) as refused:
            add(gold, group, EntryRule(PriceRule.SAME), unit)
        assert refused.value.codes == ("line_twice",)
    with pytest.raises(Invalid) as unknown:
        group_lines.add_line(gold.id, NewLine(new_id(), MARKUP), **WHO)
    assert unknown.value.codes == ("group_unknown",)
    assert len(group_lines.list_lines(gold.id)) == 2


def test_a_line_belongs_to_its_list(session, gold, group, product):
    other = services.create_price_list(PriceListDetails("Silver", "EUR", date(2026, 1, 1)), **WHO)
    add(gold, group)
    with pytest.raises(GroupLineNotFound):
        group_lines.remove_line(other.id, line_of(session, gold).id, **WHO)
    with pytest.raises(StillUsed):
        delete_price_group(group.id, **WHO)
    services.delete_price_list(gold.id, **WHO)
    assert session.scalars(select(PriceListGroupLine)).all() == []
