"""What the catalogue says of a product, kept on the way from the basket to the invoice: questions, needs, prices."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from http import HTTPStatus

import pytest
from sqlalchemy import select

from app.accounts.models import Account
from app.audit.services import SYSTEM, Actor
from app.billing.models import Invoice
from app.catalogue.bundles.models import BundleComponent, ComponentRule
from app.catalogue.characteristics import Characteristic, CodedValue, DataType
from app.catalogue.models import (
    BillingCycle,
    PriceScheme,
    Product,
    ProductKind,
    ProductPrice,
    ProductRelation,
    ProductType,
    RelationKind,
    RequiredMode,
    Term,
)
from app.catalogue.services import add_characteristic
from app.changes.renewals import bill_day
from app.core import db
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.orders.back_office import NewOrder, create_order
from app.orders.back_office_items import WantedItem, add_item
from app.orders.execution import execute_order
from app.orders.models import BasketItem, Order, OrderItem, OrderStatus
from app.pricing.models import Promotion, PromotionAmount, PromotionDuration
from app.provisioning.models import ProvisioningTask
from app.subscriptions.models import Subscription, SubscriptionCost, SubscriptionRole, SubscriptionStatus
from tenants.context import scope
from tests.factories.execution import Wanted, root_order, use_service_manager
from tests.factories.world import MONDAY_NOON, list_product, make_entry, make_product
from tests.web.storefront.steps import ALIAS, put, run_orders, submit

TIERS = [{"from": 1, "percent": "10"}, {"from": 11, "percent": "30"}]


@pytest.fixture
def buyer(sign_in, world):
    return sign_in(world.direct_buyer)


@pytest.fixture
def office(world, session):
    """A monthly product at a list price of 10.00 and vendor cost of 6.00, in no price list."""
    return product(world, session, "Office", "10.00")


def product(world, session, name: str, price: str, **columns: object) -> Product:
    with scope(world.scope):
        made = make_product(session, world.product_type, name, vendor_cost="6.00", list_price=price, **columns)
        session.commit()
    return made


def change(world, session, item: Product, **columns: object) -> None:
    with scope(world.scope):
        found = session.get_one(Product, (world.id, item.id))
        for name, value in columns.items():
            setattr(found, name, value)
        session.commit()


def relate(world, session, kind: RelationKind, item: Product, *others: Product) -> None:
    with scope(world.scope):
        for other in others:
            first, second = (item.id, other.id)
            if kind is RelationKind.EXCLUSIVE:
                first, second = sorted((first, second))
            session.add(ProductRelation(kind=kind, product_id=first, other_id=second))
        session.commit()


def ask(world, session, **fields) -> None:
    with scope(world.scope):
        add_characteristic(world.product_type.id, Characteristic(**fields), actor=SYSTEM, at=MONDAY_NOON)
        session.commit()


def rows(world, model, *conditions) -> list:
    with scope(world.scope):
        return list(
            db.session.scalars(
                select(model).where(*conditions).order_by(model.id).execution_options(populate_existing=True)
            )
        )


def checkout(client, world, **data: str) -> Order:
    """Go from the basket to an executed order."""
    assert client.post("/checkout/details", data={}).status_code == HTTPStatus.SEE_OTHER
    number = submit(client, **data)
    run_orders(world)
    (order,) = rows(world, Order, Order.number == number)
    return order


REGION = {
    "id": "region", "name": "Data region", "data_type": DataType.LIST, "is_required": True, "asked_at_order": True,
    "values": (CodedValue("eu", "Europe"), CodedValue("us", "America")),
}  # fmt: skip


def test_an_item_without_a_required_answer_is_marked_and_not_executed(buyer, sign_in, world, session, office):
    """CB-F3: the item is red in the basket, checkout refuses it, and an order that holds one answers 422."""
    ask(world, session, **REGION)
    put(buyer, office, quantity="1")

    shown = buyer.get("/basket").text
    assert "basket-line--wrong" in shown
    assert "Office: Data region is needed" in shown
    assert buyer.get("/checkout/review").status_code == HTTPStatus.SEE_OTHER  # back to the basket
    placed = root_order(session, world, [Wanted(office, 1, "10.00")], status=OrderStatus.SUBMITTED)
    number = placed.number
    with scope(world.scope), pytest.raises(Invalid) as refused, unit_of_work():
        execute_order(number, actor=SYSTEM, at=utc_now())
    assert refused.value.codes == ("characteristic_required",)
    refusal = sign_in(world.bss_user).post(f"/bss/orders/{number}/execute", data={})
    assert refusal.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Data region is needed" in refusal.text
    assert rows(world, Subscription) == []


def test_an_answer_given_in_the_basket_reaches_the_subscription(buyer, world, session, office):
    """CB-01: a coded value is kept as its code; a code of no list is refused at the line."""
    ask(world, session, **REGION)
    put(buyer, office, quantity="1")
    (item,) = rows(world, BasketItem)

    wrong = buyer.post(f"/basket/items/{item.id}", data={"quantity": "1", "characteristic-region": "mars"})
    assert wrong.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Choose one of the values of Data region" in wrong.text
    buyer.post(f"/basket/items/{item.id}", data={"quantity": "1", "characteristic-region": "eu"})
    order = checkout(buyer, world)

    assert order.status is OrderStatus.EXECUTED
    (made,) = rows(world, Subscription)
    assert made.characteristics == {"region": "eu"}


def test_what_storefronts_do_not_show_is_not_asked_there(buyer, world, session, office):
    ask(world, session, **{**REGION, "is_visible": False})

    put(buyer, office, quantity="1")

    assert "Data region" not in buyer.get("/basket").text
    assert "Data region" not in buyer.get(f"/product/{office.slug}").text


def test_a_product_without_a_price_in_the_accounts_currency_is_not_there(buyer, world, session, office):
    """CB-F5: neither listed nor orderable; the direct request answers 404."""
    with scope(world.scope):
        price = session.scalars(select(ProductPrice).where(ProductPrice.product_id == office.id)).one()
        price.currency = "USD"
        session.commit()

    added = buyer.post("/basket/items", data={"product_id": str(office.id), "price": "P1M.monthly", "quantity": "1"})

    assert "Office" not in buyer.get("/catalogue").text
    assert buyer.get(f"/product/{office.slug}").status_code == HTTPStatus.NOT_FOUND
    assert added.status_code == HTTPStatus.NOT_FOUND
    assert rows(world, BasketItem) == []


@pytest.mark.parametrize(
    ("scheme", "quantity", "total"),
    [
        (PriceScheme.VOLUME, "15", "105.00"),
        (PriceScheme.VOLUME, "10", "90.00"),
        (PriceScheme.TIERED, "15", "125.00"),
    ],
)
def test_tiers_price_basket_order_and_invoice_alike(buyer, world, session, office, scheme, quantity, total):
    """CB-F8, CB-F9: volume tiers give 105.00 and 90.00, tiered 125.00, from the basket to the invoice."""
    change(world, session, office, price_scheme=scheme, price_tiers=TIERS)
    put(buyer, office, quantity=quantity)

    assert f"€{total}" in buyer.get("/basket").text
    order = checkout(buyer, world)

    assert order.net_total == Decimal(total)
    (invoice,) = rows(world, Invoice)
    assert invoice.net_total == Decimal(total)


def test_a_new_quantity_at_another_tier_is_no_price_change(buyer, world, session, office):
    change(world, session, office, price_scheme=PriceScheme.VOLUME, price_tiers=TIERS)
    put(buyer, office, quantity="5")
    buyer.get("/basket")
    (item,) = rows(world, BasketItem)

    buyer.post(f"/basket/items/{item.id}", data={"quantity": "15"})

    assert "Price changed" not in buyer.get("/basket").text
    assert checkout(buyer, world).net_total == Decimal("105.00")


def test_tiers_under_an_alias_are_marked_up_on_the_unit_cost_of_the_line(sign_in, world, session, office):
    """CB-04, decisions 8: 15 tiered units cost 125.00, so 8.3333 each; the sell price is that and the markup."""
    change(world, session, office, price_scheme=PriceScheme.TIERED, price_tiers=TIERS)
    with scope(world.scope):
        make_entry(session, world.price_list, office, "10.00")
        list_product(session, world.tech, office)
        session.commit()
    customer = sign_in(world.tech.buyers[0])
    put(customer, office, path=ALIAS, quantity="15")
    customer.get(f"{ALIAS}/basket")
    customer.post(f"{ALIAS}/checkout/details", data={})
    number = submit(customer, path=ALIAS)

    run_orders(world)

    (order,) = rows(world, Order, Order.number == number)
    (item,) = rows(world, OrderItem, OrderItem.order_id == order.id)
    assert item.unit_price >= Decimal("8.34")
    assert item.line_total == item.unit_price * 15


def test_options_add_an_amount_and_a_percentage_of_the_base(buyer, world, session):
    """CB-F11: +5.00 and +10 % on 20.00 is 27.00, chosen on the product's page; an unknown one is refused."""
    suite = product(world, session, "Analytics", "20.00")
    change(world, session, suite, price_options=[
        {"code": "support", "name": "Support", "amount": "5.00", "percent": None, "currency": "EUR"},
        {"code": "region", "name": "Second region", "amount": None, "percent": "10", "currency": None},
    ])  # fmt: skip
    form = {"product_id": str(suite.id), "price": "P1M.monthly", "quantity": "1"}

    page = buyer.get(f"/product/{suite.slug}").text
    assert "Second region" in page
    assert "+€5.00" in page
    refused = buyer.post("/basket/items", data={**form, "option": ["free-beer"]})
    added = buyer.post("/basket/items", data={**form, "option": ["support", "region"]})

    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert added.status_code == HTTPStatus.SEE_OTHER
    assert "€27.00" in buyer.get("/basket").text
    order = checkout(buyer, world)
    assert order.net_total == Decimal("27.00")
    (made,) = rows(world, Subscription)
    assert made.price_options == ["support", "region"]


