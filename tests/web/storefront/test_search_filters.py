"""Narrowing what a search finds: words, category and industry together, all of it in the address (SF-23)."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from sqlalchemy import update

from app.catalogue.models import Category, Industry, Product
from app.core.ids import new_id
from tenants.context import scope


@pytest.fixture(autouse=True)
def _shelves(session, world) -> None:
    """Contoso Mail is a tool for health care, Contoso Suite one of productivity for nobody in particular."""
    with scope(world.scope):
        tools = Category(id=new_id(), name="Tools", slug="tools-here", position=2)
        health = Industry(id=new_id(), name="Health care", slug="health", position=1)
        session.add_all([tools, health])
        session.flush()
        values = {"category_id": tools.id, "industry_id": health.id}
        session.execute(update(Product).where(Product.id == world.seats.id).values(**values))
        session.commit()


def found(page: str, world) -> set[str]:
    return {each.name for each in world.products if f"/product/{each.slug}" in page}


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ("", {"Contoso Mail", "Contoso Suite"}),
        ("&category=tools-here", {"Contoso Mail"}),
        ("&industry=health", {"Contoso Mail"}),
        ("&category=tools-here&industry=health", {"Contoso Mail"}),
        ("&category=productivity&industry=health", set()),
    ],
)
def test_filters_of_a_search_combine(world, sign_in, filters, names):
    """SF-23, SF-F34 (partly): filters combine with AND, and the state stands in the address."""
    filters = filters.replace("productivity", world.category.slug)
    page = sign_in(world.direct_buyer).get(f"/search?q=contoso{filters}").text
    assert found(page, world) == names
    assert 'name="category"' in page


@pytest.mark.parametrize("bad", ["category=no-such", "industry=no-such", "category=%3Cscript%3E"])
def test_an_unknown_filter_is_no_page(world, sign_in, bad):
    answer = sign_in(world.direct_buyer).get(f"/search?q=contoso&{bad}")
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert "<script>" not in answer.text.split("<body")[0]


def test_choosing_a_category_keeps_the_industry(world, sign_in):
    """SF-23: the one filter does not take the other away."""
    page = sign_in(world.direct_buyer).get("/catalogue?industry=health").text
    assert "category=tools-here&amp;industry=health" in page
