"""Sharing an order: a link that shows it alone, and ends; the mail with link and paper (CB-18)."""

from __future__ import annotations

import re
from datetime import timedelta
from http import HTTPStatus

import pytest
from sqlalchemy import update

from app.core import db
from app.notifications.models import AboutKind, MailAttachment, OutboundMail
from app.notifications.services import MailTemplate
from app.orders.models import Order, OrderEvent, OrderItemVendorCost
from app.orders.shares.models import OrderShare
from tenants.context import scope
from tests.factories.execution import all_of
from tests.factories.world import World

JSON = {"Accept": "application/json"}


@pytest.fixture
def bss(sign_in, world: World):
    return sign_in(world.bss_user)


@pytest.fixture
def visitor(app, world: World):
    """Somebody with nothing but the link."""
    browser = app.test_client()
    browser.host = world.host
    return browser


def start(bss, account_id: object) -> str:
    made = bss.post(f"/bss/orders/new/{account_id}", data={"po_number": "PO-77", "comment": "Hard bargain"})
    return str(made.headers["Location"]).split("/")[-2]


def add(bss, world: World, number: str) -> None:
    key = f"{world.seats.id}:P1M:monthly"
    bss.post(f"/bss/orders/{number}/items/new", data={"key": key, "quantity": "5"})


@pytest.fixture
def number(bss, world: World) -> str:
    """An order of five seats for the direct customer."""
    made = start(bss, world.direct.id)
    add(bss, world, made)
    return made


def send(bss, number: str, to: str = "ada@direct.example"):
    return bss.post(f"/bss/orders/{number}/share", data={"to_email": to})


def link_of(bss, number: str) -> str:
    found = re.search(r"https?://[^/]+(/shared-orders/[\w-]+)", bss.get(f"/bss/orders/{number}/share").text)
    assert found
    return found.group(1)


def rows(world: World, model: type) -> list:
    with scope(world.scope):
        found = all_of(db.session, model)
        db.session.commit()
        db.session.expunge_all()
    return found


def shares_mailed(world: World) -> list[OutboundMail]:
    return [each for each in rows(world, OutboundMail) if each.template == MailTemplate.ORDER_SHARED.value]


def test_whoever_has_the_link_reads_that_order_alone(bss, visitor, world: World, number):
    assert send(bss, number).status_code == HTTPStatus.SEE_OTHER
    link = link_of(bss, number)
    shown = visitor.get(link)
    assert shown.status_code == HTTPStatus.OK
    for words in (number, world.direct.name, world.seats.name, "50.00", "PO-77", "Submitted"):
        assert words in shown.text
    assert "Hard bargain" not in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    assert "noindex" in shown.headers["X-Robots-Tag"]
    paper = visitor.get(f"{link}/pdf")
    assert (paper.mimetype, paper.data[:4]) == ("application/pdf", b"%PDF")
    other = start(bss, world.direct.id)
    for path in (f"{link}x", link[:-1], f"/shared-orders/{number}", f"/shared-orders/{other}",
                 "/shared-orders/" + "x" * 300, f"/techsolutions{link}"):  # fmt: skip
        assert visitor.get(path).status_code == HTTPStatus.NOT_FOUND
        assert visitor.get(f"{path}/pdf").status_code == HTTPStatus.NOT_FOUND


def test_the_link_shows_no_cost_of_the_distributors(bss, visitor, world: World, number):
    with scope(world.scope):
        db.session.execute(update(OrderItemVendorCost).values(unit_vendor_cost="7.7777"))
        db.session.commit()
    send(bss, number)
    assert "7.7777" not in visitor.get(link_of(bss, number)).text


def test_the_mail_has_link_and_paper_and_its_token_is_no_text(bss, world: World, number):
    send(bss, number)
    (mail,), (paper,), (share,) = shares_mailed(world), rows(world, MailAttachment), rows(world, OrderShare)
    (order,) = rows(world, Order)
    assert (mail.to_email, mail.about_kind, mail.about_id) == ("ada@direct.example", AboutKind.ORDER, order.id)
    assert (mail.attachment_id, paper.name, paper.content[:4]) == (paper.id, f"{number}.pdf", b"%PDF")
    token = link_of(bss, number).rpartition("/")[2]
    assert token not in mail.fields["share_url"]
    assert token not in (share.token, share.token_digest)
    assert all("ada@" not in event.text for event in rows(world, OrderEvent)), "the buyer reads those"


def test_a_double_click_mails_once_and_the_link_stays(bss, world: World, number):
    send(bss, number)
    link = link_of(bss, number)
    send(bss, number)
    assert len(shares_mailed(world)) == 1
    send(bss, number, "it@direct.example")
    assert (len(shares_mailed(world)), link_of(bss, number)) == (2, link)


def test_a_link_ends_by_its_day_and_by_hand(bss, visitor, world: World, number):
    send(bss, number)
    link = link_of(bss, number)
    with scope(world.scope):
        (share,) = all_of(db.session, OrderShare)
        share.valid_until -= timedelta(days=31)
        db.session.commit()
    assert visitor.get(link).status_code == HTTPStatus.NOT_FOUND
    assert visitor.get(f"{link}/pdf").status_code == HTTPStatus.NOT_FOUND
    send(bss, number, "it@direct.example")
    assert visitor.get(link).status_code == HTTPStatus.OK
    assert bss.post(f"/bss/orders/{number}/share/end").status_code == HTTPStatus.SEE_OTHER
    assert visitor.get(link).status_code == HTTPStatus.NOT_FOUND
    assert "/shared-orders/" not in bss.get(f"/bss/orders/{number}/share").text
    send(bss, number)
    assert link_of(bss, number) != link


@pytest.mark.parametrize("typed", ["", "nobody", "x" * 255 + "@direct.example", "anna@müller.example"])
def test_a_wrong_address_is_refused_at_the_field(bss, world: World, number, typed):
    refused = send(bss, number, typed)
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'id="to_email-error"' in refused.text
    assert (rows(world, OrderShare), shares_mailed(world)) == ([], [])


def test_what_a_reseller_pays_goes_to_its_people_alone(bss, world: World):
    """CB-18: the wholesale price is in no page and no mail of an end customer."""
    customer = world.basic.customers[0]
    number = start(bss, customer.id)
    add(bss, world, number)
    page = bss.get(f"/bss/orders/{number}/share").text
    assert customer.email not in page
    for wrong in (customer.email, "somebody@else.example"):
        refused = send(bss, number, wrong)
        assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "enter an address of theirs" in refused.text
    assert (rows(world, OrderShare), shares_mailed(world)) == ([], [])
    assert send(bss, number, world.basic.account.email.upper()).status_code == HTTPStatus.SEE_OTHER


def test_nothing_to_share_is_refused(bss, world: World):
    number = start(bss, world.direct.id)
    empty = send(bss, number)
    assert empty.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Add at least one item" in empty.text
    bss.post(f"/bss/orders/{number}/cancel", data={"reason": "Test"})
    late = bss.post(f"/bss/orders/{number}/share", data={"to_email": "ada@direct.example"}, headers=JSON)
    assert late.status_code == HTTPStatus.CONFLICT
    assert rows(world, OrderShare) == []


def test_a_shared_order_can_be_deleted(bss, visitor, world: World, number):
    send(bss, number)
    link = link_of(bss, number)
    assert bss.post(f"/bss/orders/{number}/delete").status_code == HTTPStatus.SEE_OTHER
    assert (rows(world, Order), rows(world, OrderShare)) == ([], [])
    assert visitor.get(link).status_code == HTTPStatus.NOT_FOUND
