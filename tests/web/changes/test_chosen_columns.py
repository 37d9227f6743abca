"""Which columns the list of subscriptions shows is each person's own choice, and remembered (CB-23)."""

from __future__ import annotations

import re
from http import HTTPStatus

import pytest

from app.core import db
from app.identity.models import ChosenColumns, UserKind, UserType
from tenants.context import scope
from tests.factories.execution import all_of
from tests.factories.subscriptions import Running, make_running
from tests.factories.world import World, make_user
from tests.web.conftest import signed_in_browser

LIST, CHOICE = "/bss/subscriptions", "/bss/subscriptions/columns"
USUAL = ["Subscription", "Account", "Quantity", "Unit cost", "Billed", "Status", "At the vendor", "Renews"]


@pytest.fixture
def bss(sign_in, world: World):
    return sign_in(world.bss_user)


@pytest.fixture(autouse=True)
def running(session, world: World) -> Running:
    return make_running(session, world, world.direct, world.seats)


def heads(browser, path: str = LIST) -> list[str]:
    page = browser.get(path).text
    return [head.strip() for head in re.findall(r"<th [^>]*>(.*?)</th>", page, re.DOTALL)]


def cells(browser) -> list[str]:
    return re.findall(r'data-label="([^"]+)"', browser.get(LIST).text)


def test_a_choice_stands_until_another_one(bss, world: World):
    assert heads(bss) == cells(bss) == USUAL
    answer = bss.post(f"{CHOICE}?status=active", data={"column": ["line_cost", "product", "renews"]})
    assert (answer.status_code, answer.headers["Location"]) == (HTTPStatus.SEE_OTHER, f"{LIST}?status=active")
    assert heads(bss) == cells(bss) == ["Subscription", "Product", "Net per cycle", "Renews"]
    assert "€50.00" in bss.get(LIST).text
    bss.post(CHOICE, data={"column": ["auto_renew"]})
    assert heads(bss) == ["Subscription", "Automatic renewal"]
    bss.post(CHOICE, data={})
    assert heads(bss) == ["Subscription"]
    with scope(world.scope):
        assert len(all_of(db.session, ChosenColumns)) == 1


def test_a_choice_is_ones_own(app, bss, world: World, session):
    with scope(world.scope):
        person = make_user(
            session, None, kind=UserKind.BSS, realms=(world.id,), first_name="Olga", type=UserType.USER,
            roles=("operations",),
        )  # fmt: skip
        session.commit()
    bss.post(CHOICE, data={"column": ["status"]})
    other = app.test_client()
    other.host = world.host
    assert heads(signed_in_browser(other, world, person)) == USUAL


@pytest.mark.parametrize("typed", [["x"], ["status", "'; --"], ["x" * 5000]])
def test_what_is_no_column_is_refused(bss, world: World, typed):
    refused = bss.post(CHOICE, data={"column": typed})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Choose columns of the list" in refused.text
    assert heads(bss) == USUAL
    with scope(world.scope):
        assert all_of(db.session, ChosenColumns) == []


def test_the_form_names_what_is_shown(bss):
    bss.post(CHOICE, data={"column": ["status"]})
    page = bss.get(f"{LIST}?q=seat").text
    assert f'action="{CHOICE}?q=seat"' in page
    assert re.findall(r'name="column" value="(\w+)"[^>]* checked', page) == ["status"]


@pytest.mark.parametrize("path", [LIST, "/bss/orders"])
def test_an_address_cannot_lead_elsewhere(bss, path):
    """Names with an underscore would be arguments of what makes addresses."""
    asked = "_external=1&_scheme=javascript&_anchor=x"
    assert "javascript:" not in bss.get(f"{path}?{asked}").text
    answer = bss.post(f"{CHOICE}?q=seat&{asked}", data={"column": ["status"]})
    assert answer.headers["Location"] == f"{LIST}?q=seat"
