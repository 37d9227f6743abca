from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from app.audit.services import Actor
from app.catalogue.models import BillingCycle, Term
from app.core.db import unit_of_work
from app.core.errors import Forbidden, Invalid
from app.core.ids import new_id
from app.notifications.models import OutboundMail
from app.orders.agreed import AgreedPrice
from app.orders.models import Order, OrderItem, OrderItemCost, OrderStatus
from app.orders.offers.errors import ApprovalMissing, LastStatus, OfferNotFound, WrongOfferState
from app.orders.offers.lifecycle import approve, convert, expire_offers, mark, share
from app.orders.offers.links import accept_shared, read_shared, refuse_shared
from app.orders.offers.machine import TABLE, OfferMove, advance, may
from app.orders.offers.models import Offer, OfferItem, OfferType
from app.orders.offers.prices import totals_of
from app.orders.offers.queries import OfferFilter, find_offers
from app.orders.offers.rows import Staff, items_of
from app.orders.offers.services import (
    OfferDetails,
    OfferedItem,
    OfferItemChange,
    add_item,
    change_item,
    change_offer,
    copy_offer,
    create_offer,
    delete_offer,
)
from app.orders.offers.statuses import StatusDetails, add_status, change_status, delete_status, list_statuses
from app.pricing.models import PriceListEntry
from tenants.context import root_visitor_scope, scope
from tests.factories.execution import all_of
from tests.factories.world import MONDAY_NOON, World, make_world

LATER = MONDAY_NOON + timedelta(days=31)


def token_of(url: str) -> str:
    return url.rpartition("/")[2]


def shared_link(world: World, offer: Offer, staff: Staff) -> str:
    with scope(world.scope), unit_of_work():
        return token_of(share(offer.number, staff=staff, at=MONDAY_NOON))


def accepted(world: World, offer: Offer, staff: Staff) -> None:
    with scope(world.scope), unit_of_work():
        mark(offer.number, OfferMove.ACCEPT, staff=staff, at=MONDAY_NOON)


def set_price(session, world: World, product, price: str) -> None:
    with scope(world.scope):
        entry = next(each for each in all_of(session, PriceListEntry) if each.product_id == product.id)
        entry.price = entry.value = Decimal(price)
        session.commit()


def fresh(session, world: World, offer: Offer) -> Offer:
    return session.get_one(Offer, (world.id, offer.id), populate_existing=True)


def test_an_offer_without_a_name_gets_account_and_code_and_thirty_days(session, world: World, make_offer):
    offer = make_offer()
    assert offer.name == f"{world.direct.name} – {offer.number}"
    assert offer.number.startswith("OF-2026-")
    assert offer.valid_until == date(2026, 4, 1)
    assert offer.contact_email == world.direct_buyer.email


def test_totals_are_an_orders(session, world: World, make_offer):
    """CB-F66 (partly): five seats at 10.00 with 10 % off and a suite at 20.00 a month run at 65.00 a month."""
    offer = make_offer("10")
    with scope(world.scope):
        totals = totals_of(items_of(offer), "EUR")
    assert (totals.net, totals.discount, totals.monthly_run_rate) == (Decimal(65), Decimal(5), Decimal(65))
    assert (totals.vendor_cost, totals.profit) == (Decimal(56), Decimal(9))


def test_a_price_by_hand_wins_over_a_discount(session, world: World, make_offer):
    """CB-F12 (partly): 9.00 by hand with 50 % discount is 9.00."""
    offer = make_offer("50", price="9.00")
    with scope(world.scope):
        assert items_of(offer)[0].unit_price == Decimal("9.00")


