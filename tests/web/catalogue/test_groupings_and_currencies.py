"""Product groups, industries, price groups, promotions and currencies in BSS, and what storefronts show of them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from http import HTTPStatus

import pytest
from sqlalchemy import select

from app.catalogue.models import Industry, PriceGroup, Product, ProductGroup
from app.core import db
from app.core.clock import utc_now
from app.core.ids import new_id
from app.identity.models import UserKind, UserType
from app.pricing.models import Currency, Promotion
from tenants.context import scope
from tests.factories.world import make_user

PROMOTION = {
    "name": "Spring", "code": "SPRING-20", "starts_on": "2026-03-01", "amount_kind": "percent", "value": "20",
    "duration": "limited", "cycles": "3", "is_active": "y", "currency": "",
}  # fmt: skip


@pytest.fixture
def staff(sign_in, world):
    return sign_in(world.bss_user)


@pytest.fixture
def shop(sign_in, world):
    """A customer in the distributor's storefront."""
    return sign_in(world.direct_buyer)


def rows(world, model, *conditions) -> list:
    with scope(world.scope):
        return list(
            db.session.scalars(
                select(model).where(*conditions).order_by(model.id).execution_options(populate_existing=True)
            )
        )


def set_product(world, session, product, **columns) -> None:
    with scope(world.scope):
        found = session.get_one(Product, (world.id, product.id))
        for name, value in columns.items():
            setattr(found, name, value)
        session.commit()


def test_a_group_is_made_compared_and_shown_in_the_storefront(staff, shop, world):
    """CB-08: features in rows, editions in columns; yes and no are marks, a text is a text."""
    path = f"/bss/groups/{world.group.id}/comparison"
    cells = {
        "feature-0": "Storage", f"value-0-{world.seats.id}": "50 GB", f"value-0-{world.suite.id}": "1 TB",
        "feature-1": "Archive", f"value-1-{world.seats.id}": "no", f"value-1-{world.suite.id}": "yes",
        "feature-2": "",
    }  # fmt: skip

    assert (
        staff.post("/bss/groups/new", data={"name": "New line", "vendor": "Contoso"}).status_code
        == HTTPStatus.SEE_OTHER
    )
    assert staff.save(path, data=cells).status_code == HTTPStatus.SEE_OTHER

    assert "50 GB" in staff.get(path).text
    assert "2 features" in staff.get("/bss/groups").text
    shown = shop.get(f"/catalogue/{world.group.slug}").text
    assert "Compare editions" in shown
    assert "1 TB" in shown
    assert shop.get("/catalogue/new-line").status_code == HTTPStatus.NOT_FOUND  # hidden without a published member


def test_a_comparison_with_a_feature_twice_is_refused(staff, world):
    path = f"/bss/groups/{world.group.id}/comparison"

    response = staff.save(path, data={"feature-0": "Storage", "feature-1": "storage "})

    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "stands there twice" in response.text
    assert rows(world, ProductGroup, ProductGroup.id == world.group.id)[0].comparison == []


def test_a_group_with_products_cannot_be_deleted_and_its_name_is_its_own(staff, world):
    """CB-08: 409 while products stand in it; a name in another case is taken."""
    again = staff.post("/bss/groups/new", data={"name": world.group.name.upper()})
    kept = staff.post(f"/bss/groups/{world.group.id}/delete")
    renamed = staff.save(f"/bss/groups/{world.group.id}", data={"name": "Renamed line"})

    assert again.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert kept.status_code == HTTPStatus.CONFLICT
    assert renamed.status_code == HTTPStatus.SEE_OTHER
    assert rows(world, ProductGroup)[0].name == "Renamed line"
    assert "renamed line" in rows(world, Product, Product.id == world.seats.id)[0].search_text


def test_industries_narrow_the_storefront_and_stay_while_they_are_used(staff, shop, world, session):
    """CB-08: a flat list used as a storefront filter; one in use cannot be deleted."""
    assert staff.post("/bss/industries", data={"name": "Health care"}).status_code == HTTPStatus.SEE_OTHER
    assert staff.post("/bss/industries", data={"name": "health care"}).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    (industry,) = rows(world, Industry)
    set_product(world, session, world.suite, industry_id=industry.id)

    shown = shop.get("/catalogue?industry=health-care").text

    assert "Health care" in shown
    assert world.suite.name in shown
    assert world.tool.name not in shown
    assert shop.get("/catalogue?industry=none-such").status_code == HTTPStatus.NOT_FOUND
    assert staff.post(f"/bss/industries/{industry.id}/delete").status_code == HTTPStatus.CONFLICT
    set_product(world, session, world.suite, industry_id=None)
    assert staff.post(f"/bss/industries/{industry.id}/delete").status_code == HTTPStatus.SEE_OTHER
    assert rows(world, Industry) == []


def test_price_groups_are_kept_and_never_shown_in_a_storefront(staff, shop, world, session):
    staff.post("/bss/industries/price-groups", data={"name": "Key accounts"})
    (group,) = rows(world, PriceGroup)
    set_product(world, session, world.suite, price_group_id=group.id)

    assert "Key accounts" in staff.get("/bss/industries").text
    assert "Key accounts" in staff.get("/bss/industries?format=csv").text
    assert "Key accounts" not in shop.get("/catalogue").text
    offered = staff.get(f"/bss/price-lists/{world.price_list.id}/add?group={group.id}").text
    assert world.suite.code in offered
    assert world.tool.code not in offered
    assert staff.post(f"/bss/industries/price-groups/{group.id}/delete").status_code == HTTPStatus.CONFLICT


