"""Editions of a service side by side: what their type selects, and one type to a group (SF-19)."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from sqlalchemy import select, update

from app.audit.services import SYSTEM
from app.catalogue.characteristics import Characteristic, CodedValue, DataType
from app.catalogue.models import Product, ProductKind, ProductType
from app.catalogue.services import add_characteristic
from app.core import db
from tenants.context import scope
from tests.factories.world import MONDAY_NOON

COMPARED = (
    Characteristic("size", "Mailbox size", DataType.TEXT, is_compared=True),
    Characteristic("archive", "Archive", DataType.BOOLEAN, is_compared=True),
    Characteristic(
        "region", "Region", DataType.LIST, values=(CodedValue("eu", "Europe"),), default="eu", is_compared=True
    ),
    Characteristic("sku", "Internal code", DataType.TEXT),
    Characteristic("hidden", "Hidden thing", DataType.TEXT, is_visible=False, is_compared=True),
)


@pytest.fixture
def editions(session, world) -> tuple[Product, Product]:
    """Two editions of one group, with values of what their type defines."""
    with scope(world.scope):
        for each in COMPARED:
            add_characteristic(world.product_type.id, each, actor=SYSTEM, at=MONDAY_NOON)
        for product, values in (
            (world.seats, {"size": "50 GB", "archive": False, "sku": "X1", "hidden": "h"}),
            (world.suite, {"size": "100 GB", "archive": True, "sku": "X2"}),
        ):
            session.execute(
                update(Product)
                .where(Product.id == product.id)
                .values(group_id=world.group.id, product_type_id=world.product_type.id, characteristics=values)
            )
        session.execute(update(Product).where(Product.id == world.tool.id).values(group_id=None))
        session.commit()
    return world.seats, world.suite


def rows(page: str) -> list[str]:
    table = page[page.index("<caption") : page.index("</table>", page.index("<caption"))]
    return [part.split("</th>")[0].split(">")[-1] for part in table.split("<tbody>")[1].split('<th scope="row"')[1:]]


def test_a_group_is_compared_by_what_its_type_selects(world, sign_in, editions):
    """SF-F37: a group page with two editions shows a matrix with exactly the characteristics selected on the type."""
    page = sign_in(world.direct_buyer).get(f"/catalogue/{world.group.slug}").text
    assert rows(page) == ["Price", "Mailbox size", "Archive", "Region"]
    for shown in ("50 GB", "100 GB", "Europe"):
        assert shown in page
    for kept in ("Internal code", "Hidden thing", "X1"):
        assert kept not in page


def test_one_edition_is_compared_with_nothing(session, world, sign_in, editions):
    """SF-19: one edition, no matrix."""
    with scope(world.scope):
        session.execute(update(Product).where(Product.id == world.suite.id).values(is_published=False))
        session.commit()
    assert "Compare editions" not in sign_in(world.direct_buyer).get(f"/catalogue/{world.group.slug}").text


def test_staff_selects_what_is_compared(world, sign_in):
    """SF-19: the type's storefront options say which characteristics form the matrix."""
    staff = sign_in(world.bss_user)
    data = {"name": "Size", "id": "size", "data_type": "text", "is_visible": "y", "is_compared": "y"}
    saved = staff.post(f"/bss/product-types/{world.product_type.id}/characteristics/new", data=data)
    assert saved.status_code == HTTPStatus.SEE_OTHER
    with scope(world.scope):
        (row,) = db.session.get_one(ProductType, (world.id, world.product_type.id)).characteristics
    assert row["is_compared"] is True
    assert "Compared" in staff.get(f"/bss/product-types/{world.product_type.id}/characteristics").text


def test_a_product_of_another_type_does_not_join_a_group(session, world, sign_in, editions):
    """SF-F38: a product of another type cannot be added to the group."""
    with scope(world.scope):
        other = ProductType(name="Something else", kind=ProductKind.ONE_OFF, created_at=MONDAY_NOON)
        session.add(other)
        session.flush()
        other_id = other.id
        session.execute(update(Product).where(Product.id == world.tool.id).values(product_type_id=other_id))
        session.commit()
        version = session.scalar(select(Product.version).where(Product.id == world.tool.id))
    data = {
        "name": "Fabrikam Tool", "product_type_id": str(other_id), "group_id": str(world.group.id), "audience": "everyone",
        "min_quantity": "1", "step_quantity": "1", "trial_max_quantity": "25", "version": str(version),
    }  # fmt: skip
    answer = sign_in(world.bss_user).post(f"/bss/products/{world.tool.id}/edit", data=data)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Products of another type stand in this group" in answer.text
    assert 'id="group_id-error"' in answer.text
    with scope(world.scope):
        assert session.scalar(select(Product.group_id).where(Product.id == world.tool.id)) is None
