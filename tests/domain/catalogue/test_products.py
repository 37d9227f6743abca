"""Product types, products, their prices and pictures; the category tree."""

from __future__ import annotations

import io
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import func, select

from app.audit.services import SYSTEM
from app.catalogue import services
from app.catalogue.attachments.models import StoredImage
from app.catalogue.errors import ProductNotFound, ProductOffered, StillUsed
from app.catalogue.models import (
    Audience,
    BillingCycle,
    Category,
    Product,
    ProductKind,
    ProductPrice,
    ProductType,
    Term,
    VendorCost,
)
from app.catalogue.product_lists import ProductFilter, ProductState, count_products, list_products
from app.catalogue.queries import category_lines, price_points
from app.catalogue.services import (
    CategoryDetails,
    NewProduct,
    PriceDetails,
    ProductDetails,
    ProductMark,
    ProductTypeDetails,
    RuleDetails,
)
from app.core.errors import Invalid
from app.core.ids import new_id
from app.core.versions import StaleVersion
from app.orders.models import Order, OrderChannel, OrderItem, OrderStatus
from tests.factories.world import MONDAY_NOON, make_product

WHO: dict[str, Any] = {"actor": SYSTEM, "at": MONDAY_NOON}


def details(world, **changes) -> ProductDetails:
    return ProductDetails(**{"name": "Backup", "product_type_id": world.product_type.id, **changes})


def details_of(product: Product, **changes) -> ProductDetails:
    """What the form of an existing product sends when nothing is touched, with some fields changed."""
    same = ("name", "product_type_id", "category_id", "group_id", "vendor", "unit_of_measure", "is_published")
    return ProductDetails(**{**{name: getattr(product, name) for name in same}, **changes})


def created(world, code: str = "BKP-1", **changes) -> Product:
    return services.create_product(NewProduct(code, details(world, **changes)), **WHO)


def order(session, world, product: Product) -> None:
    order_id = new_id()
    session.add(
        Order(
            id=order_id, reseller_id=None, account_id=world.direct.id, number="SO-1", status=OrderStatus.SUBMITTED,
            **required_of_order(world),
        )
    )  # fmt: skip
    session.flush()
    session.add(
        OrderItem(
            reseller_id=None, account_id=world.direct.id, order_id=order_id, position=1, product_id=product.id,
            product_name=product.name, term=Term.P1M, cycle=BillingCycle.MONTHLY, quantity=1, unit_price=Decimal(1),
            line_total=Decimal(1), currency="EUR",
        )
    )  # fmt: skip
    session.flush()


def required_of_order(world) -> dict[str, object]:
    return {
        "channel": OrderChannel.ROOT,
        "payer_id": world.direct.id,
        "net_total": Decimal(1),
        "currency": "EUR",
        "contact_email": "dora@people.example",
        "placed_by_id": world.direct_buyer.id,
        "placed_at": MONDAY_NOON,
    }