def test_converting_copies_everything_and_happens_once(session, world: World, make_offer, manager):
    """CB-F48: products, quantities, prices and discounts are copied; converting again is a conflict."""
    offer = make_offer("10")
    accepted(world, offer, manager)
    with scope(world.scope):
        with unit_of_work():
            order = convert(offer.number, staff=manager, at=MONDAY_NOON)
        items = sorted(all_of(session, OrderItem), key=lambda item: item.position)
        assert [(item.product_id, item.quantity, item.unit_price, item.line_total) for item in items] == [
            (world.seats.id, 5, Decimal("9.00"), Decimal("45.00")),
            (world.suite.id, 1, Decimal("20.00"), Decimal("20.00")),
        ]
        costs = {cost.item_id: cost for cost in all_of(session, OrderItemCost)}
        assert costs[items[0].id].discount_percent == Decimal(10)
        assert (order.status, order.net_total, order.offer_id) == (OrderStatus.SUBMITTED, Decimal("65.00"), offer.id)
        with pytest.raises(WrongOfferState), unit_of_work():
            convert(offer.number, staff=manager, at=MONDAY_NOON)
        assert len(all_of(session, Order)) == 1


@pytest.mark.parametrize("entered", ["anna@", "Anna <anna@company.com>", "anna@company@com"])
def test_an_address_that_no_order_takes_is_none_for_an_offer(session, world: World, make_offer, manager, entered):
    """CB-17: an accepted offer can be converted, for its contact is somebody an order can be for."""
    offer = make_offer()
    before = offer.contact_email
    with scope(world.scope):
        with pytest.raises(Invalid, match="e-mail"), unit_of_work():
            change_offer(offer.number, OfferDetails(contact_email=entered), version=1, staff=manager, at=MONDAY_NOON)
        assert [each.contact_email for each in all_of(session, Offer)] == [before]


def test_an_older_offer_with_a_bad_address_is_converted_for_the_primary_contact(session, world, make_offer, manager):
    offer = make_offer()
    accepted(world, offer, manager)
    with scope(world.scope):
        with unit_of_work():
            all_of(session, Offer)[0].contact_email = "Anna <anna@company.com>"
        with unit_of_work():
            order = convert(offer.number, staff=manager, at=MONDAY_NOON)
        assert order.contact_email == world.direct_buyer.email


def test_a_copy_can_be_converted_again(session, world: World, make_offer, manager):
    """CB-F48: unless copied."""
    offer = make_offer()
    accepted(world, offer, manager)
    with scope(world.scope):
        with unit_of_work():
            convert(offer.number, staff=manager, at=MONDAY_NOON)
        with unit_of_work():
            copied = copy_offer(offer.number, staff=manager, at=MONDAY_NOON)
        accepted(world, copied, manager)
        with unit_of_work():
            convert(copied.number, staff=manager, at=MONDAY_NOON)
        assert len(all_of(session, Order)) == 2


def test_prices_hold_although_the_catalogue_has_moved(session, world: World, make_offer, manager):
    """CB-17: what was offered is what the order costs."""
    offer = make_offer("10")
    accepted(world, offer, manager)
    set_price(session, world, world.seats, "14.00")
    with scope(world.scope):
        with unit_of_work():
            order = convert(offer.number, staff=manager, at=MONDAY_NOON)
        assert order.net_total == Decimal("65.00")


@pytest.mark.parametrize("move", [None, OfferMove.REFUSE])
def test_an_offer_that_is_not_accepted_is_not_converted(session, world: World, make_offer, manager, move):
    """CB-F49: neither one in progress nor a lost one; nothing is made."""
    offer = make_offer()
    with scope(world.scope):
        if move is not None:
            with unit_of_work():
                mark(offer.number, move, staff=manager, at=MONDAY_NOON)
        with pytest.raises(WrongOfferState), unit_of_work():
            convert(offer.number, staff=manager, at=MONDAY_NOON)
        assert all_of(session, Order) == []


def test_the_last_active_status_of_a_type_stays(session, world: World):
    """CB-F49: it is neither switched off nor deleted; with a second one it may go."""
    actor = Actor(world.bss_user.id, "Ana Admin")
    with scope(world.scope):
        off = StatusDetails(10, "Lost", OfferType.CANCELED, is_active=False)
        for act in (
            lambda: change_status("canceled", off, version=1, actor=actor, at=MONDAY_NOON),
            lambda: delete_status("canceled", actor=actor, at=MONDAY_NOON),
        ):
            with pytest.raises(LastStatus), unit_of_work():
                act()
        with unit_of_work():
            add_status(StatusDetails(20, "Too dear", OfferType.CANCELED), actor=actor, at=MONDAY_NOON)
        with unit_of_work():
            change_status("canceled", off, version=1, actor=actor, at=MONDAY_NOON)
        active = [each.details.name for each in list_statuses() if each.details.is_active]
        assert active == ["In Progress", "Accepted", "Too dear"]


