"""Writing offers: started, filled, priced, copied (CB-17). Needs the distributor's scope."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select

from app.accounts.models import Account
from app.accounts.queries import get_account, payer_of
from app.audit.changes import changes_of
from app.audit.services import record
from app.catalogue.charging import chosen_options
from app.catalogue.models import BillingCycle, Product, ProductType, Term
from app.catalogue.quantities import require_quantity
from app.catalogue.queries import products_with_types
from app.core.db import session
from app.core.errors import Invalid
from app.core.ids import new_id
from app.core.versions import lock_at_version
from app.identity.models import User, UserKind, UserStatus
from app.orders.agreed import NOTHING, AgreedPrice, PricingRights, require_agreeable
from app.orders.back_office import checked_email
from app.orders.back_office_add_ons import below, follow_quantity, put_below, require_below
from app.orders.back_office_execution import require_business
from app.orders.errors import OrderItemNotFound
from app.orders.offers.machine import OfferMove, advance
from app.orders.offers.models import OFFER_NUMBERS, Offer, OfferDocument, OfferEvent, OfferItem, OfferType
from app.orders.offers.prices import offered_price
from app.orders.offers.rows import Staff, add_event, find_offer, items_of, lock_offer
from app.pricing.quotes import PriceKey
from tenants.context import current_scope
from tenants.days import distributors_day
from tenants.settings import distributor_settings

VALID_FOR = timedelta(days=30)
LONGEST_VALIDITY = timedelta(days=365)
MOST_ITEMS = 50
LONGEST_NAME, LONGEST_TEXT = 255, 4000
COPIED = (
    "position", "product_id", "product_name", "term", "cycle", "quantity", "friendly_name", "characteristics",
    "price_options", "parent_subscription_id", "price_list_id", "base_price", "user_price", "discount_percent",
    "unit_price", "line_total", "unit_vendor_cost",
)  # fmt: skip
MAY_AGREE = PricingRights(may_agree=True, may_go_below_cost=True)  # both are asked for before an offer is shared


@dataclass(frozen=True, slots=True)
class OfferDetails:
    """What an offer says beside its items. Empty: name and contact from the account, 30 days of validity."""

    name: str = ""
    contact_name: str = ""
    contact_email: str = ""
    valid_until: date | None = None
    introduction: str = ""
    notes: str = ""
    language: str = ""  # of its template; empty: as it is, at first the distributor's first one
    owner_id: UUID | None = None  # None: as it is; only administrators give an offer to somebody else


@dataclass(frozen=True, slots=True)
class OfferedItem:
    """A product on an offer."""

    product_id: UUID
    term: Term
    cycle: BillingCycle
    quantity: int = 1
    friendly_name: str | None = None
    agreed: AgreedPrice = NOTHING
    characteristics: Mapping[str, Any] = field(default_factory=dict)
    options: tuple[str, ...] = ()  # codes of chosen ones (CB-04)
    parent_id: UUID | None = None  # of an add-on: an item of the offer, or a subscription of its receiver (CB-27)


@dataclass(frozen=True, slots=True)
class OfferItemChange:
    """What can be changed on an offer's item; it is priced anew."""

    quantity: int
    friendly_name: str | None = None
    agreed: AgreedPrice = NOTHING
    characteristics: Mapping[str, Any] | None = None  # None: as they were
    options: tuple[str, ...] | None = None  # None: as they were