def picture(width: int = 20, height: int = 10, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(out, kind)
    return out.getvalue()


def test_a_type_needs_only_name_and_kind(session, at_distributor) -> None:
    """CB-F1: made as a root, its orders are executed automatically."""
    made = services.create_product_type(ProductTypeDetails("Backup", ProductKind.SUBSCRIPTION), **WHO)
    assert (made.inherits_from_id, made.non_automatic) == (None, False)


def test_a_type_does_not_inherit_from_itself_or_from_an_heir(session, at_distributor) -> None:
    root = services.create_product_type(ProductTypeDetails("Root", ProductKind.SUBSCRIPTION), **WHO)
    heir_details = ProductTypeDetails("Heir", ProductKind.SUBSCRIPTION, inherits_from_id=root.id)
    heir = services.create_product_type(heir_details, **WHO)
    for product_type, base, code in (
        (root, root.id, "inherits_itself"),
        (heir, heir.id, "inherits_itself"),
        (root, heir.id, "base_inherits"),
        (root, at_distributor.product_type.id, "is_base"),
    ):
        changed = ProductTypeDetails(product_type.name, ProductKind.SUBSCRIPTION, inherits_from_id=base)
        with pytest.raises(Invalid) as refusal:
            services.update_product_type(product_type.id, changed, version=1, **WHO)
        assert refusal.value.codes == (code,)
    assert (root.inherits_from_id, heir.inherits_from_id) == (None, root.id)


def test_names_of_types_are_unique_and_the_kind_of_a_used_one_stays(session, at_distributor) -> None:
    with pytest.raises(Invalid) as refusal:
        services.create_product_type(ProductTypeDetails("CLOUD SERVICE", ProductKind.ONE_OFF), **WHO)
    assert refusal.value.codes == ("name_taken",)
    with pytest.raises(Invalid) as refusal:
        services.update_product_type(
            at_distributor.product_type.id, ProductTypeDetails("Cloud service", ProductKind.ONE_OFF), version=1, **WHO
        )
    assert refusal.value.codes == ("kind_frozen",)
    assert session.scalar(select(func.count()).select_from(ProductType)) == 3


def test_a_product_needs_a_name_and_a_code_of_its_own(session, at_distributor) -> None:
    """CB-F4: also a code that differs only in case is refused."""
    created(at_distributor)
    before = count_products(ProductFilter())
    for code, name, expected in (
        ("", "Backup", "code_invalid"),
        ("a b", "Backup", "code_invalid"),
        ("bkp-1", "Backup", "code_taken"),
        ("BKP-2", " ", "name_length"),
    ):
        with pytest.raises(Invalid) as refusal:
            created(at_distributor, code, name=name)
        assert refusal.value.codes == (expected,)
    assert count_products(ProductFilter()) == before


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": "x" * 256}, "name_length"),
        ({"description": "x" * 4001}, "description_length"),
        ({"min_quantity": 0}, "quantity_range"),
        ({"min_quantity": 5, "max_quantity": 4}, "quantity_order"),
        ({"step_quantity": 1_000_001}, "quantity_range"),
        ({"trial_days": 0}, "trial_range"),
        ({"category_id": new_id()}, "category_unknown"),
        ({"group_id": new_id()}, "group_unknown"),
        ({"product_type_id": new_id()}, "type_unknown"),
        ({"is_published": True}, "no_price"),
    ],
)
def test_a_product_that_cannot_be_is_refused(session, at_distributor, changes, code) -> None:
    before = count_products(ProductFilter())
    with pytest.raises(Invalid) as refusal:
        created(at_distributor, **changes)
    assert refusal.value.codes == (code,)
    assert count_products(ProductFilter()) == before


def test_products_of_one_name_have_pages_of_their_own(at_distributor) -> None:
    first, second = created(at_distributor), created(at_distributor, "BKP-2")
    assert (first.slug, second.slug) == ("backup", "backup-bkp-2")


def test_search_ignores_case_and_accents_and_finds_name_code_vendor_and_group(session, at_distributor) -> None:
    made = created(
        at_distributor,
        "PSI.1",
        name="Ψηφιακή Άμυνα",
        vendor="Müller",
        group_id=at_distributor.group.id,
    )
    for words in ("ψηφιακη", "ΑΜΥΝΑ", "muller", "psi.1", "amazon", "contoso suite", "x"):
        found = {product.id for product in list_products(ProductFilter(search=words), limit=50)}
        assert (made.id in found) == (words != "amazon"), words


def test_editing_keeps_the_search_text_in_step_and_refuses_a_stale_form(session, at_distributor) -> None:
    product = created(at_distributor)
    services.update_product(product.id, details(at_distributor, name="Archive"), version=1, **WHO)
    assert product.search_text.startswith("archive bkp-1")
    with pytest.raises(StaleVersion):
        services.update_product(product.id, details(at_distributor, name="Mine"), version=1, **WHO)
    assert product.name == "Archive"


def test_the_type_of_an_ordered_product_stays(session, at_distributor) -> None:
    order(session, at_distributor, at_distributor.seats)
    with pytest.raises(Invalid) as refusal:
        services.update_product(
            at_distributor.seats.id,
            details_of(at_distributor.seats, product_type_id=at_distributor.plan_type.id),
            version=at_distributor.seats.version,
            **WHO,
        )
    assert refusal.value.codes == ("type_frozen",)


