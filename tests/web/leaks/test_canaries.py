"""Crawl all that an end customer can reach, and every mail it gets, for what it must never see."""

from __future__ import annotations

import io
import re
import zipfile
from collections import deque
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from flask.testing import FlaskClient
from sqlalchemy import select

from app.audit.services import SYSTEM
from app.core.clock import utc_now
from app.core.db import BoundSession
from app.core.ids import new_id
from app.identity.api_clients.models import ApiClientKind, ApiScope
from app.identity.api_clients.services import NewApiClient, create_client
from app.notifications.delivery import ClaimedMail, Sending
from app.notifications.models import OutboundMail
from app.notifications.templates import MailTemplate
from app.subscriptions.asset_models import AssetCost
from app.subscriptions.models import Asset, Subscription
from tenants.context import scope
from tenants.settings import save_storefront_settings, storefront_settings
from tests.factories.world import MONDAY_NOON
from tests.web.leaks.conftest import CANARIES, COST, Bought
from workers.jobs.mail import render

LINK = re.compile(r'(?:href|src|action|data-poll-url|data-check-url)="([^"#]+)"')
MOST_PAGES = 400
AT_COST = {"storefront_api.invoices", "storefront_api.invoice"}  # the owner's own, with a scope of its own (RS-30)


def words_of(body: bytes, mimetype: str) -> str:
    """Everything readable in an answer; a workbook is opened."""
    if "spreadsheet" in mimetype:
        with zipfile.ZipFile(io.BytesIO(body)) as book:
            return " ".join(book.read(name).decode("utf-8", "replace") for name in book.namelist())
    return body.decode("utf-8", "replace")


def crawl(client: FlaskClient, start: list[str], below: str) -> dict[str, str]:
    """Every page that links lead to, with its words."""
    waiting, seen = deque(start), dict.fromkeys(start, "")
    while waiting and len(seen) < MOST_PAGES:
        path = waiting.popleft()
        response = client.get(path)
        seen[path] = words_of(response.data, response.mimetype) + str(response.headers)
        if response.status_code in (301, 302, 303):
            found = [str(response.headers["Location"])]
        elif response.mimetype == "text/html":
            found = [link.replace("&amp;", "&") for link in LINK.findall(response.text)]
        else:
            found = []
        for link in found:
            if link.startswith(below) and link not in seen and "/static/" not in link and "/logout" not in link:
                seen[link] = ""
                waiting.append(link)
    return seen


def test_no_page_or_export_in_a_customers_reach_holds_cost_markup_or_distributor(
    client: FlaskClient, bought: Bought
) -> None:
    """RS-F59, CB-F123: no page or export of an end customer contains the wholesale price, markup or distributor."""
    alias = "/techsolutions"
    start = [f"{alias}{path}" for path in (
        "/", "/catalogue", "/search?q=contoso", f"/product/{bought.world.seats.slug}", "/basket", "/billing",
        "/billing/orders", "/billing/orders?export=xlsx", "/billing/subscriptions", "/billing/subscriptions?export=xlsx",
        "/billing/assets", "/billing/invoices", f"/orders/{bought.number}", f"/orders/{bought.number}/progress",
        "/account", "/account/users", "/nowhere", "/manage/", "/bss/", "/reseller-plans", "/login", "/password",
    )]  # fmt: skip
    pages = crawl(client, start, alias)
    assert len(pages) > 25
    assert "10.66" in pages[f"{alias}/orders/{bought.number}"]  # its own price is there
    leaks = {path: [word for word in CANARIES if word in words] for path, words in pages.items()}
    assert {path: found for path, found in leaks.items() if found} == {}


def test_visitors_see_none_of_it_either(client: FlaskClient, bought: Bought, session: BoundSession) -> None:
    world = bought.world
    with scope(world.tech.scope):
        chosen = replace(storefront_settings(world.tech.storefront.id), anonymous_access=True, anonymous_prices=True)
        save_storefront_settings(world.tech.storefront.id, chosen, reseller_id=world.tech.id, at=MONDAY_NOON)
    visitor = client.application.test_client()
    visitor.host = world.host
    pages = crawl(visitor, ["/techsolutions/", "/techsolutions/catalogue"], "/techsolutions")
    assert any("10.66" in words for words in pages.values())
    assert {path for path, words in pages.items() if any(word in words for word in CANARIES)} == set()


def test_no_mail_to_a_customer_holds_cost_markup_or_distributor(
    client: FlaskClient, bought: Bought, session: BoundSession
) -> None:
    """CB-F123, SF-F120: links of an alias' mails point under that alias, and no other tenant is named."""
    world = bought.world
    with scope(world.scope):
        rows = session.scalars(select(OutboundMail).where(OutboundMail.sender_reseller_id == world.tech.id)).all()
        templates = {row.template for row in rows}
        letters = [
            render(
                ClaimedMail(
                    row.id, row.id, MailTemplate(row.template), row.sender_reseller_id, row.storefront_id,
                    row.to_email, row.to_name, dict(row.fields),
                ),
                Sending(None),
            )
            for row in rows
        ]  # fmt: skip
    assert {"order_confirmation", "subscription_ready"} <= templates
    for letter in letters:
        words = letter.subject + letter.html + letter.text
        assert [word for word in CANARIES if word in words] == []
        links = re.findall(r"https?://[^\s\"<]+", letter.text)
        assert links
        assert all(link.startswith(f"http://{world.host}/techsolutions") for link in links)