def create_offer(account_id: UUID, details: OfferDetails, *, staff: Staff, at: datetime) -> Offer:
    """Start an offer for an account; a reseller's customer is offered what its reseller pays.

    Raises AccountNotFound, AccountNotActive, Invalid.
    """
    account = get_account(account_id)
    payer = get_account(payer_of(account))
    require_business(account, payer)
    assert staff.actor.user_id is not None, "staff have a user"
    number = f"OF-{at.year}-{session.scalar(select(OFFER_NUMBERS.next_value())):06}"
    name, email = _contact(payer)
    offer = Offer(
        id=new_id(), number=number, account_id=account.id, payer_id=payer.id, currency=payer.currency,
        name=f"{account.name} – {number}"[:LONGEST_NAME], contact_name=name, contact_email=email,
        type=OfferType.IN_PROGRESS, owner_id=staff.actor.user_id, language=distributor_settings().languages[0],
        valid_until=distributors_day(at) + VALID_FOR,
        created_at=at, updated_at=at,
    )  # fmt: skip
    _write(offer, details, staff, at)
    session.add(offer)
    session.flush()
    add_event(offer, "Started", actor_name=staff.actor.name, at=at)
    record("offer.created", actor=staff.actor, at=at, target_kind="offer", target_id=offer.id, after={"number": number})
    return offer


def change_offer(number: str, details: OfferDetails, *, version: int, staff: Staff, at: datetime) -> Offer:
    """Change what an offer says; `version` is what its form was opened at (CB-00).

    Raises OfferNotFound, WrongOfferState, StaleVersion, Invalid.
    """
    offer = lock_offer(number, staff)
    lock_at_version(offer, version, name=offer.number)
    offer.version += 1
    advance(offer, OfferMove.EDIT)
    _write(offer, details, staff, at)
    before, after = changes_of(offer)
    add_event(offer, "Changed", actor_name=staff.actor.name, at=at)
    record("offer.changed", actor=staff.actor, at=at, target_kind="offer", target_id=offer.id,
           before=before, after=after)  # fmt: skip
    session.flush()
    return offer


def add_item(number: str, wanted: OfferedItem, *, staff: Staff, at: datetime) -> OfferItem:
    """Put a product on an offer at the payer's price of today, or one agreed on; an add-on with what it is added to.

    Raises OfferNotFound, WrongOfferState, Invalid `not_available`, `not_priced`, `too_many`, quantity codes, and at
    `parent_id` what speaks against an add-on.
    """
    offer = lock_offer(number, staff)
    advance(offer, OfferMove.EDIT)
    require_agreeable(wanted.agreed, NOTHING, MAY_AGREE)
    product, product_type = _sellable(wanted.product_id)
    items = items_of(offer)
    if len(items) >= MOST_ITEMS:
        raise Invalid.field("product", "too_many", f"An offer holds at most {MOST_ITEMS} items")
    item = OfferItem(
        id=new_id(), offer_id=offer.id, position=1 + max((each.position for each in items), default=0),
        product_id=product.id, product_name=product.name, term=wanted.term, cycle=wanted.cycle,
        quantity=wanted.quantity, characteristics=dict(wanted.characteristics),
    )  # fmt: skip
    held = put_below(item, product, wanted.parent_id, items, offer.account_id)
    change = OfferItemChange(wanted.quantity, wanted.friendly_name, wanted.agreed, options=wanted.options)
    _fill(offer, item, product, product_type, change, at, held=held)
    session.add(item)
    session.flush()
    _changed(offer, f"Added {wanted.quantity} x {product.name}", staff, at)
    return item


def change_item(
    number: str, item_id: UUID, change: OfferItemChange, *, version: int, staff: Staff, at: datetime
) -> OfferItem:
    """Change quantity, name or price of an item; `version` is what its form was opened at (CB-00).

    Raises as `add_item`, and OrderItemNotFound, StaleVersion.
    """
    offer = lock_offer(number, staff)
    advance(offer, OfferMove.EDIT)
    require_agreeable(change.agreed, NOTHING, MAY_AGREE)
    items = items_of(offer)
    item = _item(items, item_id)
    lock_at_version(item, version, name=item.product_name)
    item.version += 1
    product, product_type = _sellable(item.product_id)
    held = require_below(item, product, change.quantity, items)
    _fill(offer, item, product, product_type, change, at, held=held)
    for each in follow_quantity(item, items):
        same = AgreedPrice(each.user_price, each.discount_percent)
        _fill(offer, each, *_sellable(each.product_id), OfferItemChange(each.quantity, each.friendly_name, same), at)
    _changed(offer, f"Changed {item.product_name}: {change.quantity}", staff, at)
    session.flush()
    return item


