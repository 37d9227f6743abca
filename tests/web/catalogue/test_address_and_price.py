"""A product's address in storefronts, and whether they show its price (SF-18)."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from sqlalchemy import select

from app.catalogue.models import Product
from app.core import db
from tenants.context import scope
from tests.web.catalogue.test_product_pages import form_of
from tests.web.storefront.steps import ALIAS


@pytest.fixture
def staff(sign_in, world):
    return sign_in(world.bss_user)


def slug_of(world, product) -> str:
    with scope(world.scope):
        return db.session.scalars(select(Product.slug).where(Product.id == product.id)).one()


def save(staff, product, **changes: str):
    return staff.save(f"/bss/products/{product.id}/edit", data=form_of(product, is_published="y", **changes))


def test_a_product_gets_the_address_somebody_chooses(staff, world, sign_in):
    """SF-18: the old address ends, the new one leads to the page; empty, it stays."""
    old = world.seats.slug
    sign_in(world.direct_buyer)  # the same browser, in the storefront

    assert save(staff, world.seats, slug=" Mail-for-2026 ").status_code == HTTPStatus.SEE_OTHER
    assert staff.get("/product/mail-for-2026").status_code == HTTPStatus.OK
    assert staff.get(f"/product/{old}").status_code == HTTPStatus.NOT_FOUND
    assert save(staff, world.seats, slug="").status_code == HTTPStatus.SEE_OTHER

    assert slug_of(world, world.seats) == "mail-for-2026"
    assert "mail-for-2026" in staff.get(f"/bss/products/{world.seats.id}/edit").text


@pytest.mark.parametrize(
    "typed", ["mail archive", "-mail", "mail--archive", "../bss", "ταχυδρομείο", "x" * 81, "mail/", "%2e"]
)
def test_what_cannot_be_an_address_is_told_at_its_field(staff, world, typed):
    before = slug_of(world, world.seats)

    refused = save(staff, world.seats, slug=typed)

    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'id="slug-error"' in refused.text
    assert slug_of(world, world.seats) == before


def test_two_products_do_not_share_an_address(staff, world):
    refused = save(staff, world.seats, slug=world.suite.slug.upper())
    made = staff.post("/bss/products/new", data=form_of(world.seats, code="NEW-1", name="New", slug=world.suite.slug))

    for response in (refused, made):
        assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "Another product has this address" in response.text
    assert slug_of(world, world.seats) == world.seats.slug
    with scope(world.scope):
        assert db.session.scalars(select(Product).where(Product.code_key == "new-1")).all() == []


def test_a_hidden_price_is_told_by_the_basket_alone(staff, world, sign_in):
    """SF-18: show price no: neither lists nor the product's page say it, at the root and under an alias."""
    for buyer, path in ((world.direct_buyer, ""), (world.tech.buyers[0], ALIAS)):
        browser = sign_in(buyer)
        assert "€10.00" in browser.get(f"{path}/product/{world.seats.slug}").text
    sign_in(world.bss_user)
    assert save(staff, world.seats, hides_price="y").status_code == HTTPStatus.SEE_OTHER

    for buyer, path in ((world.direct_buyer, ""), (world.tech.buyers[0], ALIAS)):
        browser = sign_in(buyer)
        for page in (f"/product/{world.seats.slug}", f"/search?q={world.seats.name}", "/catalogue"):
            shown = browser.get(f"{path}{page}").text
            assert world.seats.name in shown
            assert "€10.00" not in shown, page
        assert "Your basket shows what it costs" in browser.get(f"{path}/product/{world.seats.slug}").text
        data = {"product_id": str(world.seats.id), "price": "P1M.monthly", "quantity": "1"}
        assert browser.post(f"{path}/basket/items", data=data).status_code == HTTPStatus.SEE_OTHER
        assert "€10.00" in browser.get(f"{path}/basket").text
