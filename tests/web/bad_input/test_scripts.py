"""Names that are programs: shown as what they are on every page and in every mail, harmless in every export."""

from __future__ import annotations

import io
import re
from collections import deque
from http import HTTPStatus

import pytest
from flask.testing import FlaskClient
from markupsafe import escape
from openpyxl import load_workbook
from sqlalchemy import select

from app.accounts.models import Account
from app.catalogue.models import Category, Product
from app.core.db import BoundSession
from app.identity.models import SignInName, User
from app.notifications.delivery import ClaimedMail, Sending
from app.notifications.models import OutboundMail
from app.notifications.services import MailTemplate
from app.pricing.models import PriceList
from tenants.context import scope
from tests.factories.world import World
from tests.web.conftest import SignIn, signed_in_browser
from tests.web.storefront.steps import buy
from workers.jobs.mail import render

SCRIPT = "<script>alert(1)</script>"
PICTURE = '"><img src=x onerror=alert(2)>'
FORMULA = '=HYPERLINK("https://evil.example")'
ALIVE = (SCRIPT, "<img src=x")
MANAGE, SHOP = "/techsolutions/manage", "/techsolutions"
LINK = re.compile(r'href="([^"#]+)')
MOST_PAGES = 250
GENERAL = {
    "language": "en",
    "time_zone": "Europe/Athens",
    "date_format": "medium",
    "rounding": "none",
    "landing_page": "home",
}


@pytest.fixture
def hostile(session: BoundSession, world: World) -> World:
    """The base world, in which whatever has a name is called like a program."""
    with scope(world.scope):
        for model in (Product, Category, PriceList):
            for number, row in enumerate(session.scalars(select(model))):
                row.name = f"{SCRIPT if number % 2 else PICTURE} {number}"
        for number, account in enumerate(session.scalars(select(Account))):
            account.name = f"{SCRIPT if number % 2 else PICTURE} {number}"
        for user in session.scalars(select(User)):
            user.first_name, user.last_name = SCRIPT, PICTURE
    for realm in (world.id, world.root.id, world.tech.storefront.id):
        with scope(world.scope.in_realm(realm)):
            for name in session.scalars(select(SignInName).where(SignInName.realm_id == realm)):
                name.full_name = f"{SCRIPT} {PICTURE}"
    session.commit()
    return world


def alive(client: FlaskClient, start: list[str], below: str) -> tuple[set[str], int]:
    """Follow all links of the pages; returns those where a script would run, and how many show one as text."""
    waiting, seen, found, shown = deque(start), set(start), set(), 0
    while waiting and len(seen) < MOST_PAGES:
        path = waiting.popleft()
        answer = client.get(path)
        assert answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR, path
        if answer.mimetype != "text/html":
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            continue
        if any(each in answer.text for each in ALIVE):
            found.add(path)
        shown += any(str(escape(each)) in answer.text for each in ALIVE)
        links = [each.replace("&amp;", "&") for each in LINK.findall(answer.text)]
        for link in links:
            if link.startswith(below) and link not in seen and "/static/" not in link and "page=" not in link:
                seen.add(link)
                waiting.append(link)
    return found, shown


def rebrand(sign_in: SignIn, world: World, name: str) -> FlaskClient:
    """Call the storefront so, as its owner would."""
    shopkeeper = sign_in(world.tech.admin)
    saved = shopkeeper.post(f"{MANAGE}/settings/general", data={**GENERAL, "company_name": name})
    assert saved.status_code == HTTPStatus.SEE_OTHER
    return shopkeeper


@pytest.mark.parametrize("name", [SCRIPT, PICTURE])
def test_names_run_on_no_page_of_a_storefront(sign_in: SignIn, hostile: World, client: FlaskClient, name: str):
    found, count = alive(rebrand(sign_in, hostile, name), [f"{MANAGE}/", f"{SHOP}/"], f"{SHOP}/")
    assert found == set()
    assert count > 30
    buyer = signed_in_browser(client, hostile, hostile.tech.buyers[0])
    number = buy(buyer, hostile.seats, path=SHOP)
    found, count = alive(buyer, [f"{SHOP}/", f"{SHOP}/orders/{number}", f"{SHOP}/basket"], f"{SHOP}/")
    assert found == set()
    assert count > 10


def test_names_run_on_no_page_of_the_back_office(sign_in: SignIn, hostile: World, client: FlaskClient):
    buy(sign_in(hostile.tech.buyers[0]), hostile.seats, path=SHOP)
    found, count = alive(signed_in_browser(client, hostile, hostile.bss_user), ["/bss/"], "/bss/")
    assert found == set()
    assert count > 30


def test_names_run_in_no_mail(sign_in: SignIn, session: BoundSession, hostile: World, client: FlaskClient):
    rebrand(sign_in, hostile, SCRIPT)
    buy(signed_in_browser(client, hostile, hostile.tech.buyers[0]), hostile.seats, path=SHOP)
    with scope(hostile.scope):
        letters = [
            render(
                ClaimedMail(
                    row.id,
                    row.id,
                    MailTemplate(row.template),
                    row.sender_reseller_id,
                    row.storefront_id,
                    row.to_email,
                    row.to_name,
                    dict(row.fields),
                ),
                Sending(None),
            )
            for row in session.scalars(select(OutboundMail))
        ]
    assert letters
    assert any("&lt;script&gt;" in letter.html for letter in letters)
    assert [letter.subject for letter in letters if any(each in letter.html for each in ALIVE)] == []


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_formula_in_a_name_is_text_in_exports(sign_in: SignIn, session: BoundSession, world: World, kind: str):
    """A spreadsheet shows the customer's name and computes nothing."""
    with scope(world.scope):
        session.get_one(Account, (world.id, world.tech.customers[0].id)).name = FORMULA
    exported = sign_in(world.tech.admin).get(f"{MANAGE}/customers?export={kind}")
    assert exported.status_code == HTTPStatus.OK
    assert exported.headers["Content-Disposition"].startswith("attachment")
    if kind == "csv":
        assert f"'{FORMULA}".replace('"', '""') in exported.text
    else:
        cells = [cell for row in load_workbook(io.BytesIO(exported.data)).active.iter_rows() for cell in row]
        assert any(FORMULA in str(cell.value) for cell in cells)
        assert [cell.coordinate for cell in cells if cell.data_type == "f"] == []


def test_price_sheet_above_64_mb_is_refused_before_it_is_read(sign_in: SignIn, world: World):
    """The announced length is enough: nothing of the body is taken in."""
    answer = sign_in(world.bss_user).post(
        "/bss/imports/new",
        data=b"--x--",
        content_type="multipart/form-data; boundary=x",
        environ_overrides={"CONTENT_LENGTH": str(70 * 2**20)},
    )
    assert answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert "This file is too large" in answer.text
