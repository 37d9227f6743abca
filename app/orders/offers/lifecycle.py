"""From a draft of an offer to an order: approved, shared, decided, converted; or lost (CB-17)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from app.accounts.queries import find_account, get_account
from app.audit.services import SYSTEM, record
from app.billing.papers import render
from app.catalogue.models import Product
from app.core.db import session
from app.core.errors import Forbidden, Invalid
from app.identity.services import is_address
from app.orders.agreed import NOTHING, AgreedPrice, PricingRights
from app.orders.back_office import NewOrder, create_order
from app.orders.back_office_items import WantedItem
from app.orders.back_office_items import add_item as add_order_item
from app.orders.models import Order
from app.orders.offers.documents import keep_paper
from app.orders.offers.errors import ApprovalMissing
from app.orders.offers.machine import OfferMove, advance
from app.orders.offers.mails import mail_decided, mail_expires, mail_offer
from app.orders.offers.models import Offer, OfferItem, OfferType
from app.orders.offers.prices import needs_approval, offered_price
from app.orders.offers.rows import Staff, add_event, items_of, lock_offer
from app.orders.offers.services import count_from_today
from app.orders.offers.shown import shared
from app.orders.offers.statuses import get_status
from app.orders.shared_links import give_link, is_one_click, url_of
from app.pricing.quotes import PriceKey
from tenants.context import current_scope
from tenants.days import distributors_day

TELL_BEFORE = timedelta(days=3)
MOST = 200
ALL_RIGHTS = PricingRights(may_agree=True, may_go_below_cost=True)  # what was agreed on was approved before
LONGEST_REASON = LONGEST_COMMENT = 500


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided on an offer, and why it was refused."""

    by: str
    reason: str = ""


def approve(number: str, *, staff: Staff, at: datetime) -> Offer:
    """Let an offer's discounts stand. Raises OfferNotFound, WrongOfferState, Forbidden for who is no administrator."""
    offer = lock_offer(number, staff)
    if not staff.is_administrator:
        raise Forbidden("Discounts are approved by administrators")
    advance(offer, OfferMove.EDIT)
    offer.approved_by_id, offer.approved_at = staff.actor.user_id, at
    add_event(offer, "Prices approved", actor_name=staff.actor.name, at=at)
    record("offer.approved", actor=staff.actor, at=at, target_kind="offer", target_id=offer.id)
    session.flush()
    return offer


def share(number: str, *, staff: Staff, at: datetime) -> str:
    """Mail an offer's link to its contact; returns the link. Shared again, the link stays the same.

    Raises OfferNotFound, WrongOfferState, ApprovalMissing, Invalid `offer_empty`, `expired`.
    """
    offer = lock_offer(number, staff)
    advance(offer, OfferMove.SHARE)
    items = items_of(offer)
    if not items:
        raise Invalid.field("items", "offer_empty", "Add at least one product before you share the offer")
    if offer.valid_until < distributors_day(at):
        raise Invalid.field("valid_until", "expired", "The offer's last day has passed: choose another one first")
    if needs_approval(offer, items):
        raise ApprovalMissing(offer.number)
    give_link(offer)
    url = link_of(offer)
    assert url is not None, "a distributor has a storefront"
    if offer.sent_at is not None and is_one_click(offer.sent_at, at):
        return url
    offer.sent_at = at
    paper = render(shared(offer, items).paper())
    keep_paper(offer, paper, staff=staff, at=at)
    mail_offer(offer, items, url, paper, at=at)
    add_event(offer, f"Shared with {offer.contact_email}", actor_name=staff.actor.name, at=at)
    record("offer.shared", actor=staff.actor, at=at, target_kind="offer", target_id=offer.id,
           after={"to": offer.contact_email})  # fmt: skip
    session.flush()
    return url


def link_of(offer: Offer) -> str | None:
    """Return the share link of an offer, or None before it was shared."""
    return url_of(offer, "/offers")


def mark(number: str, move: OfferMove, *, reason: str = "", staff: Staff, at: datetime) -> Offer:
    """Record what the customer said: ACCEPT, REFUSE; or take a lost offer up again: REOPEN.

    Taken up after its last day, it is valid for another 30; its discounts count from today's price lists. Raises OfferNotFound, WrongOfferState, ApprovalMissing.
    """
    offer = lock_offer(number, staff)
    if move is OfferMove.REOPEN:
        _reopen(offer, at)
    else:
        decide(offer, move, Decision(staff.actor.name, reason), at=at)
    words = {
        OfferMove.ACCEPT: "Marked accepted",
        OfferMove.REFUSE: "Marked refused",
        OfferMove.REOPEN: "Taken up again",
    }
    add_event(offer, words[move], actor_name=staff.actor.name, at=at)
    record(f"offer.{move.value}", actor=staff.actor, at=at, target_kind="offer", target_id=offer.id,
           after={"reason": reason[:LONGEST_REASON]})  # fmt: skip
    session.flush()
    return offer


def decide(offer: Offer, move: OfferMove, decision: Decision, *, at: datetime) -> None:
    """Move a locked offer to Accepted or Lost. Raises WrongOfferState, Invalid `offer_empty`, ApprovalMissing."""
    items = items_of(offer)
    if move is OfferMove.ACCEPT and not items:
        raise Invalid.field("items", "offer_empty", "The offer holds no products")
    if move is OfferMove.ACCEPT and needs_approval(offer, items):
        raise ApprovalMissing(offer.number)
    advance(offer, move)
    offer.decided_at, offer.decided_by_name = at, decision.by[:201]
    offer.decision_reason = decision.reason.strip()[:LONGEST_REASON] or None


