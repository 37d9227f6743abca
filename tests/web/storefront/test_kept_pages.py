"""What is kept between requests lies outside row security: every test here is a policy."""

from __future__ import annotations

import time
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from sqlalchemy import delete, update

from app.catalogue.models import BillingCycle, Product, Term
from app.core import db
from app.core.clock import utc_now
from app.frames import buying
from app.pricing import catalogue_page
from app.pricing.catalogue_page import offered_products
from app.pricing.models import MarkupLevel, MarkupRule, PriceListEntry, SpecialPrice
from app.pricing.quotes import alias_buyer
from app.resellers.models import Listing
from app.storefront import kept_answers, kept_pages
from tenants.changes import Kept, _written, clock
from tenants.context import scope
from tenants.settings import StorefrontSettings, save_storefront_settings
from tests.counting import statements_of
from tests.factories.world import MONDAY_NOON, Shop, list_product, make_product, make_world


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep things although the test's connection is nobody else's: all writes are this process's own."""
    monkeypatch.setattr(clock, "is_alone", True)


def open_to_visitors(shop: Shop, **values: object) -> None:
    with scope(shop.scope):
        save_storefront_settings(
            shop.storefront.id,
            StorefrontSettings(company_name=shop.account.name, anonymous_access=True, anonymous_prices=True, **values),
            reseller_id=shop.id,
            at=MONDAY_NOON,
        )
        db.session.commit()


def markup(shop: Shop, percent: str) -> MarkupRule:
    with scope(shop.scope):
        rule = MarkupRule(
            reseller_id=shop.id, level=MarkupLevel.DEFAULT, percent=Decimal(percent), created_at=MONDAY_NOON
        )
        db.session.add(rule)
        db.session.commit()
    return rule


@pytest.fixture
def shops(world) -> None:
    for shop, percent in ((world.tech, "50"), (world.cloudia, "80")):
        open_to_visitors(shop)
        markup(shop, percent)


def visit(client, path: str = "/techsolutions/catalogue", **headers: str):
    return client.get(path, headers=headers)


def test_two_storefronts_never_share_a_page(client, world, shops) -> None:
    """Each reseller's visitors see its own brand and prices, in whatever order they come."""
    for _ in range(2):
        tech, cloudia = visit(client).text, visit(client, "/cloudia/catalogue").text
        assert ("Tech Solutions" in tech, "€15.00" in tech, "€18.00" in tech) == (True, True, False)
        assert ("Cloudia Services" in cloudia, "€15.00" in cloudia, "€18.00" in cloudia) == (True, False, True)
        assert "/cloudia/" not in tech
        assert "/techsolutions/" not in cloudia


def test_two_distributors_with_the_same_alias_never_share_a_page(client, world, shops, session) -> None:
    other = make_world(session, name="Sudwind", host="cloud.sudwind.example")
    open_to_visitors(other.tech)
    markup(other.tech, "20")
    for _ in range(2):
        client.host = world.host
        assert "€15.00" in visit(client).text
        client.host = other.host
        there = visit(client).text
        assert "€12.00" in there
        assert "€15.00" not in there


def test_a_kept_page_costs_no_statement(client, world, shops, connection) -> None:
    first = visit(client)
    with statements_of(connection) as seen:
        second = visit(client)
    assert second.data == first.data
    assert [each for each in seen if "addresses" not in each and "ROLLBACK" not in each] == []


def test_a_new_price_shows_on_the_next_page(client, world, shops) -> None:
    assert "€15.00" in visit(client).text
    with scope(world.tech.scope):
        db.session.add(
            SpecialPrice(
                reseller_id=world.tech.id, product_id=world.seats.id, term=Term.P1M, cycle=BillingCycle.MONTHLY,
                currency="EUR", amount=Decimal("13.37"), created_at=MONDAY_NOON,
            )
        )  # fmt: skip
        db.session.commit()
    changed = visit(client).text
    assert "€13.37" in changed
    assert "€15.00" not in changed


def test_a_new_cost_shows_in_every_storefront(client, world, shops) -> None:
    visit(client), visit(client, "/cloudia/catalogue")
    with scope(world.scope):
        db.session.execute(
            update(PriceListEntry).where(PriceListEntry.product_id == world.seats.id).values(price=Decimal(20))
        )
        db.session.commit()
    assert "€30.00" in visit(client).text
    assert "€36.00" in visit(client, "/cloudia/catalogue").text