def test_a_required_product_is_bought_with_one_click_and_set_up_first(buyer, world, session, office):
    """CB-F23: alone it is refused; with what it needs in the same basket it passes, and that is provisioned first."""
    needed = product(world, session, "Directory", "3.00")
    relate(world, session, RelationKind.REQUIRED, office, needed)
    use_service_manager(session, world)
    put(buyer, office, quantity="1")

    shown = buyer.get("/basket").text
    assert "Office needs Directory" in shown
    assert "Add Directory" in shown
    assert buyer.get("/checkout/review").status_code == HTTPStatus.SEE_OTHER
    assert rows(world, Order) == []
    put(buyer, needed, quantity="1")
    order = checkout(buyer, world)

    assert order.status is OrderStatus.EXECUTED
    names = {each.id: each.product_id for each in rows(world, Subscription)}
    tasks = sorted(rows(world, ProvisioningTask), key=lambda task: (task.created_at, task.id))
    assert [names[task.subject_id] for task in tasks] == [needed.id, office.id]


def test_an_owned_required_product_is_enough_and_any_of_them_where_said_so(buyer, world, session, office):
    one, other = product(world, session, "Basic plan", "1.00"), product(world, session, "Extra plan", "2.00")
    relate(world, session, RelationKind.REQUIRED, office, one, other)
    change(world, session, office, required_mode=RequiredMode.ANY)
    put(buyer, office, quantity="1")
    assert "Office needs one of Basic plan, Extra plan" in buyer.get("/basket").text

    with scope(world.scope):
        session.add(owned(world, other))
        session.commit()

    assert "needs" not in buyer.get("/basket").text
    assert checkout(buyer, world).status is OrderStatus.EXECUTED


