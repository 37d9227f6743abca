"""Products, product types and categories in BSS."""

from __future__ import annotations

import io
from decimal import Decimal
from http import HTTPStatus

import pytest
from PIL import Image
from sqlalchemy import func, select

from app.catalogue.imports.models import CategoryRule
from app.catalogue.models import BillingCycle, Category, Product, ProductKind, ProductPrice, ProductType, Term
from app.core import db
from app.core.ids import new_id
from app.identity.models import UserKind, UserType
from app.orders.models import Order, OrderChannel, OrderItem, OrderStatus
from app.pricing.models import PriceListEntry, PriceRule
from tenants.context import scope
from tests.factories.world import MONDAY_NOON, make_product, make_user


@pytest.fixture
def staff(sign_in, world):
    return sign_in(world.bss_user)


@pytest.fixture
def reader(sign_in, world, session):
    with scope(world.scope):
        user = make_user(session, None, kind=UserKind.BSS, realms=(world.id,), roles=("read_only",), type=UserType.USER)
    return sign_in(user)


def one(world, statement):
    with scope(world.scope):
        return db.session.scalars(statement.execution_options(populate_existing=True)).one()


def count(world, model) -> int | None:
    with scope(world.scope):
        return db.session.scalar(select(func.count()).select_from(model))


def form_of(product: Product, **changes: str) -> dict[str, str]:
    return {
        "name": product.name,
        "product_type_id": str(product.product_type_id),
        "category_id": "",
        "group_id": "",
        "audience": "everyone",
        "min_quantity": "1",
        "step_quantity": "1",
        "version": str(product.version),
        "is_active": "y",
        **changes,
    }


def ordered(world, product: Product) -> None:
    with scope(world.scope):
        order = Order(
            id=new_id(), reseller_id=None, account_id=world.direct.id, number="SO-9", status=OrderStatus.SUBMITTED,
            channel=OrderChannel.ROOT, payer_id=world.direct.id, net_total=Decimal(1), currency="EUR",
            contact_email="dora@people.example", placed_by_id=world.direct_buyer.id, placed_at=MONDAY_NOON,
        )  # fmt: skip
        db.session.add(order)
        db.session.flush()
        db.session.add(
            OrderItem(
                reseller_id=None, account_id=world.direct.id, order_id=order.id, position=1, product_id=product.id,
                product_name=product.name, term=Term.P1M, cycle=BillingCycle.MONTHLY, quantity=1,
                unit_price=Decimal(1), line_total=Decimal(1), currency="EUR",
            )
        )  # fmt: skip
        db.session.flush()


def test_the_list_is_searched_and_filtered(staff, world) -> None:
    everything = staff.get("/bss/products").text
    assert all(product.name in everything for product in world.products)
    found = staff.get("/bss/products?q=fabrikam").text
    assert "Fabrikam Tool</a>" in found
    assert "Contoso Mail</a>" not in found
    assert "No products found" in staff.get("/bss/products?state=inactive").text
    assert "Contoso Mail</a>" in staff.get(f"/bss/products?category={world.category.id}&vendor=Contoso").text


def test_the_export_holds_what_the_list_shows_and_costs_for_those_who_see_them(staff, world) -> None:
    exported = staff.get("/bss/products?q=contoso&format=csv").text
    assert exported.count("\n") == 3
    assert "Vendor cost" in exported
    assert "Fabrikam" not in exported
    workbook = staff.get("/bss/products?format=xlsx")
    assert workbook.headers["Content-Disposition"] == 'attachment; filename="products.xlsx"'


def test_who_does_not_see_costs_gets_none(reader, world) -> None:
    with scope(world.scope):
        assert "Vendor cost" not in reader.get("/bss/products?format=csv").text
    shown = reader.get(f"/bss/products/{world.seats.id}").text
    assert "12.00" in shown
    assert "8.00" not in shown


def test_a_product_is_made_priced_and_published(staff, world) -> None:
    data = {
        "code": "NEW-1", "name": "Brand new", "product_type_id": str(world.product_type.id), "audience": "everyone",
        "min_quantity": "1", "step_quantity": "1", "is_active": "y",
    }  # fmt: skip
    answer = staff.post("/bss/products/new", data=data)
    assert answer.status_code == HTTPStatus.SEE_OTHER
    made = one(world, select(Product).where(Product.code_key == "new-1"))
    staff.post(f"/bss/products/{made.id}/mark", data={"action": "publish"})
    assert one(world, select(Product.is_published).where(Product.id == made.id)) is False

    price = {"term": "P1Y", "cycle": "monthly", "currency": "EUR", "list_price": "6.50", "vendor_cost": "4.80"}
    assert staff.post(f"/bss/products/{made.id}/prices", data=price).status_code == HTTPStatus.SEE_OTHER
    staff.post(f"/bss/products/{made.id}/mark", data={"action": "publish"})
    assert one(world, select(Product.is_published).where(Product.id == made.id)) is True
    assert "€78.00" in staff.get(f"/bss/products/{made.id}").text


