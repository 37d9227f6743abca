"""Special categories in BSS (SF-07)."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from sqlalchemy import update

from app.catalogue.models import Product
from tenants.context import scope
from tenants.settings import distributor_settings


def new_days(world) -> int:
    with scope(world.scope):
        return distributor_settings().new_days


def test_staff_sees_what_stands_where_and_says_what_is_new(session, world, sign_in):
    """SF-07: for how long what is published is new is a setting."""
    with scope(world.scope):
        session.execute(update(Product).values(is_featured=False, is_new=False, is_popular=False))
        session.execute(update(Product).where(Product.id == world.seats.id).values(is_popular=True))
        session.commit()
    staff = sign_in(world.bss_user)
    page = staff.get("/bss/shelves").text
    assert "in the last 30 days" in page
    assert "state=popular" in page
    assert staff.save("/bss/shelves", data={"new_days": "7"}).status_code == HTTPStatus.SEE_OTHER
    assert new_days(world) == 7
    listed = staff.get("/bss/products?state=popular").text
    assert world.seats.name in listed
    assert world.tool.name not in listed


@pytest.mark.parametrize("written", ["", "-1", "366", "a week", "1.5"])
def test_a_number_of_days_that_is_none_is_refused_at_its_field(world, sign_in, written):
    answer = sign_in(world.bss_user).post("/bss/shelves", data={"new_days": written})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'id="new_days-error"' in answer.text
    assert new_days(world) == 30