def test_an_order_without_its_required_product_is_not_executed(world, session, office):
    """CB-F23 (partly): the execution asks again, and creates nothing."""
    needed = product(world, session, "Directory", "3.00")
    relate(world, session, RelationKind.REQUIRED, office, needed)
    placed = root_order(session, world, [Wanted(office, 1, "10.00")])

    run_orders(world)

    (order,) = rows(world, Order, Order.id == placed.id)
    assert order.status is OrderStatus.SUBMITTED
    assert rows(world, Subscription) == []


def owned(world, item: Product, status: SubscriptionStatus = SubscriptionStatus.ACTIVE) -> Subscription:
    return Subscription(
        code=f"SUB-{item.code}", account_id=world.direct.id, payer_id=world.direct.id, product_id=item.id,
        friendly_name=f"Our {item.name}", quantity=1, term=Term.P1M, cycle=BillingCycle.MONTHLY, unit_price=None,
        currency="EUR", status=status, created_at=MONDAY_NOON,
    )  # fmt: skip


def test_an_excluded_product_is_refused_by_name_and_its_upgrade_offered(buyer, world, session, office):
    """CB-F25: with A active, buying exclusive B is refused; where A may become B, the upgrade is offered."""
    other = product(world, session, "Office Plus", "15.00")
    relate(world, session, RelationKind.EXCLUSIVE, office, other)
    with scope(world.scope):
        session.add(owned(world, office))
        session.commit()
    form = {"product_id": str(other.id), "price": "P1M.monthly", "quantity": "1"}

    refused = buyer.post("/basket/items", data=form)
    relate(world, session, RelationKind.UPGRADE, office, other)
    offered = buyer.post("/basket/items", data=form)

    code = f"SUB-{office.code}"
    assert refused.status_code == offered.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert f"Our Office ({code})" in refused.text
    assert "upgrade that subscription instead" not in refused.text
    assert "upgrade that subscription instead" in offered.text
    assert f"/billing/subscriptions/{code}" in offered.text
    assert rows(world, BasketItem) == []