@pytest.mark.parametrize("change", ["rule", "listing", "product", "category", "settings"])
def test_every_kind_of_change_shows_on_the_next_page(client, world, shops, change) -> None:
    before = visit(client).text
    owner = world.scope if change in ("product", "category") else world.tech.scope
    with scope(owner):
        if change == "rule":
            db.session.execute(update(MarkupRule).values(percent=Decimal(60)))
        elif change == "listing":
            db.session.query(Listing).filter(Listing.product_id == world.seats.id).delete()
        elif change == "product":
            db.session.execute(update(Product).where(Product.id == world.seats.id).values(name="Contoso Post"))
        elif change == "category":
            world.category = db.session.merge(world.category)
            world.category.name = "Working together"
        else:
            open_to_visitors(world.tech, footer_text="Since 1999")
        db.session.commit()
    after = visit(client).text
    expected = {
        "rule": "€16.00" in after,
        "listing": "Contoso Mail" not in after,
        "product": "Contoso Post" in after,
        "category": "Working together" in after,
        "settings": "Since 1999" in after,
    }
    assert after != before
    assert expected[change]


def test_closing_the_catalogue_to_visitors_closes_kept_pages(client, world, shops) -> None:
    """Without anonymous access nothing of the catalogue is shown (RS-14)."""
    assert visit(client).status_code == 200
    with scope(world.tech.scope):
        save_storefront_settings(
            world.tech.storefront.id, StorefrontSettings(), reseller_id=world.tech.id, at=MONDAY_NOON
        )
        db.session.commit()
    refused = visit(client)
    assert refused.status_code == 303
    assert "Contoso" not in refused.text


def test_a_write_that_is_rolled_back_is_never_kept(client, world, shops) -> None:
    with scope(world.tech.scope):
        db.session.execute(update(MarkupRule).values(percent=Decimal(60)))
        buyer = alias_buyer(world.tech.id, None, utc_now().date())
        with scope(world.tech.scope.with_price_lists((world.price_list.id,))):
            seen = offered_products(buyer, storefront_reseller_id=world.tech.id)
        assert [str(each.price.unit_price) for each in seen.items][:1] == ["16.00"]
        db.session.rollback()
        with scope(world.tech.scope.with_price_lists((world.price_list.id,))):
            again = offered_products(buyer, storefront_reseller_id=world.tech.id)
    assert [str(each.price.unit_price) for each in again.items][:1] == ["15.00"]


def test_customers_of_one_storefront_see_their_own_prices(client, world, shops, sign_in, app) -> None:
    tech = world.tech
    with scope(tech.scope):
        db.session.add(
            SpecialPrice(
                reseller_id=tech.id, customer_id=tech.customers[0].id, product_id=world.seats.id, term=Term.P1M,
                cycle=BillingCycle.MONTHLY, currency="EUR", amount=Decimal("11.11"), created_at=MONDAY_NOON,
            )
        )  # fmt: skip
        db.session.commit()
    for _ in range(2):
        own = visit(sign_in(tech.buyers[0])).text
        assert "€11.11" in own
        other = visit(sign_in(tech.buyers[1])).text
        assert ("€11.11" in other, "€15.00" in other) == (False, True)
        visitor = app.test_client()
        visitor.host = world.host
        public = visit(visitor).text
        assert ("€11.11" in public, "€15.00" in public) == (False, True)


def test_nothing_of_a_person_stands_in_a_kept_page(client, world, shops, sign_in, app) -> None:
    buyer = world.tech.buyers[0]
    mine = visit(sign_in(buyer)).text
    assert buyer.full_name in mine
    visitor = app.test_client()
    visitor.host = world.host
    page = visit(visitor)
    assert buyer.full_name not in page.text
    assert "csrf_token" not in page.text
    assert "Set-Cookie" not in page.headers


def test_a_browser_is_told_that_a_page_is_still_the_same(client, world, shops) -> None:
    first = visit(client)
    tag = first.headers["ETag"]
    same = visit(client, **{"If-None-Match": tag})
    assert (same.status_code, same.data, same.headers["ETag"]) == (304, b"", tag)
    assert "must-revalidate" in same.headers["Cache-Control"]
    assert "private" in same.headers["Cache-Control"]
    markup(world.tech, "70")
    other = visit(client, **{"If-None-Match": tag})
    assert other.status_code == 200
    assert other.headers["ETag"] != tag


def test_a_kept_answer_has_the_headers_of_the_first_and_an_id_of_its_own(client, world, shops) -> None:
    first, second = visit(client), visit(client)
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
    own = {"X-Request-Id"}
    assert {k: v for k, v in first.headers if k not in own} == {k: v for k, v in second.headers if k not in own}
    assert "frame-ancestors 'none'" in second.headers["Content-Security-Policy"]