def test_an_ordered_product_cannot_be_deleted(session, at_distributor) -> None:
    """CB-F7: refused as a conflict with the count; the product stays."""
    order(session, at_distributor, at_distributor.seats)
    with pytest.raises(StillUsed, match="used in 1 orders") as refusal:
        services.delete_product(at_distributor.seats.id, **WHO)
    assert refusal.value.count == 1
    assert session.get(Product, (at_distributor.id, at_distributor.seats.id)) is not None


def test_a_product_resellers_offer_cannot_be_deleted(session, at_distributor) -> None:
    with pytest.raises(ProductOffered):
        services.delete_product(at_distributor.seats.id, **WHO)
    assert session.scalar(select(func.count()).select_from(Product).where(Product.id == at_distributor.seats.id)) == 1


def test_a_product_nobody_ordered_is_deleted_with_its_prices(session, at_distributor) -> None:
    product = make_product(session, at_distributor.product_type, "Unwanted")
    product_id = product.id
    services.delete_product(product_id, **WHO)
    for model in (ProductPrice, VendorCost):
        assert session.scalar(select(func.count()).select_from(model).where(model.product_id == product_id)) == 0
    with pytest.raises(ProductNotFound):
        services.delete_product(product_id, **WHO)


def test_what_is_unpublished_or_inactive_is_not_among_the_published(session, at_distributor) -> None:
    """CB-F6 (partly): it leaves the lists at once; pages are proven in tests/web/storefront, renewals in billing's."""
    published = ProductFilter(search="contoso mail", state=ProductState.PUBLISHED)
    assert count_products(published) == 1
    for mark in (ProductMark.UNPUBLISH, ProductMark.DEACTIVATE):
        services.mark_products(mark, ProductFilter(), product_ids=[at_distributor.seats.id], **WHO)
        assert count_products(published) == 0


def test_marks_are_set_on_all_that_match(session, at_distributor) -> None:
    assert services.mark_products(ProductMark.FEATURE, ProductFilter(vendor="Contoso"), **WHO) == 2
    assert services.mark_products(ProductMark.FEATURE, ProductFilter(), **WHO) == 1
    assert count_products(ProductFilter(state=ProductState.FEATURED)) == 3


def test_publishing_passes_over_products_without_a_price_and_shows_imported_ones_to_all(
    session, at_distributor
) -> None:
    bare = created(at_distributor)
    hidden = make_product(session, at_distributor.product_type, "School", audience=Audience.NOBODY, is_published=False)
    chosen = [bare.id, hidden.id]
    assert services.mark_products(ProductMark.PUBLISH, ProductFilter(), product_ids=chosen, **WHO) == 1
    rows = session.execute(
        select(Product.is_published, Product.audience).where(Product.id.in_(chosen)).order_by(Product.name)
    )
    assert [tuple(row) for row in rows] == [(False, Audience.EVERYONE), (True, Audience.EVERYONE)]


def test_a_price_is_set_with_its_vendor_cost_and_the_terms_amounts(session, at_distributor) -> None:
    product = created(at_distributor)
    price = PriceDetails(Term.P1Y, BillingCycle.MONTHLY, "EUR", Decimal("6.00"), Decimal("4.80"))
    services.set_price(product.id, price, **WHO)
    services.set_price(product.id, replace(price, list_price=Decimal("6.5000")), **WHO)
    (point,) = price_points(product.id)
    assert (point.list_price, point.term_list_price) == (Decimal("6.5"), Decimal(78))
    assert (point.vendor_cost, point.term_vendor_cost, point.is_manual) == (Decimal("4.8"), Decimal("57.6"), True)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"list_price": Decimal(-1)}, "price_range"),
        ({"list_price": Decimal("NaN")}, "price_range"),
        ({"vendor_cost": Decimal(100000000)}, "price_range"),
        ({"list_price": Decimal("1.00001")}, "price_decimals"),
        ({"currency": "ZZZ"}, "currency_unknown"),
        ({"term": Term.P1M, "cycle": BillingCycle.ANNUAL}, "cycle_does_not_fit"),
    ],
)
def test_a_price_that_cannot_be_is_refused(session, at_distributor, changes, code) -> None:
    product = created(at_distributor)
    price = PriceDetails(Term.P1Y, BillingCycle.MONTHLY, "EUR", Decimal(6), Decimal(5))
    with pytest.raises(Invalid) as refusal:
        services.set_price(product.id, replace(price, **changes), **WHO)
    assert refusal.value.codes == (code,)
    assert price_points(product.id) == []