@pytest.mark.parametrize(
    ("status", "is_refused"),
    [
        (SubscriptionStatus.SUSPENDED, True),
        (SubscriptionStatus.PENDING_ACTIVATION, True),
        (SubscriptionStatus.PENDING_CANCELLATION, True),
        (SubscriptionStatus.CANCELED, False),
        (SubscriptionStatus.EXPIRED, False),
    ],
)
def test_only_what_is_still_held_excludes(buyer, world, session, office, status, is_refused):
    other = product(world, session, "Office Plus", "15.00")
    relate(world, session, RelationKind.EXCLUSIVE, office, other)
    with scope(world.scope):
        session.add(owned(world, office, status))
        session.commit()

    added = buyer.post("/basket/items", data={"product_id": str(other.id), "price": "P1M.monthly", "quantity": "1"})

    assert (added.status_code == HTTPStatus.UNPROCESSABLE_ENTITY) is is_refused


def test_a_basket_holds_no_two_that_exclude_each_other_and_an_order_of_both_is_not_executed(
    buyer, world, session, office
):
    other = product(world, session, "Office Plus", "15.00")
    relate(world, session, RelationKind.EXCLUSIVE, office, other)
    put(buyer, office, quantity="1")

    added = buyer.post("/basket/items", data={"product_id": str(other.id), "price": "P1M.monthly", "quantity": "1"})
    root_order(session, world, [Wanted(office, 1, "10.00"), Wanted(other, 1, "15.00")])
    run_orders(world)

    assert added.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "cannot be bought together with Office" in added.text
    assert rows(world, Subscription) == []


def test_a_type_sold_once_per_customer_is_not_sold_twice(buyer, world, session, office):
    with scope(world.scope):
        session.get_one(ProductType, (world.id, world.product_type.id)).one_per_customer = True
        session.add(owned(world, office))
        session.commit()

    added = buyer.post("/basket/items", data={"product_id": str(office.id), "price": "P1M.monthly", "quantity": "1"})

    assert added.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "can be bought once" in added.text


def test_a_bundle_is_one_invoiced_subscription_and_a_record_per_component(buyer, world, session):
    """CB-F27: 12.00 at -10 % plus 5.00 costs 15.80 and makes one invoiced subscription, one record per component."""
    first, second = product(world, session, "Mailbox", "12.00"), product(world, session, "Backup", "5.00")
    with scope(world.scope):
        bundle_type = ProductType(name="Bundles", kind=ProductKind.BUNDLE, created_at=MONDAY_NOON)
        session.add(bundle_type)
        session.flush()
        bundle = make_product(session, bundle_type, "Starter pack", list_price="15.80")
        session.add_all([
            BundleComponent(bundle_id=bundle.id, product_id=first.id, rule=ComponentRule.DISCOUNT, value=Decimal(10)),
            BundleComponent(bundle_id=bundle.id, product_id=second.id, position=1),
        ])  # fmt: skip
        session.commit()
    put(buyer, bundle, quantity="1")

    order = checkout(buyer, world)

    assert order.net_total == Decimal("15.80")
    (invoice,) = rows(world, Invoice)
    assert invoice.net_total == Decimal("15.80")
    roles = sorted(each.role.value for each in rows(world, Subscription))
    assert roles == sorted([SubscriptionRole.MAIN.value, *[SubscriptionRole.COMPONENT.value] * 2])