def test_a_kept_answer_ends_with_the_storefronts_day(client, world, shops, monkeypatch) -> None:
    tomorrow = utc_now().date() + timedelta(days=1)
    with scope(world.tech.scope):
        db.session.add(
            SpecialPrice(
                reseller_id=world.tech.id, product_id=world.seats.id, term=Term.P1M, cycle=BillingCycle.MONTHLY,
                currency="EUR", amount=Decimal("14.14"), valid_from=tomorrow, created_at=MONDAY_NOON,
            )
        )  # fmt: skip
        db.session.commit()
    assert "€15.00" in visit(client).text
    later = SimpleNamespace(time=lambda: time.time() + 86_400, perf_counter=time.perf_counter)
    monkeypatch.setattr(kept_answers, "time", later)
    for module in (kept_pages, buying):
        monkeypatch.setattr(module, "today", lambda: tomorrow)
    assert "€14.14" in visit(client).text


def test_a_tag_of_another_storefront_is_no_answer(client, world, shops) -> None:
    tag = visit(client).headers["ETag"]
    assert visit(client, "/cloudia/catalogue", **{"If-None-Match": tag}).status_code == 200


def counted(connection, client) -> list[str]:
    with statements_of(connection) as seen:
        assert visit(client).status_code == 200
    return [each for each in seen if "FROM addresses" not in each]


def test_a_page_priced_by_the_database_takes_one_statement_and_two_more_when_signed_in(
    client, world, shops, sign_in, connection, session, monkeypatch
) -> None:
    """The prices' statement; the session's and the basket's. However many products, rules and resellers there are."""
    monkeypatch.setattr(catalogue_page, "_PAGES", Kept(0))
    monkeypatch.setattr(kept_pages, "_PAGES", Kept(0))
    monkeypatch.setattr(kept_answers, "_mark_of", lambda _address: None)
    visit(client)
    few = counted(connection, client)
    with scope(world.scope):
        many = [make_product(session, world.product_type, f"More {number}") for number in range(30)]
        session.commit()
    for product in many:
        list_product(session, world.tech, product)
    for number in range(30):
        markup(world.cloudia, str(number))
    visit(client)
    assert len(few) == len(counted(connection, client)) == 1
    browser = sign_in(world.tech.buyers[0])
    visit(browser)
    assert len(counted(connection, browser)) == 3


def names_a_category(page: str, world) -> bool:
    return f"category={world.category.slug}" in page


def test_a_kept_menu_follows_what_this_storefront_sells(client, world, shops, sign_in) -> None:
    """SF-23: the menu is kept for each storefront, and read again as soon as what it lists has changed."""
    buyer = sign_in(world.tech.buyers[0])
    for _ in range(2):
        assert names_a_category(buyer.get("/techsolutions/basket").text, world)
    with scope(world.tech.scope):
        db.session.execute(delete(Listing))
        db.session.commit()
    assert not names_a_category(buyer.get("/techsolutions/basket").text, world)
    assert names_a_category(sign_in(world.cloudia.buyers[0]).get("/cloudia/basket").text, world)
    for product in world.products:
        list_product(db.session, world.tech, product)
    db.session.commit()
    assert names_a_category(sign_in(world.tech.buyers[0]).get("/techsolutions/basket").text, world)


def test_a_kept_menu_asks_the_database_nothing(client, world, shops, sign_in, connection) -> None:
    """SF-23: no query a category, and none at all while nothing has changed."""
    buyer = sign_in(world.tech.buyers[0])
    buyer.get("/techsolutions/basket")
    with statements_of(connection) as seen:
        buyer.get("/techsolutions/basket")
    assert not [each for each in seen if "categories" in each or ("count(*)" in each.lower() and "products" in each)]


def test_an_order_that_counts_a_promotions_use_lets_go_of_nothing_kept(world) -> None:
    """What an order writes of a promotion changes no page; what staff writes of one does."""
    assert _written("UPDATE promotions SET redeemed=(promotions.redeemed + 1) WHERE promotions.id = 1") is None
    assert _written("UPDATE promotions SET is_active=false, version=2 WHERE promotions.id = 1") == "distributor"
    assert _written("INSERT INTO promotions (id) VALUES (1)") == "distributor"
    assert _written("DELETE FROM popular_products WHERE distributor_id = 1") == "reseller"