def test_a_refused_product_keeps_what_was_typed(staff, world) -> None:
    before = count(world, Product)
    data = {"code": world.seats.code.lower(), "name": "Typed name", "product_type_id": str(world.product_type.id),
            "audience": "everyone", "min_quantity": "1", "step_quantity": "1"}  # fmt: skip
    answer = staff.post("/bss/products/new", data=data)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Another product has this code" in answer.text
    assert 'value="Typed name"' in answer.text
    assert count(world, Product) == before


def test_a_product_is_edited(staff, world) -> None:
    answer = staff.post(
        f"/bss/products/{world.seats.id}/edit", data=form_of(world.seats, name="Contoso Post", is_published="y")
    )
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert one(world, select(Product.name).where(Product.id == world.seats.id)) == "Contoso Post"


def test_a_stale_form_is_a_conflict_and_changes_nothing(staff, world) -> None:
    answer = staff.post(f"/bss/products/{world.seats.id}/edit", data=form_of(world.seats, name="Mine", version="0"))
    assert answer.status_code == HTTPStatus.CONFLICT
    assert one(world, select(Product.name).where(Product.id == world.seats.id)) == "Contoso Mail"


def test_deleting_an_ordered_product_is_a_conflict(staff, world) -> None:
    """CB-F7: 409, told with the number of references; the product stays."""
    ordered(world, world.seats)
    answer = staff.post(f"/bss/products/{world.seats.id}/delete")
    assert answer.status_code == HTTPStatus.CONFLICT
    assert "used in 1 orders" in answer.text
    assert one(world, select(Product.name).where(Product.id == world.seats.id)) == "Contoso Mail"


def test_a_product_nobody_ordered_is_deleted(staff, world, session) -> None:
    with scope(world.scope):
        product = make_product(session, world.product_type, "Unwanted")
    assert staff.post(f"/bss/products/{product.id}/delete").status_code == HTTPStatus.SEE_OTHER
    assert staff.get(f"/bss/products/{product.id}").status_code == HTTPStatus.NOT_FOUND


def test_marks_are_set_on_ticked_rows_or_on_all_that_match(staff, world) -> None:
    staff.post("/bss/products/mark?q=contoso", data={"action": "feature", "selected": [str(world.seats.id)]})
    with scope(world.scope):
        featured = set(db.session.scalars(select(Product.id).where(Product.is_featured)))
    assert featured == {world.seats.id}
    staff.post("/bss/products/mark?q=contoso", data={"action": "feature", "all_matching": "1"})
    with scope(world.scope):
        featured = set(db.session.scalars(select(Product.id).where(Product.is_featured)))
    assert featured == {world.seats.id, world.suite.id}


def test_price_lists_follow_a_price_set_by_hand(staff, world, session) -> None:
    with scope(world.scope):
        entry = session.scalars(select(PriceListEntry).where(PriceListEntry.product_id == world.seats.id)).one()
        entry.rule, entry.value = PriceRule.DISCOUNT, Decimal(50)
        session.flush()
    price = {"term": "P1M", "cycle": "monthly", "currency": "EUR", "list_price": "30", "vendor_cost": "8"}
    assert staff.post(f"/bss/products/{world.seats.id}/prices", data=price).status_code == HTTPStatus.SEE_OTHER
    assert one(world, select(PriceListEntry.price).where(PriceListEntry.product_id == world.seats.id)) == Decimal(15)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"list_price": "abc"}, "Not a valid decimal value"),
        ({"list_price": "-1"}, "Enter an amount from 0"),
        ({"cycle": "annual"}, "does not fit into the term"),
    ],
)
def test_a_bad_price_is_told_at_its_field(staff, world, changes, words) -> None:
    price = {"term": "P1M", "cycle": "monthly", "currency": "EUR", "list_price": "30", "vendor_cost": "8", **changes}
    answer = staff.post(f"/bss/products/{world.seats.id}/prices", data=price)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in answer.text
    assert one(world, select(ProductPrice.list_price).where(ProductPrice.product_id == world.seats.id)) == Decimal(12)


def test_a_price_is_withdrawn(staff, world) -> None:
    assert (
        staff.post(f"/bss/products/{world.seats.id}/prices/P1M/monthly/EUR/withdraw").status_code
        == HTTPStatus.SEE_OTHER
    )
    assert one(world, select(ProductPrice.is_withdrawn).where(ProductPrice.product_id == world.seats.id)) is True
    missing = staff.post(f"/bss/products/{world.seats.id}/prices/P9M/monthly/EUR/withdraw")
    assert missing.status_code == HTTPStatus.NOT_FOUND


