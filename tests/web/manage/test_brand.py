"""Whose brand the back office wears: the distributor's, on each of its pages, whatever its storefront looks like."""

from __future__ import annotations

import re
from dataclasses import replace
from http import HTTPStatus

import pytest

from app.core.clock import utc_now
from app.core.db import BoundSession
from app.core.ids import new_id
from tenants.context import direct_business_scope, scope
from tenants.settings import save_storefront_settings, storefront_settings
from tests.factories.world import World
from tests.web.conftest import SignIn

OWNERS_PAGES = ("/bss/enquiries", "/bss/registrations", "/bss/settings", "/bss/settings/look", "/bss/mail")
BRAND = re.compile(r'<a class="admin__brand".*?</a>', re.DOTALL)


@pytest.fixture(autouse=True)
def _storefront_has_a_look(session: BoundSession, world: World) -> None:
    with scope(direct_business_scope(world.id)):
        now = replace(storefront_settings(world.root.id), company_name="Shop window", logo_image_id=str(new_id()))
        save_storefront_settings(world.root.id, now, reseller_id=None, at=utc_now())
        session.commit()


@pytest.mark.parametrize("path", OWNERS_PAGES)
def test_pages_of_the_own_storefront_wear_the_back_offices_brand(path: str, world: World, sign_in: SignIn) -> None:
    """The page about a storefront's enquiries or look stands in the same frame as the lists of orders."""
    staff = sign_in(world.bss_user)
    shown = staff.get(path)
    assert shown.status_code == HTTPStatus.OK
    (brand,) = BRAND.findall(shown.text)
    assert BRAND.findall(staff.get("/bss/accounts").text) == [brand]
    assert "Shop window" not in brand
    assert "<img" not in brand


def test_the_preview_of_a_look_speaks_the_language_of_its_storefront(
    session: BoundSession, world: World, sign_in: SignIn
) -> None:
    with scope(direct_business_scope(world.id)):
        now = replace(storefront_settings(world.root.id), language="el")
        save_storefront_settings(world.root.id, now, reseller_id=None, at=utc_now())
        session.commit()
    assert '<html lang="el"' in sign_in(world.bss_user).get("/bss/settings/look/preview").text