def promote(world, session, **fields: object) -> Promotion:
    with scope(world.scope):
        promotion = Promotion(
            **{
                "name": "Spring", "code": "SPRING-20", "starts_on": utc_now().date() - timedelta(days=5),
                "amount_kind": PromotionAmount.PERCENT, "value": Decimal(20), "duration": PromotionDuration.LIMITED,
                "cycles": 3, "created_at": MONDAY_NOON, **fields,
            }
        )  # fmt: skip
        session.add(promotion)
        session.commit()
    return promotion


def test_a_code_lowers_three_cycles_and_no_more(buyer, world, session):
    """CB-F46: 20 % for 3 cycles on 60.00: 48.00 three times, then 60.00, from the typed code to the renewals."""
    mail = product(world, session, "Mail", "20.00")
    promotion = promote(world, session)
    put(buyer, mail, quantity="3")
    assert "€60.00" in buyer.get("/basket").text

    assert buyer.post("/basket/code", data={"code": " spring-20 "}).status_code == HTTPStatus.SEE_OTHER
    assert "€48.00" in buyer.get("/basket").text
    order = checkout(buyer, world)

    assert order.net_total == Decimal("48.00")
    (cost,) = rows(world, SubscriptionCost)
    assert (cost.promotion_id, cost.promotion_cycles_left, cost.unit_cost) == (promotion.id, 2, Decimal(16))
    for _ in range(3):
        (made,) = rows(world, Subscription)
        on = made.period_to + timedelta(days=1)
        with scope(world.scope):
            bill_day(world.direct.id, on, at=utc_now())
            session.commit()
    nets = [each.net_total for each in sorted(rows(world, Invoice), key=lambda each: each.issued_on)]
    assert nets == [Decimal("48.00"), Decimal("48.00"), Decimal("48.00"), Decimal("60.00")]
    assert rows(world, Promotion)[0].redeemed == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"ends_on": utc_now().date() - timedelta(days=2)}, "This code has expired"),
        ({"max_redemptions": 2, "redeemed": 2}, "This code has been used up"),
        ({"is_active": False}, "There is no such code"),
        ({"starts_on": utc_now().date() + timedelta(days=3)}, "There is no such code"),
        ({"amount_kind": PromotionAmount.AMOUNT, "currency": "USD"}, "not for your company"),
    ],
)
def test_a_code_that_does_not_count_is_refused_with_its_reason(buyer, world, session, office, fields, words):
    """CB-F47: expired and exhausted codes are refused with that reason; the basket stays as it was."""
    promote(world, session, **fields)
    put(buyer, office, quantity="1")

    refused = buyer.post("/basket/code", data={"code": "SPRING-20"})

    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in refused.text
    assert 'value="SPRING-20"' in refused.text
    assert "€10.00" in buyer.get("/basket").text


def test_a_code_for_new_customers_is_refused_after_the_first_order(buyer, world, session, office):
    """CB-F47: a customer with an executed order is not new; before it, the code counts."""
    promote(world, session, new_customers_only=True)
    put(buyer, office, quantity="1")
    assert buyer.post("/basket/code", data={"code": "SPRING-20"}).status_code == HTTPStatus.SEE_OTHER
    buyer.get("/basket")
    checkout(buyer, world)
    put(buyer, office, quantity="1")

    refused = buyer.post("/basket/code", data={"code": "SPRING-20"})

    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "for new customers only" in refused.text


def test_a_code_is_used_up_per_account_and_an_unknown_one_is_none(buyer, world, session, office):
    promote(world, session, max_per_account=1)
    put(buyer, office, quantity="1")
    buyer.post("/basket/code", data={"code": "SPRING-20"})
    buyer.get("/basket")
    checkout(buyer, world)
    put(buyer, office, quantity="1")

    assert "used this code up" in buyer.post("/basket/code", data={"code": "SPRING-20"}).text
    assert "There is no such code" in buyer.post("/basket/code", data={"code": "NOPE"}).text
    assert "There is no such code" in buyer.post("/basket/code", data={"code": ""}).text