def remove_item(number: str, item_id: UUID, *, staff: Staff, at: datetime) -> None:
    """Take an item off an offer, with its add-ons. Raises OfferNotFound, WrongOfferState, OrderItemNotFound."""
    offer = lock_offer(number, staff)
    advance(offer, OfferMove.EDIT)
    items = items_of(offer)
    item = _item(items, item_id)
    for each in (*below(item.id, items), item):
        session.delete(each)
        session.flush()
    _changed(offer, f"Removed {item.product_name}", staff, at)


def copy_offer(number: str, *, staff: Staff, at: datetime) -> Offer:
    """Start an offer like another one, at its prices, for another 30 days; a lost or converted one can be copied too.

    Discounts count from today's price lists: what has become cheap needs an approval. Raises OfferNotFound,
    AccountNotActive.
    """
    original = find_offer(number, staff)
    details = OfferDetails(
        contact_name=original.contact_name, contact_email=original.contact_email,
        introduction=original.introduction, notes=original.notes, language=original.language,
    )  # fmt: skip
    offer = create_offer(original.account_id, details, staff=staff, at=at)
    copies = {item.id: new_id() for item in items_of(original)}
    for item in items_of(original):
        columns = {name: getattr(item, name) for name in COPIED}
        parent_id = copies[item.parent_item_id] if item.parent_item_id is not None else None
        session.add(OfferItem(id=copies[item.id], offer_id=offer.id, parent_item_id=parent_id, **columns))
        session.flush()
    count_from_today(offer, at)
    add_event(offer, f"Copied from {original.number}", actor_name=staff.actor.name, at=at)
    session.flush()
    return offer


def count_from_today(offer: Offer, at: datetime) -> None:
    """Let an offer's prices stand and its discounts count from today's price lists and costs.

    What was offered at a list price that has risen since is a price by hand now. An earlier approval was of other
    discounts. What is not priced any more stays as it is.
    """
    payer = get_account(offer.payer_id)
    items = items_of(offer)
    products = products_with_types([item.product_id for item in items])
    for item in items:
        found = products.get(item.product_id)
        if found is None:
            continue
        key, options = PriceKey(item.product_id, item.term, item.cycle), tuple(item.price_options or ())
        try:
            today = offered_price(found[0], key, item.quantity, NOTHING, payer, options=options, at=at)
        except Invalid:
            continue
        if today.base == item.base_price and today.vendor_cost == item.unit_vendor_cost:
            continue
        if item.unit_price != today.unit:
            item.user_price = item.unit_price
        item.base_price, item.unit_vendor_cost = today.base, today.vendor_cost
        offer.approved_at = offer.approved_by_id = None
    session.flush()


def delete_offer(number: str, *, staff: Staff, at: datetime) -> None:
    """Delete an offer nobody has seen; one that was shared is kept. Raises OfferNotFound, WrongOfferState, Invalid."""
    offer = lock_offer(number, staff)
    advance(offer, OfferMove.EDIT)
    if offer.sent_at is not None:
        raise Invalid.field("offer", "was_shared", "An offer that was shared is kept: refuse it instead")
    for model in (OfferItem, OfferEvent, OfferDocument):
        session.execute(
            delete(model).where(model.distributor_id == offer.distributor_id, model.offer_id == offer.id),
            execution_options={"synchronize_session": "fetch"},
        )
    session.delete(offer)
    record("offer.deleted", actor=staff.actor, at=at, target_kind="offer", target_id=offer.id,
           before={"number": number})  # fmt: skip
    session.flush()