def test_a_withdrawn_price_stays_on_record(session, at_distributor) -> None:
    seats = at_distributor.seats
    services.remove_price(seats.id, Term.P1M, BillingCycle.MONTHLY, "EUR", **WHO)
    (point,) = price_points(seats.id)
    assert point.is_withdrawn


def test_a_picture_is_written_anew(session, at_distributor) -> None:
    first = services.set_picture(at_distributor.seats.id, picture(3000, 1500), **WHO)
    with Image.open(io.BytesIO(first.content)) as stored:
        assert (stored.format, stored.size) == ("WEBP", (1200, 600))
    services.set_picture(at_distributor.seats.id, picture(kind="JPEG"), **WHO)
    session.flush()
    assert session.scalar(select(func.count()).select_from(StoredImage)) == 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<svg onload='alert(1)'/>", "file_type"),
        (b"", "file_type"),
        (picture()[:45], "file_type"),
        (picture(kind="BMP"), "file_type"),
        (b"\x89PNG" + bytes(1024 * 1024), "file_size"),
    ],
)
def test_a_file_that_is_no_picture_is_refused(session, at_distributor, content, code) -> None:
    with pytest.raises(Invalid) as refusal:
        services.set_picture(at_distributor.seats.id, content, **WHO)
    assert refusal.value.codes == (code,)
    assert at_distributor.seats.image_id is None


def test_the_category_tree_is_three_levels_deep(session, at_distributor) -> None:
    top = at_distributor.category
    second = services.create_category(CategoryDetails("Mail", top.id), **WHO)
    third = services.create_category(CategoryDetails("Archives", second.id), **WHO)
    with pytest.raises(Invalid) as refusal:
        services.create_category(CategoryDetails("Deeper", third.id), **WHO)
    assert refusal.value.codes == ("too_deep",)
    other = services.create_category(CategoryDetails("Other"), **WHO)
    with pytest.raises(Invalid) as refusal:
        services.move_category(second.id, third.id, **WHO)
    assert refusal.value.codes == ("own_child",)
    with pytest.raises(Invalid) as refusal:
        services.move_category(top.id, other.id, **WHO)
    assert refusal.value.codes == ("too_deep",)
    services.move_category(third.id, other.id, **WHO)
    assert [(line.category.name, line.depth) for line in category_lines()] == [
        ("Other", 1), ("Archives", 2), ("Productivity", 1), ("Mail", 2),
    ]  # fmt: skip


def test_names_are_unique_among_siblings_only(session, at_distributor) -> None:
    services.create_category(CategoryDetails("Mail"), **WHO)
    below = services.create_category(CategoryDetails("Mail", at_distributor.category.id), **WHO)
    with pytest.raises(Invalid) as refusal:
        services.create_category(CategoryDetails("MAIL"), **WHO)
    assert refusal.value.codes == ("name_taken",)
    assert below.slug == "mail-2"


def test_a_category_with_products_or_children_is_not_deleted(session, at_distributor) -> None:
    parent = services.create_category(CategoryDetails("Parent"), **WHO)
    child = services.create_category(CategoryDetails("Child", parent.id), **WHO)
    services.add_rule(RuleDetails("title", "backup", child.id), **WHO)
    with pytest.raises(StillUsed, match="used in 3 products"):
        services.delete_category(at_distributor.category.id, **WHO)
    with pytest.raises(StillUsed, match="1 categories below"):
        services.delete_category(parent.id, **WHO)
    assert session.scalar(select(func.count()).select_from(Category)) == 3
    services.delete_category(child.id, **WHO)
    services.delete_category(parent.id, **WHO)
    assert session.scalar(select(func.count()).select_from(Category)) == 1


def test_a_rule_names_a_field_some_text_and_a_category(at_distributor) -> None:
    with pytest.raises(Invalid) as refusal:
        services.add_rule(RuleDetails("price", " ", new_id()), **WHO)
    assert refusal.value.codes == ("field_unknown", "contains_length", "category_unknown")