def test_names_of_statuses_are_editable(session, world: World):
    actor = Actor(world.bss_user.id, "Ana Admin")
    with scope(world.scope):
        with unit_of_work():
            change_status(
                "accepted", StatusDetails(10, "Won", OfferType.IN_PROGRESS), version=1, actor=actor, at=MONDAY_NOON
            )
        won = next(each for each in list_statuses() if each.ref == "accepted")
        assert (won.details.name, won.details.type) == ("Won", OfferType.ACCEPTED)
        with pytest.raises(Invalid), unit_of_work():
            add_status(StatusDetails(20, "won", OfferType.ACCEPTED), actor=actor, at=MONDAY_NOON)


def test_a_link_shows_its_offer_alone_and_stops_after_the_last_day(session, world: World, make_offer, manager):
    """CB-F50: that offer only; not after its validity."""
    offer, other = make_offer(), make_offer("5")
    token = shared_link(world, offer, manager)
    with scope(root_visitor_scope(world.id)):
        seen = read_shared(token, at=MONDAY_NOON)
        assert (seen.number, len(seen.items), seen.total) == (offer.number, 2, Decimal("70.00"))
        last = MONDAY_NOON + timedelta(days=30)
        assert read_shared(token, at=last).number == offer.number
        for wrong in (other.number, token[:-1], token + "x", "", "x" * 5000, str(offer.id)):
            with pytest.raises(OfferNotFound):
                read_shared(wrong, at=MONDAY_NOON)
        with pytest.raises(OfferNotFound):
            read_shared(token, at=LATER)
        assert all_of(session, Offer) == []  # the visitor's own scope reaches none


def test_another_distributors_visitor_finds_nothing_behind_it(session, world: World, make_offer, manager):

    token = shared_link(world, make_offer(), manager)
    other = make_world(session, name="Other", host="cloud.other.example")
    with scope(root_visitor_scope(other.id)), pytest.raises(OfferNotFound):
        read_shared(token, at=MONDAY_NOON)


def test_the_link_is_stored_and_mailed_unreadably(session, world: World, make_offer, manager):
    offer = make_offer()
    token = shared_link(world, offer, manager)
    with scope(world.scope):
        (mail,) = [each for each in all_of(session, OutboundMail) if each.template == "offer_sent"]
        assert mail.to_email == world.direct_buyer.email
        assert token not in str(mail.fields)
        stored = fresh(session, world, offer)
        assert token not in (stored.token or "")
        assert shared_link(world, offer, manager) == token  # shared again, the link stays
        assert len([each for each in all_of(session, OutboundMail) if each.template == "offer_sent"]) == 1
        with unit_of_work():
            share(offer.number, staff=manager, at=MONDAY_NOON + timedelta(minutes=1))
        assert len([each for each in all_of(session, OutboundMail) if each.template == "offer_sent"]) == 2


def test_a_customer_accepts_on_the_link_once(session, world: World, make_offer, manager):
    offer = make_offer()
    token = shared_link(world, offer, manager)
    with scope(root_visitor_scope(world.id)):
        seen = read_shared(token, at=MONDAY_NOON).version
        with pytest.raises(Invalid), unit_of_work():
            accept_shared(token, "  ", seen=seen, address=None, at=MONDAY_NOON)
        with unit_of_work():
            accept_shared(token, "Ada Buyer", seen=seen, address="192.0.2.1", at=MONDAY_NOON)
        with pytest.raises(WrongOfferState), unit_of_work():
            refuse_shared(token, "Ada Buyer", "", address=None, at=MONDAY_NOON)
    with scope(world.scope):
        stored = fresh(session, world, offer)
        assert (stored.type, stored.decided_by_name) == (OfferType.ACCEPTED, "Ada Buyer")
        told = [mail.to_email for mail in all_of(session, OutboundMail) if mail.template == "offer_decided"]
        assert told == [world.bss_user.email]


