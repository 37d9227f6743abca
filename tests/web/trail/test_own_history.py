"""A reseller reads who of its people did what in its storefront, and what befell its plan (RS-32)."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

import pytest
from sqlalchemy import func, select

from app.audit.models import AuditEvent, ResellerAuditEvent
from app.audit.services import Actor, record
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.ids import new_id
from app.identity.models import UserKind, UserType
from app.notifications.models import MailLogEntry, MailState
from app.notifications.settings import save_mail_settings
from app.notifications.smtp import MailServer
from app.resellers.storefronts import set_state
from tenants.context import direct_business_scope, end_customer_scope, reseller_scope, scope
from tenants.models import Storefront, StorefrontState
from tests.counting import statements_of
from tests.factories.world import MONDAY_NOON, make_user
from workers.jobs.trail import forget_old

HISTORY = "/techsolutions/manage/history"


def own(session, world) -> list[ResellerAuditEvent]:
    with scope(reseller_scope(world.id, world.tech.id)):
        return list(session.scalars(select(ResellerAuditEvent).order_by(ResellerAuditEvent.id)))


@pytest.fixture
def renamed(client, world, sign_in):
    """The reseller's Admin has told its customers another name."""
    sign_in(world.tech.admin)
    with scope(reseller_scope(world.id, world.tech.id)), unit_of_work():
        record(
            "storefront.settings", actor=Actor(world.tech.admin.id, "Ada", world.tech.id, "192.0.2.7"), at=utc_now(),
            target_kind="storefront", target_id=world.tech.storefront.id, before={"title": "Old shop"},
            after={"title": "New shop"},
        )  # fmt: skip


def test_a_reseller_reads_who_changed_what_from_what_to_what(client, world, renamed):
    """RS-32: who, when, IP, before and after; of settings, listing, prices, approvals, users, API credentials."""
    shown = client.get(HISTORY)
    row = shown.text.partition("<tbody")[2].partition("</tr>")[0]

    assert [
        words in row
        for words in ("Storefront: settings", "Old shop", "New shop", world.tech.admin.full_name, "192.0.2.7")
    ] == [True] * 5
    assert f'href="{HISTORY}"' in client.get("/techsolutions/manage/").text
    assert "title: New shop" in client.get(f"{HISTORY}?export=csv").text


def test_a_reseller_reads_that_a_password_changed(client, session, world, sign_in):
    """RS-32, BC-30: of a secret only that it did, and not what it was or is."""
    with scope(reseller_scope(world.id, world.tech.id)):
        for password in ("Geheim-1", "Geheim-2"):
            with unit_of_work():
                save_mail_settings(
                    MailServer("mail.example", 587, "tls", "post", password, "Tech", "post@tech.example"),
                    reseller_id=world.tech.id, actor=Actor(world.tech.admin.id, "Ada", world.tech.id), at=utc_now(),
                )  # fmt: skip
    sign_in(world.tech.admin)
    row = client.get(HISTORY).text.partition("<tbody")[2].partition("</tr>")[0]
    assert ("Mail settings: saved" in row, "password encrypted" in row, "Geheim" in row) == (True, True, False)


def test_a_reseller_reads_names_and_words_instead_of_ids_and_codes(client, world, sign_in):
    product, customer, rule = world.seats, world.tech.customers[0], new_id()
    with scope(reseller_scope(world.id, world.tech.id)), unit_of_work():
        record(
            "pricing.special_price", actor=Actor(world.tech.admin.id, "Ada", world.tech.id), at=utc_now(),
            before={"status": "pending_reseller_approval"},
            after={
                "customer_id": customer.id, "product_ids": [product.id], "rule_id": rule, "term": "P1Y", "status": "done"
            },
        )  # fmt: skip
    sign_in(world.tech.admin)
    row = client.get(HISTORY).text.partition("<tbody")[2].partition("</tr>")[0]
    exported = client.get(f"{HISTORY}?export=csv").text

    for told in (row, exported):
        assert [
            words in told
            for words in (
                f"customer: {customer.name}", f"product: {product.name}", "term: 1 year",
                "status: Pending reseller approval", "status: done",
            )
        ] == [True] * 5  # fmt: skip
        assert [str(each) in told for each in (product.id, customer.id, rule)] == [False] * 3