def test_a_promotion_is_made_changed_exported_and_deleted(staff, world):
    fields = {**PROMOTION, "products": world.seats.code.lower(), "billing_cycles": ["monthly"]}
    assert staff.post("/bss/promotions/new", data=fields).status_code == HTTPStatus.SEE_OTHER

    (made,) = rows(world, Promotion)
    assert (made.product_ids, made.billing_cycles, made.value) == ([world.seats.id], ["monthly"], Decimal(20))
    path = f"/bss/promotions/{made.id}"
    assert world.seats.code in staff.get(path).text
    assert "20 %" in staff.get("/bss/promotions").text
    changed = staff.post(path, data={**fields, "value": "25", "version": "1"})
    assert changed.status_code == HTTPStatus.SEE_OTHER
    assert staff.post(path, data={**fields, "version": "1"}).status_code == HTTPStatus.CONFLICT
    assert "SPRING-20" in staff.get("/bss/promotions?format=csv").text
    assert "25 %" in staff.get("/bss/promotions?state=running").text
    assert staff.post(f"{path}/delete").status_code == HTTPStatus.SEE_OTHER
    assert rows(world, Promotion) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"code": "abc"}, "4 to 32 letters"),
        ({"value": "101"}, "at most 100"),
        ({"value": "many"}, "Not a valid decimal"),
        ({"cycles": ""}, "1 to 120 billing cycles"),
        ({"ends_on": "2026-02-01"}, "lies before the first"),
        ({"products": "NO-SUCH"}, "no product “NO-SUCH”"),
        ({"amount_kind": "amount"}, "Choose the amount"),
        ({"max_per_account": "0"}, "from 1 to 1,000,000"),
    ],
)
def test_a_wrong_promotion_is_refused_at_its_field(staff, world, changes, words):
    response = staff.post("/bss/promotions/new", data={**PROMOTION, **changes})

    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in response.text
    assert 'value="Spring"' in response.text
    assert rows(world, Promotion) == []


def test_the_first_currency_takes_in_what_is_used_and_limits_what_can_be_chosen(staff, world):
    """CB-07: only active ones may be used; before any is set up every known one may."""
    assert '<option value="SEK">' in staff.get(f"/bss/products/{world.seats.id}").text

    added = staff.post("/bss/currencies/new", data={"code": "usd", "is_active": "y"})

    assert added.status_code == HTTPStatus.SEE_OTHER
    assert {row.code for row in rows(world, Currency)} == {"EUR", "USD"}
    assert '<option value="SEK">' not in staff.get(f"/bss/products/{world.seats.id}").text
    price = {"term": "P1M", "cycle": "monthly", "currency": "SEK", "list_price": "120"}
    assert (
        staff.post(f"/bss/products/{world.seats.id}/prices", data=price).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"code": "XXY"}, "ISO 4217"),
        ({"code": ""}, "Enter a currency"),
        ({"code": "USD", "culture": "nowhere"}, "such as en-GB"),
    ],
)
def test_a_wrong_currency_is_refused(staff, world, fields, words):
    """BC-07: 422 at the field; nothing is stored."""
    response = staff.post("/bss/currencies/new", data={"is_active": "y", **fields})

    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in response.text
    assert rows(world, Currency) == []


def test_a_currency_in_use_cannot_be_deactivated(staff, world):
    """CB-07: 409 for the home currency and for one that prices are in; an unused one goes."""
    for code in ("USD", "SEK"):
        staff.post("/bss/currencies/new", data={"code": code, "is_active": "y"})
    price = {"term": "P1M", "cycle": "monthly", "currency": "USD", "list_price": "12"}
    staff.post(f"/bss/products/{world.seats.id}/prices", data=price)

    assert staff.post("/bss/currencies/USD", data={"culture": ""}).status_code == HTTPStatus.CONFLICT
    assert staff.post("/bss/currencies/EUR", data={"culture": ""}).status_code == HTTPStatus.CONFLICT
    assert staff.post("/bss/currencies/SEK", data={"culture": ""}).status_code == HTTPStatus.SEE_OTHER
    assert {row.code for row in rows(world, Currency) if row.is_active} == {"EUR", "USD"}
    assert staff.get("/bss/currencies/GBP").status_code == HTTPStatus.NOT_FOUND


def test_amounts_are_written_as_the_distributor_chose_for_their_currency(staff, world):
    fields = {"code": "USD", "is_active": "y"}
    staff.post("/bss/currencies/new", data=fields)
    staff.post("/bss/currencies/EUR", data={"culture": "de-DE", "is_active": "y"})

    assert "12,00\xa0€" in staff.get(f"/bss/products/{world.seats.id}").text


def test_readers_see_and_change_nothing_and_unknown_ones_are_not_there(sign_in, staff, world, session):
    for path in ("groups", "promotions"):
        assert staff.get(f"/bss/{path}/{new_id()}").status_code == HTTPStatus.NOT_FOUND
    with scope(world.scope):
        user = make_user(session, None, kind=UserKind.BSS, realms=(world.id,), roles=("read_only",), type=UserType.USER)
    reader = sign_in(user)
    for path in ("groups", "industries", "promotions", "currencies"):
        assert reader.get(f"/bss/{path}").status_code == HTTPStatus.OK
    assert reader.post("/bss/promotions/new", data=PROMOTION).status_code == HTTPStatus.FORBIDDEN
    assert reader.post("/bss/currencies/new", data={"code": "USD"}).status_code == HTTPStatus.FORBIDDEN
    assert rows(world, Promotion) == []


def test_days_of_a_promotion_are_the_distributors(staff, world):
    today = utc_now().date()
    staff.post("/bss/promotions/new", data={**PROMOTION, "starts_on": (today + timedelta(days=30)).isoformat()})

    assert "Planned" in staff.get("/bss/promotions").text
    assert "Spring" not in staff.get("/bss/promotions?state=running").text