def put_into(number: str, ref: str, *, staff: Staff, at: datetime) -> Offer:
    """Give an offer another status of its type. Raises OfferNotFound, OfferStatusNotFound, Invalid `choice`."""
    offer = lock_offer(number, staff)
    status = get_status(ref)
    if status.details.type is not offer.type or not status.details.is_active:
        raise Invalid.field("status_ref", "choice", "Choose one of the statuses")
    offer.status_id = status.id
    add_event(offer, f"Status: {status.details.name}", actor_name=staff.actor.name, at=at)
    session.flush()
    return offer


def convert(number: str, *, staff: Staff, at: datetime) -> Order:
    """Make an accepted offer an order, once, at its prices, also where the catalogue has moved (CB-F48).

    Raises OfferNotFound, WrongOfferState (not accepted, or converted before), what creating an order refuses, and
    Invalid `not_priced` for what the payer cannot have at all any more.
    """
    offer = lock_offer(number, staff)
    advance(offer, OfferMove.CONVERT)
    order = create_order(
        NewOrder(
            offer.account_id, name=offer.name,
            contact_email=offer.contact_email if is_address(offer.contact_email) else "",  # older ones were not checked
            comment=offer.notes.strip()[:LONGEST_COMMENT] or None,
        ),
        actor=staff.actor, at=at,
    )  # fmt: skip
    ordered: dict[UUID, UUID] = {}
    for item in sorted(items_of(offer), key=lambda each: each.parent_item_id is not None):
        parent_id = ordered[item.parent_item_id] if item.parent_item_id else item.parent_subscription_id
        wanted = WantedItem(
            item.product_id, item.term, item.cycle, item.quantity, friendly_name=item.friendly_name,
            agreed=_held(offer, item, at), characteristics=dict(item.characteristics),
            options=tuple(item.price_options), parent_id=parent_id,
        )  # fmt: skip
        ordered[item.id] = add_order_item(order.number, wanted, rights=ALL_RIGHTS, actor=staff.actor, at=at).id
    offer.order_id, order.offer_id = order.id, offer.id
    add_event(offer, f"Converted to {order.number}", actor_name=staff.actor.name, at=at)
    record("offer.converted", actor=staff.actor, at=at, target_kind="offer", target_id=offer.id,
           after={"order": order.number})  # fmt: skip
    session.flush()
    return order


def expire_offers(at: datetime) -> int:
    """Lose offers whose last day has passed, and remind owners three days before; returns how many were lost."""
    today = distributors_day(at)
    lost = _due(today)
    for offer in lost:
        advance(offer, OfferMove.EXPIRE)
        offer.decided_at, offer.decided_by_name, offer.decision_reason = at, SYSTEM.name, "Its last day has passed"
        add_event(offer, "Lost: its last day has passed", actor_name=None, at=at)
        mail_decided(offer, _account_name(offer.account_id), "lost, its last day has passed", at=at)
        record("offer.expired", actor=SYSTEM, at=at, target_kind="offer", target_id=offer.id)
    for offer in _ending(today):
        offer.reminded_at = at
        mail_expires(offer, _account_name(offer.account_id), at=at)
    session.flush()
    return len(lost)


def _reopen(offer: Offer, at: datetime) -> None:
    advance(offer, OfferMove.REOPEN)
    count_from_today(offer, at)
    offer.decided_at = offer.decided_by_name = offer.decision_reason = None
    today = distributors_day(at)
    if offer.valid_until < today:
        offer.valid_until = today + timedelta(days=30)
        offer.reminded_at = None


def _held(offer: Offer, item: OfferItem, at: datetime) -> AgreedPrice:
    """Return what to agree on in the order so that the offer's price holds: nothing where it is today's anyway."""
    same = AgreedPrice(item.user_price, item.discount_percent)
    product = session.get_one(Product, (offer.distributor_id, item.product_id))
    key = PriceKey(item.product_id, item.term, item.cycle)
    payer, options = get_account(offer.payer_id), tuple(item.price_options)
    today = offered_price(product, key, item.quantity, same, payer, options=options, at=at)
    if today.unit == item.unit_price:
        return same if same.is_anything else NOTHING
    return AgreedPrice(item.unit_price, item.discount_percent)


def _due(today: date) -> Sequence[Offer]:
    return session.scalars(
        select(Offer)
        .where(
            Offer.distributor_id == current_scope().distributor_id,
            Offer.type == OfferType.IN_PROGRESS,
            Offer.valid_until < today,
        )
        .order_by(Offer.valid_until)
        .limit(MOST)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()


def _ending(today: date) -> Sequence[Offer]:
    return session.scalars(
        select(Offer)
        .where(
            Offer.distributor_id == current_scope().distributor_id,
            Offer.type == OfferType.IN_PROGRESS,
            Offer.sent_at.is_not(None),
            Offer.reminded_at.is_(None),
            Offer.valid_until >= today,
            Offer.valid_until <= today + TELL_BEFORE,
        )
        .limit(MOST)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()


def _account_name(account_id: UUID) -> str:
    account = find_account(account_id)
    return account.name if account is not None else ""