def test_the_best_promotion_counts_and_they_do_not_add_up(buyer, world, session, office):
    """CB-16: one by itself at 30 %, a code at 20 %, an amount of 1.00: 30 % it is; removing the code changes nothing."""
    promote(world, session)
    promote(world, session, name="By itself", code=None, value=Decimal(30))
    promote(world, session, name="An euro", code=None, amount_kind=PromotionAmount.AMOUNT, value=1, currency="EUR")
    put(buyer, office, quantity="1")
    buyer.post("/basket/code", data={"code": "SPRING-20"})

    shown = buyer.get("/basket").text
    assert "€7.00" in shown
    assert "By itself" in shown
    assert buyer.post("/basket/code/remove").status_code == HTTPStatus.SEE_OTHER
    assert "€7.00" in buyer.get("/basket").text


def test_a_promotion_of_other_products_or_for_owners_leaves_the_price(buyer, world, session, office):
    other = product(world, session, "Elsewhere", "9.00")
    promote(world, session, product_ids=[other.id])
    promote(world, session, name="Owners", code="OWNERS", required_product_ids=[other.id])
    put(buyer, office, quantity="1")

    assert "not for the products in your basket" in buyer.post("/basket/code", data={"code": "SPRING-20"}).text
    assert "not for your company" in buyer.post("/basket/code", data={"code": "OWNERS"}).text
    put(buyer, other, quantity="1")
    assert buyer.post("/basket/code", data={"code": "OWNERS"}).status_code == HTTPStatus.SEE_OTHER


def test_under_an_alias_no_code_is_asked_for_and_none_counts(sign_in, world, session):
    """CB-16: the reseller's own prices stand there."""
    promote(world, session)
    promote(world, session, name="By itself", code=None, value=Decimal(50))
    customer = sign_in(world.tech.buyers[0])
    put(customer, world.seats, path=ALIAS, quantity="1")

    shown = customer.get(f"{ALIAS}/basket").text
    refused = customer.post(f"{ALIAS}/basket/code", data={"code": "SPRING-20"})

    assert "Promotion code" not in shown
    assert "By itself" not in shown
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY


def test_an_accounts_currency_stays_after_its_first_order(buyer, sign_in, world, session, office):
    """CB-F22: frozen by the first order; the page says so and changes nothing."""
    put(buyer, office, quantity="1")
    checkout(buyer, world)
    staff = sign_in(world.bss_user)
    account = rows(world, Account, Account.id == world.direct.id)[0]
    form = {
        "name": account.name, "email": account.email, "country": account.country, "currency": "USD",
        "payment_method": "cash", "payment_days": "30", "credit_limit": "0", "unlimited_credit": "y",
        "billing_day_rule": "first_day", "partial_charges": "order_day", "ordering_enabled": "y",
    }  # fmt: skip

    refused = staff.post(f"/bss/accounts/{world.direct.id}/edit", data=form)

    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "fixed after the first order" in refused.text
    assert rows(world, Account, Account.id == world.direct.id)[0].currency == "EUR"


def test_limits_of_a_type_hold_beside_those_of_the_product(buyer, world, session, office):
    """CB-01: a type's smallest and largest quantity mark the line; a domain is bought once."""
    put(buyer, office, quantity="2")
    with scope(world.scope):
        found = session.get_one(ProductType, (world.id, world.product_type.id))
        found.min_quantity, found.max_quantity = 3, 9
        session.commit()

    assert "Enter a quantity between 3 and 9" in buyer.get("/basket").text
    with scope(world.scope):
        session.get_one(ProductType, (world.id, world.product_type.id)).kind = ProductKind.DOMAIN
        session.commit()
    assert "basket-line--wrong" in buyer.get("/basket").text


def test_a_published_promotion_is_told_on_the_products_page_of_the_root_alone(buyer, sign_in, world, session, office):
    promote(world, session, is_published=True)
    promote(world, session, name="Secret", code="SECRET")

    shown = buyer.get(f"/product/{office.slug}").text
    there = sign_in(world.tech.buyers[0]).get(f"{ALIAS}/product/{world.seats.slug}").text

    assert "SPRING-20" in shown
    assert "20 % off" in shown
    assert "for 3 billing periods" in shown
    assert "SECRET" not in shown
    assert "SPRING-20" not in there