def test_a_page_of_history_takes_as_many_statements_as_a_line(client, connection, world, sign_in, renamed):
    counts = []
    for _ in range(2):
        with statements_of(connection) as seen:
            client.get(HISTORY)
        counts.append(len(seen))
        with scope(reseller_scope(world.id, world.tech.id)), unit_of_work():
            for product in (world.seats, world.suite):
                record(
                    "listing.changed", actor=Actor(world.tech.admin.id, "Ada", world.tech.id), at=utc_now(),
                    after={"product_id": product.id},
                )  # fmt: skip
    assert counts[0] == counts[1]


def test_what_befalls_the_plan_is_told_without_names_of_the_distributor(client, session, world, sign_in):
    staff = Actor(world.bss_user.id, "Rosa Zaunkoenig")
    with scope(world.scope), unit_of_work():
        storefront = session.get_one(Storefront, (world.id, world.tech.storefront.id))
        set_state(storefront, StorefrontState.ENDING, actor=staff, at=utc_now())
        set_state(storefront, StorefrontState.LIVE, actor=staff, at=utc_now())
    sign_in(world.tech.admin)
    shown = client.get(HISTORY).text

    assert ("Storefront: state" in shown, "Your provider" in shown, "Zaunkoenig" in shown) == (True, True, False)


def test_nobody_else_reads_it(client, session, world, sign_in, renamed):
    """RS-F97 (partly): not another reseller, not its customers, not who has no right to the settings."""
    with scope(reseller_scope(world.id, world.cloudia.id)):
        assert session.scalar(select(func.count()).select_from(ResellerAuditEvent)) == 0
    with scope(world.scope):
        assert session.scalar(select(func.count()).select_from(ResellerAuditEvent)) == 0
        simple = make_user(
            session, world.tech.account, kind=UserKind.RESELLER, realms=(world.root.id, world.tech.storefront.id),
            type=UserType.USER, roles=("billing_agent",),
        )  # fmt: skip
        session.commit()
    for person in (simple, world.tech.buyers[0]):
        sign_in(person)
        assert client.get(HISTORY).status_code in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
    sign_in(world.cloudia.admin)
    assert "Old shop" not in client.get("/cloudia/manage/history").text


def test_what_its_customers_do_is_the_distributors_alone(session, world):
    customer = world.tech.customers[0]
    with scope(end_customer_scope(world.id, world.tech.id, customer.id)):
        record("account.changed", actor=Actor(world.tech.buyers[0].id, "Ada"), at=MONDAY_NOON)
        session.flush()
    assert own(session, world) == []
    with scope(world.scope):
        assert session.scalar(select(func.count()).select_from(AuditEvent)) == 1


@pytest.mark.parametrize(
    ("query", "words"), [("from=yesterday", "Enter a day"), ("from=2026-03-02&to=2026-03-01", "after")]
)
def test_impossible_days_are_422(client, world, sign_in, query, words):
    sign_in(world.tech.admin)
    answer = client.get(f"{HISTORY}?{query}")
    assert (answer.status_code, words in answer.text) == (HTTPStatus.UNPROCESSABLE_ENTITY, True)


def test_it_is_filtered(client, world, renamed):
    assert "Old shop" not in client.get(f"{HISTORY}?q=api client").text
    assert "Old shop" in client.get(f"{HISTORY}?q=storefront settings").text
    assert "Old shop" not in client.get(f"{HISTORY}?to=2020-01-01").text


def test_old_trails_and_mail_logs_are_forgotten(session, world):
    """RS-17, RS-32: trails after 24 months; mail logs after 90 days, the distributor's own after 180."""
    now = utc_now()
    for entered, ages in (
        (reseller_scope(world.id, world.tech.id), (1, 80, 100)),
        (direct_business_scope(world.id), (170, 190)),
    ):
        with scope(entered):
            for days in ages:
                session.add(
                    MailLogEntry(
                        reseller_id=entered.reseller_id, mail_id=new_id(), at=now - timedelta(days=days), template="test",
                        to_email="a@b.example", state=MailState.SENT,
                    )
                )  # fmt: skip
            session.flush()
    with scope(reseller_scope(world.id, world.tech.id)):
        for days in (1, 700, 740):
            record("storefront.settings", actor=Actor(None, "Ada"), at=now - timedelta(days=days))
        session.flush()
    with scope(world.scope):
        forget_old(now)
    assert len(own(session, world)) == 2
    with scope(reseller_scope(world.id, world.tech.id)):
        assert session.scalar(select(func.count()).select_from(MailLogEntry)) == 2
    with scope(direct_business_scope(world.id)):
        assert session.scalar(select(func.count()).select_from(MailLogEntry)) == 1
