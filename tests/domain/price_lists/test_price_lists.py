"""Price lists: rules, assignment and what they mean for new orders."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from app.accounts.errors import AccountNotFound
from app.audit.services import SYSTEM
from app.catalogue.models import BillingCycle, ProductPrice, Term, VendorCost
from app.catalogue.product_lists import ProductFilter
from app.core.errors import Invalid
from app.core.ids import new_id
from app.core.versions import StaleVersion
from app.orders import models as orders  # noqa: F401 - subscriptions refer to order items
from app.pricing.buyers import root_buyer
from app.pricing.models import PriceList, PriceListAssignment, PriceListEntry, PriceRule
from app.pricing.price_lists import entries, services
from app.pricing.price_lists.entries import EntryRule
from app.pricing.price_lists.errors import PriceListAssigned, PriceListNotFound
from app.pricing.price_lists.queries import EntryFilter, assignable_lists, list_entries
from app.pricing.price_lists.repricing import reprice_products, resolved_price
from app.pricing.price_lists.services import PriceListDetails
from app.pricing.queries import price_list_ids_of
from app.pricing.quotes import PriceKey, buyer_price
from app.subscriptions.models import Subscription, SubscriptionCost
from tenants.context import scope
from tests.factories.world import MONDAY, MONDAY_NOON, make_entry, make_product, make_world

WHO: dict[str, Any] = {"actor": SYSTEM, "at": MONDAY_NOON}


def details(**changes) -> PriceListDetails:
    return PriceListDetails(**{"name": "Gold", "currency": "EUR", "valid_from": date(2026, 1, 1), **changes})


def new_list(**changes) -> PriceList:
    return services.create_price_list(details(**changes), **WHO)


def prices(session, price_list: PriceList) -> list[Decimal]:
    return list(
        session.scalars(
            select(PriceListEntry.price)
            .where(PriceListEntry.price_list_id == price_list.id)
            .order_by(PriceListEntry.price)
        )
    )


def price_for(world, product, on=MONDAY, term=Term.P1M) -> Decimal | None:
    """What the direct customer pays for a product on a day, by its price lists alone."""
    world.direct.restrict_to_price_lists = True
    buyer = root_buyer(world.direct, on)
    with scope(world.scope.with_price_lists(price_list_ids_of(world.direct.id))):
        found = buyer_price(PriceKey(product.id, term, BillingCycle.MONTHLY), buyer)
    return found.unit_price if found else None


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        (PriceRule.MARKUP, "15", "9.2000"),
        (PriceRule.MARKUP, "25", "10.0000"),
        (PriceRule.DISCOUNT, "20", "8.8000"),
        (PriceRule.FIXED, "9.99", "9.9900"),
        (PriceRule.SAME, None, "11.0000"),
    ],
)
def test_rules_resolve_to_the_same_price_in_python_and_in_the_database(
    session, at_distributor, rule, value, expected
) -> None:
    """CB-F14: mark-up 15 % on cost 8.00 is 9.20; discount 20 % on 11.00 is 8.80; fixed is exact."""
    product = make_product(session, at_distributor.product_type, "Priced", vendor_cost="8.00", list_price="11.00")
    amount = Decimal(value) if value else None
    gold = new_list()
    entries.add_products(gold.id, [product.id], EntryRule(rule, amount), **WHO)

    assert prices(session, gold) == [Decimal(expected)]
    assert resolved_price(rule, amount, list_price=Decimal("11.00"), vendor_cost=Decimal("8.00")) == Decimal(expected)


def test_resolved_price_keeps_four_decimals_half_up(session, at_distributor) -> None:
    product = make_product(session, at_distributor.product_type, "Odd", vendor_cost="0.0333", list_price="0.0445")
    gold, silver = new_list(), new_list(name="Silver")
    entries.add_products(gold.id, [product.id], EntryRule(PriceRule.MARKUP, Decimal("0.15")), **WHO)
    entries.add_products(silver.id, [product.id], EntryRule(PriceRule.DISCOUNT, Decimal(10)), **WHO)
    assert prices(session, gold) == [Decimal("0.0333")]
    assert prices(session, silver) == [Decimal("0.0401")]  # 0.04005 is half


def test_a_product_without_a_price_in_the_lists_currency_cannot_be_added(session, at_distributor) -> None:
    """CB-F15: the refusal names the product, and nothing is added."""
    dollars = new_list(currency="USD")
    with pytest.raises(Invalid, match=r"Contoso Mail: no price in USD") as refusal:
        entries.add_products(dollars.id, [at_distributor.seats.id], EntryRule(PriceRule.SAME), **WHO)
    assert refusal.value.codes == ("no_price_in_currency",)
    assert prices(session, dollars) == []


def test_a_markup_needs_a_vendor_cost(session, at_distributor) -> None:
    session.execute(delete(VendorCost).where(VendorCost.product_id == at_distributor.seats.id))
    gold = new_list()
    with pytest.raises(Invalid, match="no vendor cost"):
        entries.add_products(gold.id, [at_distributor.seats.id], EntryRule(PriceRule.MARKUP, Decimal(15)), **WHO)
    assert prices(session, gold) == []


def test_adding_all_that_match_takes_every_price_once(session, at_distributor) -> None:
    gold = new_list()
    entries.add_products(gold.id, [at_distributor.seats.id], EntryRule(PriceRule.FIXED, Decimal(1)), **WHO)
    added = entries.add_matching(
        gold.id, ProductFilter(search="contoso", priced_in="EUR"), EntryRule(PriceRule.DISCOUNT, Decimal(50)), **WHO
    )
    assert added == 1
    assert prices(session, gold) == [Decimal("1.0000"), Decimal("12.0000")]


def test_adding_products_already_in_the_list_is_refused(session, at_distributor) -> None:
    with pytest.raises(Invalid, match="already in the list"):
        entries.add_products(at_distributor.price_list.id, [at_distributor.seats.id], EntryRule(PriceRule.SAME), **WHO)
    assert prices(session, at_distributor.price_list) == [Decimal("10.0000"), Decimal("20.0000"), Decimal("50.0000")]


@pytest.mark.parametrize(
    ("rule", "value", "code"),
    [
        (PriceRule.FIXED, None, "value_required"),
        (PriceRule.FIXED, "-1", "value_required"),
        (PriceRule.FIXED, "100000000", "value_too_large"),
        (PriceRule.DISCOUNT, "100.01", "value_too_large"),
        (PriceRule.MARKUP, "1000.5", "value_too_large"),
        (PriceRule.MARKUP, "1.005", "value_decimals"),
        (PriceRule.FIXED, "1.00001", "value_decimals"),
        (PriceRule.SAME, "1", "value_not_wanted"),
        (PriceRule.MARKUP, "NaN", "value_required"),
    ],
)
def test_a_value_out_of_range_is_refused(session, at_distributor, rule, value, code) -> None:
    gold = new_list()
    with pytest.raises(Invalid) as refusal:
        entries.add_products(
            gold.id, [at_distributor.seats.id], EntryRule(rule, Decimal(value) if value else None), **WHO
        )
    assert refusal.value.codes == (code,)
    assert prices(session, gold) == []


def test_a_bulk_rule_changes_all_that_match_and_no_other(session, at_distributor) -> None:
    partners = at_distributor.price_list
    wanted = EntryFilter(partners.id, ProductFilter(vendor="Contoso"))
    assert entries.set_rule(wanted, EntryRule(PriceRule.MARKUP, Decimal(50)), **WHO) == 2
    assert prices(session, partners) == [Decimal("12.0000"), Decimal("24.0000"), Decimal("50.0000")]


def test_chosen_entries_are_removed_and_the_others_stay(session, at_distributor) -> None:
    partners = at_distributor.price_list
    first = list_entries(EntryFilter(partners.id), limit=1)[0]
    assert entries.remove_entries(EntryFilter(partners.id), entry_ids=[first.entry.id], **WHO) == 1
    assert prices(session, partners) == [Decimal("20.0000"), Decimal("50.0000")]


def test_entries_of_another_list_are_not_touched_by_their_id(session, at_distributor) -> None:
    gold = new_list()
    theirs = list_entries(EntryFilter(at_distributor.price_list.id), limit=1)[0]
    assert entries.remove_entries(EntryFilter(gold.id), entry_ids=[theirs.entry.id], **WHO) == 0
    assert len(prices(session, at_distributor.price_list)) == 3


def test_entries_follow_list_price_and_vendor_cost_by_their_rule(session, at_distributor) -> None:
    gold, seats = new_list(), at_distributor.seats
    entries.add_products(gold.id, [seats.id], EntryRule(PriceRule.MARKUP, Decimal(15)), **WHO)
    entries.add_products(gold.id, [at_distributor.suite.id], EntryRule(PriceRule.SAME), **WHO)
    session.execute(update(VendorCost).values(vendor_cost=Decimal(100)))
    session.execute(update(ProductPrice).values(list_price=Decimal(200)))

    assert reprice_products([seats.id]) == 1
    assert prices(session, gold) == [Decimal("24.0000"), Decimal("115.0000")]
    assert reprice_products([at_distributor.suite.id]) == 1
    assert prices(session, gold) == [Decimal("115.0000"), Decimal("200.0000")]
    assert reprice_products([seats.id, at_distributor.suite.id]) == 0


@pytest.mark.parametrize(
    ("changes", "offered"),
    [
        ({}, Decimal("7.0000")),
        ({"is_active": False}, None),
        ({"valid_from": date(2026, 3, 3)}, None),
        ({"valid_to": date(2026, 3, 1)}, None),
        ({"valid_from": MONDAY, "valid_to": MONDAY}, Decimal("7.0000")),
    ],
)
def test_a_list_outside_its_dates_or_inactive_is_not_used(session, at_distributor, changes, offered) -> None:
    """CB-F16: neither before its first day, nor after its last, nor inactive."""
    product = make_product(session, at_distributor.product_type, "Dated")
    gold = new_list()
    entries.add_products(gold.id, [product.id], EntryRule(PriceRule.FIXED, Decimal(7)), **WHO)
    services.assign_price_list(at_distributor.direct.id, gold.id, **WHO)
    services.update_price_list(gold.id, details(**changes), version=1, **WHO)
    assert price_for(at_distributor, product) == offered


def test_the_higher_list_that_prices_the_product_wins(session, at_distributor) -> None:
    """CB-F18: the first by priority that prices the product; a list that does not is passed over."""
    only_low = make_product(session, at_distributor.product_type, "Only low")
    both = make_product(session, at_distributor.product_type, "Both")
    high, low = new_list(name="High"), new_list(name="Low")
    make_entry(session, high, both, "5.00")
    make_entry(session, low, both, "6.00")
    make_entry(session, low, only_low, "6.50")
    services.assign_price_list(at_distributor.direct.id, low.id, **WHO)
    services.assign_price_list(at_distributor.direct.id, high.id, 0, **WHO)

    assert price_for(at_distributor, both) == Decimal("5.0000")
    assert price_for(at_distributor, only_low) == Decimal("6.5000")
    lists = [low.id, high.id, at_distributor.price_list.id]
    services.order_price_lists(at_distributor.direct.id, lists, **WHO)
    assert price_for(at_distributor, both) == Decimal("6.0000")


def test_a_product_without_price_in_the_accounts_currency_is_not_offered(session, at_distributor) -> None:
    """CB-F5 (partly): no price in the buyer's currency, no offer; the pages of it are the storefront's."""
    product = make_product(session, at_distributor.product_type, "Dollars only")
    session.execute(update(ProductPrice).where(ProductPrice.product_id == product.id).values(currency="USD"))
    at_distributor.direct.restrict_to_price_lists = False
    buyer = root_buyer(at_distributor.direct, MONDAY)
    assert buyer_price(PriceKey(product.id, Term.P1M, BillingCycle.MONTHLY), buyer) is None


def test_assigning_a_list_leaves_existing_subscriptions_as_they_are(session, at_distributor) -> None:
    """CB-F17: the price and cost a subscription was bought at stay, whatever list its payer gets afterwards."""
    world = at_distributor
    subscription = Subscription(
        code="SUB-1", reseller_id=None, account_id=world.direct.id, payer_id=world.direct.id, product_id=world.seats.id,
        friendly_name="Mail", quantity=5, term=Term.P1M, cycle=BillingCycle.MONTHLY, unit_price=Decimal(10),
        currency="EUR", created_at=MONDAY_NOON,
    )  # fmt: skip
    session.add(subscription)
    session.flush()
    cost = SubscriptionCost(
        reseller_id=None, account_id=world.direct.id, subscription_id=subscription.id, unit_cost=Decimal(10),
        currency="EUR", price_list_id=world.price_list.id, rule="cost",
    )  # fmt: skip
    session.add(cost)
    session.flush()
    cheaper = new_list(name="Cheaper")
    make_entry(session, cheaper, world.seats, "1.00")
    services.assign_price_list(world.direct.id, cheaper.id, 0, **WHO)

    session.expire_all()
    assert price_for(world, world.seats) == Decimal("1.0000")
    assert (subscription.unit_price, cost.unit_cost, cost.price_list_id) == (
        Decimal(10),
        Decimal(10),
        world.price_list.id,
    )


def test_lists_are_named_by_priority_and_the_default_comes_last(session, at_distributor) -> None:
    default, gold = new_list(name="Everybody", is_default=True), new_list()
    services.assign_price_list(at_distributor.direct.id, gold.id, **WHO)
    assert price_list_ids_of(at_distributor.direct.id) == (at_distributor.price_list.id, gold.id, default.id)
    assert price_list_ids_of(new_id()) == (default.id,)


def test_one_list_of_a_currency_is_the_default(session, at_distributor) -> None:
    first, dollars = new_list(is_default=True), new_list(name="Dollars", currency="USD", is_default=True)
    second = new_list(name="Second", is_default=True)
    session.expire_all()
    assert [first.is_default, dollars.is_default, second.is_default] == [False, True, True]


def test_an_end_customer_pays_by_its_resellers_lists(session, at_distributor) -> None:
    customer = at_distributor.tech.customers[0]
    with pytest.raises(Invalid, match="pays its reseller"):
        services.assign_price_list(customer.id, at_distributor.price_list.id, **WHO)
    statement = select(func.count()).select_from(PriceListAssignment).where(PriceListAssignment.payer_id == customer.id)
    assert session.scalar(statement) == 0


def test_a_list_in_another_currency_is_not_assigned(session, at_distributor) -> None:
    dollars = new_list(currency="USD")
    with pytest.raises(Invalid, match="pays in EUR"):
        services.assign_price_list(at_distributor.direct.id, dollars.id, **WHO)
    assert dollars.id not in price_list_ids_of(at_distributor.direct.id)


def test_assigning_once_more_moves_the_list(at_distributor) -> None:
    gold = new_list()
    services.assign_price_list(at_distributor.direct.id, gold.id, **WHO)
    services.assign_price_list(at_distributor.direct.id, gold.id, 0, **WHO)
    assert price_list_ids_of(at_distributor.direct.id) == (gold.id, at_distributor.price_list.id)


def test_a_withdrawn_list_is_no_longer_asked(at_distributor) -> None:
    services.withdraw_price_list(at_distributor.direct.id, at_distributor.price_list.id, **WHO)
    assert price_list_ids_of(at_distributor.direct.id) == ()
    with pytest.raises(PriceListNotFound):
        services.withdraw_price_list(at_distributor.direct.id, at_distributor.price_list.id, **WHO)


def test_assigning_needs_an_account_and_a_list_of_this_distributor(at_distributor) -> None:
    with pytest.raises(AccountNotFound):
        services.assign_price_list(new_id(), at_distributor.price_list.id, **WHO)
    with pytest.raises(PriceListNotFound):
        services.assign_price_list(at_distributor.direct.id, new_id(), **WHO)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": " "}, "name_length"),
        ({"name": "partners"}, "name_taken"),
        ({"currency": "ZZZ"}, "currency_unknown"),
        ({"valid_to": date(2025, 12, 31)}, "date_order"),
        ({"description": "x" * 4001}, "description_length"),
    ],
)
def test_a_list_that_cannot_be_is_refused(session, at_distributor, changes, code) -> None:
    with pytest.raises(Invalid) as refusal:
        new_list(**changes)
    assert refusal.value.codes == (code,)
    assert session.scalar(select(func.count()).select_from(PriceList)) == 1


def test_currency_is_frozen_by_the_first_entry(session, at_distributor) -> None:
    gold = new_list()
    services.update_price_list(gold.id, details(currency="USD"), version=1, **WHO)
    services.update_price_list(gold.id, details(), version=2, **WHO)
    entries.add_products(gold.id, [at_distributor.seats.id], EntryRule(PriceRule.SAME), **WHO)
    with pytest.raises(Invalid) as refusal:
        services.update_price_list(gold.id, details(currency="USD"), version=3, **WHO)
    assert refusal.value.codes == ("currency_frozen",)
    assert gold.currency == "EUR"


def test_a_stale_form_does_not_overwrite(at_distributor) -> None:
    gold = new_list()
    services.update_price_list(gold.id, details(name="Golden"), version=1, **WHO)
    with pytest.raises(StaleVersion):
        services.update_price_list(gold.id, details(name="Mine"), version=1, **WHO)
    assert gold.name == "Golden"


def test_a_list_accounts_pay_by_is_not_deleted(session, at_distributor) -> None:
    with pytest.raises(PriceListAssigned):
        services.delete_price_list(at_distributor.price_list.id, **WHO)
    assert len(prices(session, at_distributor.price_list)) == 3


def test_an_unused_list_is_deleted_with_its_entries(session, at_distributor) -> None:
    gold = new_list()
    entries.add_products(gold.id, [at_distributor.seats.id], EntryRule(PriceRule.SAME), **WHO)
    services.delete_price_list(gold.id, **WHO)
    session.flush()
    assert prices(session, gold) == []


def test_another_distributors_list_does_not_exist_for_us(session, at_distributor) -> None:
    other = make_world(session, name="Other", host="cloud.other.example")
    with pytest.raises(PriceListNotFound):
        services.assign_price_list(at_distributor.direct.id, other.price_list.id, **WHO)


def test_deactivating_a_list_that_subscriptions_pay_by_has_to_be_confirmed(session, at_distributor) -> None:
    """CB-05 (partly): deactivating a list used by n subscriptions asks for confirmation showing n."""
    gold = new_list()
    off = details(is_active=False)
    with pytest.raises(Invalid) as refused:
        services.update_price_list(gold.id, off, uses=services.ListUses(3), version=1, **WHO)
    assert refused.value.codes == ("deactivation_unconfirmed",)
    assert "3 subscriptions" in refused.value.errors[0].message
    assert (gold.is_active, gold.version) == (True, 1)

    agreed = services.ListUses(3, is_agreed=True)
    assert not services.update_price_list(gold.id, off, uses=agreed, version=1, **WHO).is_active
    unused = new_list(name="Silver")
    services.update_price_list(unused.id, details(name="Silver", is_active=False), version=1, **WHO)
    assert not unused.is_active


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"is_active": False}, "list_inactive"), ({"valid_to": date(2026, 2, 1)}, "list_expired")],
)
def test_a_list_that_is_inactive_or_has_expired_is_not_assigned(session, at_distributor, changes, code) -> None:
    """BC-21: inactive, expired or wrong-currency lists cannot be assigned."""
    gold, payer = new_list(**changes), at_distributor.direct.id
    with pytest.raises(Invalid) as refused:
        services.assign_price_list(payer, gold.id, **WHO)
    assert refused.value.codes == (code,)
    assert gold.id not in price_list_ids_of(payer)
    assert gold not in assignable_lists(payer, "EUR", MONDAY)


def test_a_list_has_an_owner_among_the_distributors_people(session, at_distributor) -> None:
    world = at_distributor
    gold = new_list(owner_id=world.bss_user.id)
    assert gold.owner_id == world.bss_user.id
    for stranger in (new_id(), world.direct_buyer.id):
        with pytest.raises(Invalid) as refused:
            services.update_price_list(gold.id, details(owner_id=stranger), version=1, **WHO)
        assert refused.value.codes == ("unknown",)
    assert gold.owner_id == world.bss_user.id
