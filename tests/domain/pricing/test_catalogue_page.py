"""What a storefront offers its buyers, with prices (RS-18, SF-18, decisions sections 6 and 8)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.catalogue.models import Audience, BillingCycle, ProductPrice, Term
from app.pricing.catalogue_page import offered_ids, offered_products
from app.pricing.models import MarkupLevel
from app.pricing.quotes import BuyerPrice, alias_buyer, root_buyer, root_visitor
from app.resellers.models import Listing
from tenants.context import direct_customer_scope, root_visitor_scope, scope
from tests.factories.pricing import with_lists
from tests.factories.world import MONDAY, list_product, make_entry, make_product


@pytest.fixture
def catalogue(world):
    """Return what the first customer of Tech Solutions is offered there."""

    def find(**filters):
        with scope(with_lists(world.tech.customer_scope(), world.tech.id)):
            buyer = alias_buyer(world.tech.id, world.tech.customers[0].id, MONDAY)
            return offered_products(buyer, storefront_reseller_id=world.tech.id, **filters)

    return find


def _names(page):
    return [offer.name for offer in page.items]


def test_a_page_of_offers_with_prices_is_one_statement(world, rules, catalogue, statements):
    rules.markup(MarkupLevel.DEFAULT, "25")
    with scope(with_lists(world.tech.customer_scope(), world.tech.id)):
        buyer = alias_buyer(world.tech.id, None, MONDAY)
        with statements() as seen:
            page = offered_products(buyer, storefront_reseller_id=world.tech.id)
    assert len(seen) == 1
    assert [(offer.name, offer.price.unit_price) for offer in page.items] == [
        ("Contoso Mail", Decimal("12.50")),
        ("Contoso Suite", Decimal("25.00")),
        ("Fabrikam Tool", Decimal("62.50")),
    ]
    assert not page.has_more


def test_an_unlisted_product_is_not_offered(world, session, catalogue):
    """RS-F50, SF-F36 (partly): neither on the page of the catalogue nor by its id."""
    with scope(world.tech.scope):
        session.query(Listing).filter_by(product_id=world.suite.id).delete()
    assert "Contoso Suite" not in _names(catalogue())
    with scope(with_lists(world.tech.customer_scope(), world.tech.id)):
        buyer = alias_buyer(world.tech.id, None, MONDAY)
        assert offered_ids([world.suite.id, world.seats.id], buyer) == {world.seats.id}
    with scope(with_lists(world.cloudia.scope, world.cloudia.id)):
        buyer = alias_buyer(world.cloudia.id, None, MONDAY)
        assert offered_ids([world.suite.id], buyer) == {world.suite.id}


@pytest.mark.parametrize(
    "change",
    [{"is_published": False}, {"is_active": False}, {"audience": Audience.DIRECT}, {"audience": Audience.NOBODY}],
)
def test_what_the_distributor_takes_back_is_not_offered(world, session, catalogue, change):
    """SF-F36 (partly): listing alone does not make an offer."""
    with scope(world.scope):
        for name, value in change.items():
            setattr(world.seats, name, value)
        session.flush()
    assert _names(catalogue()) == ["Contoso Suite", "Fabrikam Tool"]


def test_a_product_whose_every_price_is_withdrawn_is_not_offered(world, session, catalogue):
    with scope(world.scope):
        session.query(ProductPrice).filter_by(product_id=world.seats.id).one().is_withdrawn = True
        session.flush()
    assert _names(catalogue()) == ["Contoso Suite", "Fabrikam Tool"]
    with scope(with_lists(world.tech.scope, world.tech.id)):
        assert offered_ids([world.seats.id], alias_buyer(world.tech.id, None, MONDAY)) == frozenset()


def test_a_withdrawn_price_takes_no_other_product_along(world, session, catalogue):
    with scope(world.scope):
        twin = make_product(session, world.product_type, "Same term and cycle")
        make_entry(session, world.price_list, twin, "4.00")
        session.query(ProductPrice).filter_by(product_id=world.seats.id).one().is_withdrawn = True
        session.flush()
    list_product(session, world.tech, twin)
    assert _names(catalogue()) == ["Contoso Suite", "Fabrikam Tool", "Same term and cycle"]


def test_restricted_buyers_are_offered_only_what_their_lists_price(world, session, catalogue):
    """CB-F19: also in a catalogue; the direct customer, not restricted, sees it at list price."""
    with scope(world.scope):
        unpriced = make_product(session, world.product_type, "Another", list_price="5.00")
    list_product(session, world.tech, unpriced)
    assert "Another" not in _names(catalogue())
    with scope(with_lists(direct_customer_scope(world.id, world.direct.id), world.direct.id)):
        page = offered_products(root_buyer(world.direct, MONDAY), storefront_reseller_id=None)
    assert _names(page)[0] == "Another"
    assert page.items[0].price == BuyerPrice(Decimal("5.0000"), "EUR", None)


def test_reseller_plans_are_offered_to_resellers_at_the_root_alone(world, session, catalogue):
    with scope(world.scope):
        plan = make_product(
            session, world.plan_type, "A plan", plan_edition="standard", audience=Audience.RESELLERS, list_price="99.00"
        )
        make_entry(session, world.price_list, plan, "99.00")
    list_product(session, world.tech, plan)
    assert "A plan" not in _names(catalogue())
    with scope(with_lists(world.basic.scope, world.basic.id)):
        as_reseller = offered_products(root_buyer(world.basic.account, MONDAY), storefront_reseller_id=None)
    assert _names(as_reseller)[0] == "A plan"
    with scope(root_visitor_scope(world.id)):
        as_visitor = offered_products(root_visitor(MONDAY), storefront_reseller_id=None)
    assert _names(as_visitor) == ["Contoso Mail", "Contoso Suite", "Fabrikam Tool"]


def test_filters_narrow_the_page(world, session, catalogue):
    assert _names(catalogue(group_id=world.group.id)) == ["Contoso Mail", "Contoso Suite"]
    assert _names(catalogue(category_ids=[world.category.id], search="TOOL")) == ["Fabrikam Tool"]
    assert _names(catalogue(category_ids=[world.tech.id])) == []
    assert _names(catalogue(cycle=BillingCycle.ONE_TIME)) == ["Fabrikam Tool"]
    assert len(catalogue(search="t").items) == 3, "one character is ignored"
    assert _names(catalogue(search="%_")) == [], "wildcards mean themselves"


def test_pages_follow_each_other_without_gaps(world, catalogue):
    first = catalogue(limit=2)
    assert (_names(first), first.has_more) == (["Contoso Mail", "Contoso Suite"], True)
    second = catalogue(limit=2, after=first.next_after)
    assert (_names(second), second.has_more, second.next_after) == (["Fabrikam Tool"], False, None)


def test_an_offer_starts_from_the_lowest_price_of_its_shortest_cycle(world, session, catalogue):
    with scope(world.scope):
        for term, cycle, price in (
            (Term.P1Y, BillingCycle.ANNUAL, "96.00"),
            (Term.P1Y, BillingCycle.MONTHLY, "9.00"),
        ):
            make_entry(session, world.price_list, world.seats, price, term=term, cycle=cycle)
    offer = catalogue().items[0]
    assert (offer.price_key.term, offer.price_key.cycle) == (Term.P1Y, BillingCycle.MONTHLY)
    assert (offer.price.unit_price, offer.has_more_prices) == (Decimal("9.00"), True)
    yearly = catalogue(cycle=BillingCycle.ANNUAL).items[0]
    assert (yearly.price_key.cycle, yearly.price.unit_price) == (BillingCycle.ANNUAL, Decimal("96.00"))


def test_a_list_out_of_its_dates_prices_nothing(world, session, catalogue):
    with scope(world.scope):
        world.price_list.valid_to = date(2026, 3, 1)
        session.flush()
    assert _names(catalogue()) == []