def test_a_customer_declines_and_the_link_ends(session, world: World, make_offer, manager):
    offer = make_offer()
    token = shared_link(world, offer, manager)
    with scope(root_visitor_scope(world.id)):
        with unit_of_work():
            refuse_shared(token, "Ada Buyer", "Too dear", address=None, at=MONDAY_NOON)
        with pytest.raises(OfferNotFound):
            read_shared(token, at=MONDAY_NOON)
    with scope(world.scope):
        stored = fresh(session, world, offer)
        assert (stored.type, stored.decision_reason) == (OfferType.CANCELED, "Too dear")


def test_an_empty_offer_is_not_shared(session, world: World, manager):
    """CB-17: 422, and nothing goes out."""
    with scope(world.scope):
        with unit_of_work():
            offer = create_offer(world.direct.id, OfferDetails(), staff=manager, at=MONDAY_NOON)
        with pytest.raises(Invalid) as refusal, unit_of_work():
            share(offer.number, staff=manager, at=MONDAY_NOON)
        assert refusal.value.codes == ("offer_empty",)
        assert all_of(session, OutboundMail) == []


@pytest.mark.parametrize(("discount", "is_refused"), [("15", False), ("15.01", True)])
def test_a_discount_above_the_ceiling_waits_for_an_administrator(
    session, world: World, make_offer, manager, administrator, discount, is_refused
):
    """CB-17: the account manager's ceiling is 15 %."""
    offer = make_offer(discount)
    with scope(world.scope):
        if not is_refused:
            with unit_of_work():
                assert share(offer.number, staff=manager, at=MONDAY_NOON)
            return
        with pytest.raises(ApprovalMissing), unit_of_work():
            share(offer.number, staff=manager, at=MONDAY_NOON)
        with pytest.raises(Forbidden), unit_of_work():
            approve(offer.number, staff=manager, at=MONDAY_NOON)
        assert fresh(session, world, offer).sent_at is None
        with unit_of_work():
            approve(offer.number, staff=administrator, at=MONDAY_NOON)
        with unit_of_work():
            assert share(offer.number, staff=manager, at=MONDAY_NOON)


def test_a_price_below_cost_waits_for_an_administrator(session, world: World, make_offer, manager):
    """CB-F12: below cost (8.00) needs an administrator, whatever the discount."""
    with scope(world.scope):
        with unit_of_work():
            offer = create_offer(world.direct.id, OfferDetails(), staff=manager, at=MONDAY_NOON)
            wanted = OfferedItem(world.seats.id, Term.P1M, BillingCycle.MONTHLY, 1, agreed=AgreedPrice(Decimal("7.99")))
            add_item(offer.number, wanted, staff=manager, at=MONDAY_NOON)
        with pytest.raises(ApprovalMissing), unit_of_work():
            share(offer.number, staff=manager, at=MONDAY_NOON)


def test_a_change_takes_the_approval_and_the_view_behind_the_link_away(
    session, world: World, make_offer, manager, administrator
):
    offer = make_offer("20")
    with scope(world.scope):
        with unit_of_work():
            approve(offer.number, staff=administrator, at=MONDAY_NOON)
        token = shared_link(world, offer, manager)
        item = items_of(offer)[0]
        change = OfferItemChange(5, agreed=AgreedPrice(discount_percent=Decimal(30)))
        with unit_of_work():
            change_item(offer.number, item.id, change, version=1, staff=manager, at=MONDAY_NOON)
        with pytest.raises(OfferNotFound):
            read_shared(token, at=MONDAY_NOON)
        with pytest.raises(ApprovalMissing), unit_of_work():
            mark(offer.number, OfferMove.ACCEPT, staff=manager, at=MONDAY_NOON)