def test_related_products_and_questions_stand_on_the_products_page(buyer, world, session, office):
    other = product(world, session, "Archive", "2.00")
    relate(world, session, RelationKind.RELATED, office, other)
    ask(world, session, **REGION)

    shown = buyer.get(f"/product/{office.slug}").text

    assert f"/product/{other.slug}" in shown
    assert 'name="characteristic-region"' in shown
    wrong = buyer.post(
        "/basket/items",
        data={"product_id": str(office.id), "price": "P1M.monthly", "quantity": "1", "characteristic-region": "mars"},
    )
    assert wrong.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Choose one of the values of Data region" in wrong.text


def test_a_reseller_is_asked_again_once_its_customer_is_known(sign_in, world, session, office):
    """CB-09: what a product needs is needed by whoever receives it, not by who pays."""
    needed = product(world, session, "Directory", "3.00")
    relate(world, session, RelationKind.REQUIRED, office, needed)
    with scope(world.scope):
        make_entry(session, world.price_list, office, "10.00")
        session.add(owned(world, needed))  # the direct customer's, and nobody else's
        session.commit()
    reseller = sign_in(world.tech.admin, realm=world.root.id)
    put(reseller, office, quantity="1")
    chosen = {"recipient": "customer", "customer": str(world.tech.customers[0].id)}

    assert reseller.post("/checkout/recipient", data=chosen).status_code == HTTPStatus.SEE_OTHER

    assert "Office needs Directory" in reseller.get("/basket").text
    assert reseller.get("/checkout/review").status_code == HTTPStatus.SEE_OTHER
    assert rows(world, Order) == []


def test_staff_gives_an_order_a_code_and_takes_it_away(staff_order, sign_in, world, session, office):
    """CB-16, CB-F47: staff applies a code to an order; a wrong one is refused with its reason, the price stays."""
    promote(world, session)
    staff, number = staff_order
    path = f"/bss/promotions/orders/{number}"

    unknown = staff.post(path, data={"code": "NOPE"})
    assert unknown.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "There is no such code" in unknown.text
    assert rows(world, Order, Order.number == number)[0].net_total == Decimal("30.00")
    assert staff.post(path, data={"code": "spring-20"}).status_code == HTTPStatus.SEE_OTHER
    assert rows(world, Order, Order.number == number)[0].net_total == Decimal("24.00")
    assert "Spring" in staff.get(path).text
    assert staff.post(f"{path}/remove").status_code == HTTPStatus.SEE_OTHER
    assert rows(world, Order, Order.number == number)[0].net_total == Decimal("30.00")
    assert staff.get("/bss/promotions/orders/SO-2026-999999").status_code == HTTPStatus.NOT_FOUND
    assert "Promotion code" in staff.get(f"/bss/orders/{number}").text


@pytest.fixture
def staff_order(sign_in, world, session, office):
    """An order of the back office for the direct customer: three of Office at 10.00."""
    with scope(world.scope):
        actor = Actor(user_id=world.bss_user.id, name="Bo", reseller_id=None)
        order = create_order(NewOrder(world.direct.id), actor=actor, at=utc_now())
        wanted = WantedItem(office.id, Term.P1M, BillingCycle.MONTHLY, 3)
        add_item(order.number, wanted, actor=actor, at=utc_now())
        session.commit()
        number = order.number
    return sign_in(world.bss_user), number


def test_staff_chooses_options_on_an_order(staff_order, world, session, office):
    """CB-04: options are chosen beside the quantity; the order's price follows, an unknown one is refused."""
    change(world, session, office, price_options=[
        {"code": "support", "name": "Support", "amount": "5.00", "percent": None, "currency": "EUR"},
    ])  # fmt: skip
    staff, number = staff_order
    (item,) = rows(world, OrderItem)
    path = f"/bss/orders/{number}/items/{item.id}"

    assert "Support" in staff.get(path).text
    refused = staff.save(path, data={"quantity": "3", "option": "free-beer", "has_options": "1"})
    chosen = staff.save(path, data={"quantity": "3", "option": "support", "has_options": "1"})

    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert chosen.status_code == HTTPStatus.SEE_OTHER
    assert rows(world, Order, Order.number == number)[0].net_total == Decimal("45.00")
    assert "checked" in staff.get(path).text