def possible_owners() -> Sequence[User]:
    """Return the distributor's active people, who can own offers."""
    return session.scalars(
        select(User)
        .where(
            User.distributor_id == current_scope().distributor_id,
            User.kind == UserKind.BSS,
            User.status == UserStatus.ACTIVE,
        )
        .order_by(User.first_name, User.last_name, User.id)
    ).all()


def _write(offer: Offer, details: OfferDetails, staff: Staff, at: datetime) -> None:
    today, email = distributors_day(at), checked_email(details.contact_email.strip())
    valid_until = details.valid_until or offer.valid_until
    if not today <= valid_until <= today + LONGEST_VALIDITY:
        raise Invalid.field("valid_until", "range", "Choose a day from today to a year from now")
    if details.language and details.language not in distributor_settings().languages:
        raise Invalid.field("language", "choice", "Choose one of the languages")
    if details.owner_id not in (None, offer.owner_id):
        if not staff.is_administrator or details.owner_id not in {each.id for each in possible_owners()}:
            raise Invalid.field("owner", "choice", "Choose one of the people who sell")
        offer.owner_id = details.owner_id
    offer.valid_until, offer.language = valid_until, details.language or offer.language
    offer.name = details.name.strip()[:LONGEST_NAME] or offer.name
    offer.contact_name = details.contact_name.strip()[:201] or offer.contact_name
    offer.contact_email = email[:254] or offer.contact_email
    offer.introduction, offer.notes = details.introduction.strip()[:LONGEST_TEXT], details.notes.strip()[:LONGEST_TEXT]
    offer.reminded_at = None


def _fill(
    offer: Offer,
    item: OfferItem,
    product: Product,
    product_type: ProductType,
    change: OfferItemChange,
    at: datetime,
    *,
    held: int = 0,
) -> None:
    require_quantity(product, product_type, change.quantity, held=held)
    if product.plan_edition is not None:
        raise Invalid.field("product", "plan", "Reseller plans are ordered, not offered: they need an alias")
    payer = get_account(offer.payer_id)
    key = PriceKey(product.id, item.term, item.cycle)
    if change.characteristics is not None:
        item.characteristics = dict(change.characteristics)
    if change.options is not None:
        item.price_options = [each.code for each in chosen_options(product, change.options, offer.currency)]
    options = tuple(item.price_options or ())
    price = offered_price(product, key, change.quantity, change.agreed, payer, options=options, at=at)
    item.quantity, item.friendly_name = change.quantity, (change.friendly_name or "").strip()[:100] or None
    item.user_price, item.discount_percent = change.agreed.user_price, change.agreed.discount_percent
    item.base_price, item.unit_price, item.line_total = price.base, price.unit, price.line
    item.price_list_id, item.unit_vendor_cost = price.price_list_id, price.vendor_cost


def _changed(offer: Offer, text: str, staff: Staff, at: datetime) -> None:
    """Prices moved: an earlier approval is of others."""
    offer.approved_at = offer.approved_by_id = None
    add_event(offer, text, actor_name=staff.actor.name, at=at)
    record("offer.changed", actor=staff.actor, at=at, target_kind="offer", target_id=offer.id, after={"what": text})
    session.flush()


def _item(items: Iterable[OfferItem], item_id: UUID) -> OfferItem:
    found = next((item for item in items if item.id == item_id), None)
    if found is None:
        raise OrderItemNotFound(item_id)
    return found


def _sellable(product_id: UUID) -> tuple[Product, ProductType]:
    found = products_with_types([product_id]).get(product_id)
    if found is None or not found[0].is_on_sale:
        raise Invalid.field("product", "not_available", "Choose a product that is on sale")
    return found


def _contact(payer: Account) -> tuple[str, str]:
    found = session.scalar(
        select(User).where(
            User.distributor_id == payer.distributor_id,
            User.account_id == payer.id,
            User.is_primary_contact,
            User.status != UserStatus.INACTIVE,
        )
    )
    return (found.full_name, found.email) if found is not None else (payer.name, payer.email)