def test_somebody_elses_offer_does_not_exist(session, world: World, make_offer, administrator):
    """CB-17: account managers have their own, administrators all."""
    offer = make_offer()
    stranger = Staff(Actor(new_id(), "Sam Sales"), is_administrator=False)
    with scope(world.scope):
        with pytest.raises(OfferNotFound), unit_of_work():
            share(offer.number, staff=stranger, at=MONDAY_NOON)
        assert find_offers(OfferFilter(), stranger) == []
        assert [row.offer.number for row in find_offers(OfferFilter(), administrator)] == [offer.number]


def test_offers_are_lost_after_their_last_day_and_owners_are_told_before(session, world: World, make_offer, manager):
    offer = make_offer()
    shared_link(world, offer, manager)
    near, last = MONDAY_NOON + timedelta(days=27), MONDAY_NOON + timedelta(days=30)
    for at, expected in ((near, 0), (near, 0), (last, 0), (LATER, 1), (LATER, 0)):
        with scope(world.scope), unit_of_work():
            assert expire_offers(at) == expected
    with scope(world.scope):
        assert fresh(session, world, offer).type is OfferType.CANCELED
        sent = [mail.template for mail in all_of(session, OutboundMail)]
        assert (sent.count("offer_expires"), sent.count("offer_decided")) == (1, 1)
        with unit_of_work():
            again = mark(offer.number, OfferMove.REOPEN, staff=manager, at=LATER)
        assert (again.type, again.valid_until) == (OfferType.IN_PROGRESS, date(2026, 5, 2))


def test_an_offer_somebody_has_seen_is_not_deleted(session, world: World, make_offer, manager):
    seen, unseen = make_offer(), make_offer()
    shared_link(world, seen, manager)
    with scope(world.scope):
        with pytest.raises(Invalid), unit_of_work():
            delete_offer(seen.number, staff=manager, at=MONDAY_NOON)
        with unit_of_work():
            delete_offer(unseen.number, staff=manager, at=MONDAY_NOON)
        assert [offer.id for offer in all_of(session, Offer)] == [seen.id]
        assert {item.offer_id for item in all_of(session, OfferItem)} == {seen.id}


@pytest.mark.parametrize("type_", list(OfferType))
@pytest.mark.parametrize("move", list(OfferMove))
def test_every_pair_moves_by_the_table_or_is_refused(type_: OfferType, move: OfferMove):
    offer = Offer(number="OF-1", type=type_)
    if not may(offer, move):
        with pytest.raises(WrongOfferState):
            advance(offer, move)
        assert offer.type is type_
        return
    advance(offer, move)
    assert offer.type is TABLE[(type_, move)]
    offer.order_id = new_id()
    with pytest.raises(WrongOfferState):
        advance(offer, move)


@pytest.mark.parametrize("way", ["copy", "reopen"])
def test_old_prices_are_not_offered_again_without_an_approval(session, world: World, make_offer, manager, way):
    """CB-17: 10.00 that cost 14.00 by now is 28.57 % off, above the ceiling; within it nothing is asked."""
    offer = make_offer()
    if way == "reopen":
        with scope(world.scope), unit_of_work():
            mark(offer.number, OfferMove.REFUSE, staff=manager, at=MONDAY_NOON)
    set_price(session, world, world.seats, "14.00")
    with scope(world.scope):
        with unit_of_work():
            again = (
                copy_offer(offer.number, staff=manager, at=MONDAY_NOON)
                if way == "copy"
                else mark(offer.number, OfferMove.REOPEN, staff=manager, at=MONDAY_NOON)
            )
        assert [item.unit_price for item in items_of(again)] == [Decimal("10.00"), Decimal("20.00")]
        with pytest.raises(ApprovalMissing), unit_of_work():
            share(again.number, staff=manager, at=MONDAY_NOON)
        assert fresh(session, world, again).sent_at is None


def test_what_costs_the_same_is_copied_as_it_is(session, world: World, make_offer, manager):
    offer = make_offer("10")
    with scope(world.scope), unit_of_work():
        copied = copy_offer(offer.number, staff=manager, at=MONDAY_NOON)
    with scope(world.scope):
        first, second = items_of(offer)[0], items_of(copied)[0]
        assert (second.user_price, second.discount_percent) == (first.user_price, first.discount_percent)
