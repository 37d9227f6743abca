"""The tab of a price list with its lines of price groups."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from http import HTTPStatus

import pytest
from sqlalchemy import update

from app.catalogue.models import PriceGroup, Product
from app.core import db
from app.core.ids import new_id
from app.identity.models import UserKind, UserType
from app.pricing.models import PriceList, PriceListEntry, PriceListGroupLine
from tenants.context import scope
from tests.factories.execution import all_of
from tests.factories.world import MONDAY_NOON, World, make_user


@pytest.fixture
def staff(sign_in, world: World):
    return sign_in(world.bss_user)


@pytest.fixture
def gold(session, world: World) -> PriceList:
    with scope(world.scope):
        made = PriceList(name="Gold", currency="EUR", valid_from=date(2026, 1, 1), created_at=MONDAY_NOON)
        session.add(made)
        session.flush()
    return made


@pytest.fixture
def group(session, world: World) -> PriceGroup:
    """The seats' price group: cost 8.00, list 12.00."""
    with scope(world.scope):
        made = PriceGroup(name="Licences <of all kinds>")
        session.add(made)
        session.flush()
        session.execute(update(Product).where(Product.id == world.seats.id).values(price_group_id=made.id))
    return made


def prices(world: World, gold: PriceList) -> list[Decimal]:
    with scope(world.scope):
        return [each.price for each in all_of(db.session, PriceListEntry) if each.price_list_id == gold.id]


def lines(world: World) -> list[PriceListGroupLine]:
    with scope(world.scope):
        return all_of(db.session, PriceListGroupLine)


def test_a_line_is_added_changed_and_removed(staff, world: World, gold, group):
    path = f"/bss/price-lists/{gold.id}/groups"
    assert "Licences &lt;of all kinds&gt;" in staff.get(path).text
    data = {"price_group_id": str(group.id), "unit": "", "rule": "markup", "value": "15"}
    assert staff.post(path, data=data).status_code == HTTPStatus.SEE_OTHER
    assert prices(world, gold) == [Decimal("9.2000")]
    assert "by its price group" in staff.get(f"/bss/price-lists/{gold.id}").text
    (line,) = lines(world)
    assert "Cost + 15" in staff.get(path).text
    assert 'value="15' in staff.get(f"{path}/{line.id}").text
    assert staff.save(f"{path}/{line.id}", data={"rule": "same"}).status_code == HTTPStatus.SEE_OTHER
    assert prices(world, gold) == [Decimal("12.0000")]
    assert staff.post(f"{path}/{line.id}/remove").status_code == HTTPStatus.SEE_OTHER
    assert (prices(world, gold), lines(world)) == ([], [])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"price_group_id": ""}, "Choose a price group"),
        ({"price_group_id": "x"}, "Choose a price group"),
        ({"unit": "P9Y.monthly"}, "Choose a term and billing period"),
        ({"value": ""}, "Enter a number of 0 or more"),
        ({"value": "-1"}, "Enter a number of 0 or more"),
        ({"value": "1001"}, "Enter at most 1,000"),
        ({"value": "much"}, "Not a valid decimal value"),
        ({"rule": "free"}, "Not a valid choice"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(staff, world: World, gold, group, changes, words):
    data = {"price_group_id": str(group.id), "unit": "", "rule": "markup", "value": "15", **changes}
    refused = staff.post(f"/bss/price-lists/{gold.id}/groups", data=data)
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in refused.text
    assert (prices(world, gold), lines(world)) == ([], [])


def test_a_product_that_joins_a_group_is_in_its_lists(staff, session, world: World, gold, group):
    path = f"/bss/price-lists/{gold.id}/groups"
    staff.post(path, data={"price_group_id": str(group.id), "unit": "", "rule": "same"})
    with scope(world.scope):
        suite = session.get_one(Product, (world.id, world.suite.id))
        data = {
            "name": suite.name, "code": suite.code, "slug": suite.slug, "product_type_id": str(suite.product_type_id),
            "unit_of_measure": "licence", "audience": "everyone", "min_quantity": "1", "step_quantity": "1",
            "is_active": "y", "price_group_id": str(group.id), "version": str(suite.version),
        }  # fmt: skip
    assert staff.post(f"/bss/products/{world.suite.id}/edit", data=data).status_code == HTTPStatus.SEE_OTHER
    assert sorted(prices(world, gold)) == [Decimal("12.0000"), Decimal("24.0000")]


def test_foreign_lines_and_lists_are_not_found(staff, world: World, gold, group):
    path = f"/bss/price-lists/{gold.id}/groups"
    for other in (f"/bss/price-lists/{new_id()}/groups", f"{path}/{new_id()}"):
        assert staff.get(other).status_code == HTTPStatus.NOT_FOUND
    assert staff.post(f"{path}/{new_id()}/remove").status_code == HTTPStatus.NOT_FOUND


def test_who_may_only_look_does_not_change(sign_in, session, world: World, gold, group):
    with scope(world.scope):
        reader = make_user(
            session, None, kind=UserKind.BSS, realms=(world.id,), type=UserType.USER, roles=("read_only",)
        )
    browser, path = sign_in(reader), f"/bss/price-lists/{gold.id}/groups"
    shown = browser.get(path)
    assert (shown.status_code, "Add line" in shown.text) == (HTTPStatus.OK, False)
    data = {"price_group_id": str(group.id), "unit": "", "rule": "same"}
    assert browser.post(path, data=data).status_code == HTTPStatus.FORBIDDEN
    assert lines(world) == []