def test_a_picture_is_stored_and_served_anew(staff, world) -> None:
    drawn = io.BytesIO()
    Image.new("RGB", (10, 10), "blue").save(drawn, "PNG")
    drawn.seek(0)
    answer = staff.post(f"/bss/products/{world.seats.id}/picture", data={"picture": (drawn, "blue.png")})
    assert answer.status_code == HTTPStatus.SEE_OTHER
    image_id = one(world, select(Product.image_id).where(Product.id == world.seats.id))
    served = staff.get(f"/bss/products/pictures/{image_id}")
    assert (served.mimetype, served.data[:4]) == ("image/webp", b"RIFF")
    refused = staff.post(f"/bss/products/{world.seats.id}/picture", data={"picture": (io.BytesIO(b"<svg/>"), "x.png")})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Choose a PNG" in refused.text
    assert one(world, select(Product.image_id).where(Product.id == world.seats.id)) == image_id
    staff.post(f"/bss/products/{world.seats.id}/picture/remove")
    assert staff.get(f"/bss/products/pictures/{image_id}").status_code == HTTPStatus.NOT_FOUND


def test_reading_is_not_writing(reader, world) -> None:
    assert reader.get("/bss/products").status_code == HTTPStatus.OK
    for path in ("/bss/products/new", f"/bss/products/{world.seats.id}/edit", "/bss/product_types/new"):
        assert reader.get(path.replace("_", "-")).status_code == HTTPStatus.FORBIDDEN
    assert reader.post(f"/bss/products/{world.seats.id}/delete").status_code == HTTPStatus.FORBIDDEN
    assert (
        reader.post("/bss/products/mark", data={"action": "feature", "all_matching": "1"}).status_code
        == HTTPStatus.FORBIDDEN
    )
    with scope(world.scope):
        assert db.session.scalar(select(func.count()).select_from(Product).where(Product.is_featured)) == 0


def test_a_product_type_is_made_with_name_and_kind_alone(staff, world) -> None:
    """CB-F1: a root type, executed automatically."""
    assert (
        staff.post("/bss/product-types/new", data={"name": "Backup", "kind": "one_off"}).status_code
        == HTTPStatus.SEE_OTHER
    )
    made = one(world, select(ProductType).where(ProductType.name == "Backup"))
    assert (made.kind, made.inherits_from_id, made.non_automatic) == (ProductKind.ONE_OFF, None, False)
    again = staff.post("/bss/product-types/new", data={"name": "backup", "kind": "one_off"})
    assert again.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Backup" in staff.get("/bss/product-types").text


def test_a_product_type_is_changed(staff, world) -> None:
    data = {"name": "Cloud service", "kind": "subscription", "non_automatic": "y", "is_active": "y",
            "inherits_from_id": "", "service_manager_id": ""}  # fmt: skip
    assert staff.save(f"/bss/product-types/{world.product_type.id}", data=data).status_code == HTTPStatus.SEE_OTHER
    assert one(world, select(ProductType.non_automatic).where(ProductType.id == world.product_type.id)) is True


def test_categories_are_made_moved_and_deleted(staff, world) -> None:
    staff.post("/bss/categories/new", data={"name": "Mail", "parent_id": str(world.category.id), "icon": "mail"})
    made = one(world, select(Category).where(Category.name == "Mail"))
    assert made.parent_id == world.category.id
    into_itself = staff.save(
        f"/bss/categories/{world.category.id}", data={"name": "Productivity", "parent_id": str(made.id), "icon": "box"}
    )
    assert into_itself.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "A category cannot stand below itself" in into_itself.text
    assert staff.post(f"/bss/categories/{world.category.id}/delete").status_code == HTTPStatus.CONFLICT
    assert staff.post(f"/bss/categories/{made.id}/delete").status_code == HTTPStatus.SEE_OTHER
    assert count(world, Category) == 1


def test_rules_are_saved_and_removed(staff, world) -> None:
    data = {"field": "tag", "contains": "license", "category_id": str(world.category.id)}
    assert staff.post("/bss/categories/rules", data=data).status_code == HTTPStatus.SEE_OTHER
    rule_id = one(world, select(CategoryRule.id))
    assert "When the tag contains “license”: Productivity" in staff.get("/bss/categories").text
    assert staff.post(f"/bss/categories/rules/{rule_id}/delete").status_code == HTTPStatus.SEE_OTHER
    assert count(world, CategoryRule) == 0


@pytest.mark.parametrize(
    "path", ["/bss/products/{id}", "/bss/products/{id}/edit", "/bss/product-types/{id}", "/bss/categories/{id}"]
)
def test_what_does_not_exist_here_is_not_found(staff, path) -> None:
    assert staff.get(path.format(id=new_id())).status_code == HTTPStatus.NOT_FOUND