def asset_of(bought: Bought, code: str) -> tuple[Asset, AssetCost]:
    """What the same customer has bought once, and what its reseller paid for it."""
    world = bought.world
    owner = {"reseller_id": world.tech.id, "account_id": world.tech.customers[0].id}
    asset = Asset(
        **owner, id=new_id(), code=code, payer_id=world.tech.id, product_id=world.seats.id, name="Set-up", quantity=1,
        unit_price=Decimal("10.66"), currency="EUR", created_at=MONDAY_NOON,
    )  # fmt: skip
    cost = AssetCost(
        reseller_id=world.tech.id, account_id=world.tech.id, asset_id=asset.id, unit_cost=COST, base_cost=COST,
        currency="EUR",
    )  # fmt: skip
    return asset, cost


def test_no_answer_of_a_storefronts_api_holds_them(client: FlaskClient, bought: Bought, session: BoundSession) -> None:
    """BC-33: what a reseller's programs may hand on to its customers has no cost, markup or distributor in it."""
    world = bought.world
    assert world.tech.storefront is not None
    new = NewApiClient("Portal", ApiClientKind.API_KEY, frozenset(ApiScope))
    with scope(world.scope):
        key = create_client(world.tech.storefront.id, new, actor=SYSTEM, at=utc_now()).secret
    ids = {"number": bought.number, "product_id": world.seats.id, "customer_id": world.tech.customers[0].id}
    with scope(world.scope):
        ids["code"] = session.scalars(select(Subscription.code)).first()
        for row in asset_of(bought, str(ids["code"])):
            session.add(row)
            session.flush()
        session.commit()
    asked = client.post(
        f"/techsolutions/api/v1/subscriptions/{ids['code']}/cancel",
        json={"timing": "period_end", "comment": "Not needed"},
        headers={"X-ApiKey": key},
    )
    ids["change_id"] = UUID(asked.location.rpartition("/")[2])
    rules = [
        rule
        for rule in client.application.url_map.iter_rules()
        if rule.endpoint.startswith("storefront_api.") and "GET" in (rule.methods or ())
    ]
    paths = {
        f"/techsolutions{rule.build({name: ids[name] for name in rule.arguments}, append_unknown=False)[1]}"
        for rule in rules
        if rule.endpoint not in AT_COST
    }
    answers = {path: client.get(path, headers={"X-ApiKey": key}) for path in paths}
    assert {answer.status_code for answer in answers.values()} == {200}
    assert "10.66" in answers["/techsolutions/api/v1/subscriptions"].text
    assert "10.66" in answers[f"/techsolutions/api/v1/orders/{bought.number}"].text
    assert "10.66" in answers["/techsolutions/api/v1/products"].text
    assert "10.66" in answers["/techsolutions/api/v1/assets"].text
    leaks = {path: [word for word in CANARIES if word in answer.text] for path, answer in answers.items()}
    assert {path: found for path, found in leaks.items() if found} == {}


def test_drafts_of_a_storefronts_program_hold_none_of_them(
    client: FlaskClient, bought: Bought, session: BoundSession
) -> None:
    """BC-33, RS-F59: nor does any answer or refusal while a draft is filled and submitted."""
    world = bought.world
    assert world.tech.storefront is not None
    new = NewApiClient("Portal", ApiClientKind.API_KEY, frozenset(ApiScope))
    with scope(world.scope):
        key = create_client(world.tech.storefront.id, new, actor=SYSTEM, at=utc_now()).secret
    headers, base = {"X-ApiKey": key}, "/techsolutions/api/v1/orders"
    item = {"product_id": str(world.seats.id), "term": "P1M", "cycle": "monthly", "quantity": 2}
    made = client.post(base, json={"customer_id": str(world.tech.customers[0].id)}, headers=headers)
    number = made.json["number"]
    answers = [
        made,
        client.post(f"{base}/{number}/items", json=item, headers=headers),
        client.post(f"{base}/{number}/items", json={**item, "quantity": 0}, headers=headers),
        client.post(f"{base}/{number}/submit", json={"net_total": "1"}, headers=headers),
        client.post(f"{base}/{number}/submit", json={"net_total": "21.32"}, headers=headers),
    ]
    assert [each.status_code for each in answers] == [201, 201, 422, 409, 200]
    leaks = [word for each in answers for word in CANARIES if word in each.text]
    assert leaks == []


def test_a_resellers_invoices_by_api_hold_its_cost_and_no_vendors(
    client: FlaskClient, bought: Bought, session: BoundSession
) -> None:
    """RS-30: what the reseller pays stands on its invoices alone, with a scope of its own; the vendor's cost nowhere."""
    world = bought.world
    assert world.tech.storefront is not None
    new = NewApiClient("Books", ApiClientKind.API_KEY, frozenset({ApiScope.INVOICES_READ}))
    with scope(world.scope):
        key = create_client(world.tech.storefront.id, new, actor=SYSTEM, at=utc_now()).secret
    headers, base = {"X-ApiKey": key}, "/techsolutions/api/v1/invoices"
    (listed,) = client.get(base, headers=headers).json["items"]
    answer = client.get(f"{base}/{listed['number']}", headers=headers)
    assert "7.77" in answer.text
    assert [word for word in CANARIES if word in answer.text and not word.startswith("7")] == []


def test_what_staff_sees_does_hold_the_canaries(client: FlaskClient, bought: Bought, sign_in) -> None:
    """The canaries are real: the reseller's own pages show its cost."""
    sign_in(bought.world.tech.admin)
    assert "7.7731" in client.get("/techsolutions/manage/listings?tab=listed").text
