"""Drafts of a storefront's programs: created for a customer, filled, priced as its customer would see them, submitted.

The program acts for the storefront's owner, so nothing waits for approval (RS-30); credit is judged by the execution, as
of every order. The caller has put the owner's scope in force, with the price lists of the buyer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from app.accounts.models import Account, AccountStatus
from app.accounts.queries import get_account
from app.audit.services import Actor, record
from app.catalogue.charging import chosen_options
from app.catalogue.models import BillingCycle, Term
from app.catalogue.queries import products_with_types
from app.core.db import nudge_after_commit, session
from app.core.errors import Conflict, FieldError, Invalid
from app.core.ids import new_id
from app.core.queue import Nudge
from app.notifications.services import About, AboutKind, MailTemplate, queue_mail
from app.orders.answers import read_item_answers
from app.orders.back_office import contact_email_of
from app.orders.back_office_execution import require_business
from app.orders.basket_lines import BasketLine, BasketView
from app.orders.basket_pricing import priced_basket
from app.orders.basket_schedule import require_schedulable
from app.orders.baskets import MOST_ITEMS, ProductNotOffered
from app.orders.errors import OrderItemNotFound, OrderNotFound
from app.orders.execution_events import add_event
from app.orders.execution_trials import trial_errors
from app.orders.jobs import PROCESS_ORDER_WORK
from app.orders.licences import recipient_errors
from app.orders.machine import Move, advance
from app.orders.models import (
    ORDER_NUMBERS,
    Basket,
    BasketItem,
    Order,
    OrderChannel,
    OrderItem,
    OrderStatus,
    OrderWork,
)
from app.orders.programs import Program, open_draft
from app.orders.queries import list_items
from app.orders.schedule import wait_for_day
from app.orders.terms import Evidence, Signatory, Terms, log_acceptance, terms_of
from app.orders.words import status_words, total_words
from app.pricing.quotes import Buyer
from tenants.context import current_scope
from tenants.days import distributors_day
from tenants.links import storefront_url

CODES_AT_ONCE = frozenset(
    {
        "quantity_range",
        "quantity_step",
        "quantity_fixed",
        "subscription_not_active",
        "subscription_busy",
        "more_licences_only",
        "on_request",
    }
)  # of an item; what other items can cure waits for the submit


@dataclass(frozen=True, slots=True)
class NewDraft:
    """For which customer of the storefront a program orders."""

    account_id: UUID
    storefront_id: UUID
    po_number: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class DraftItem:
    """What a program puts on a draft. `subscription_id` adds licences to one that runs (RS-30)."""

    product_id: UUID
    term: Term
    cycle: BillingCycle
    quantity: int = 1
    friendly_name: str | None = None
    subscription_id: UUID | None = None
    parent_subscription_id: UUID | None = None  # an add-on for a running subscription
    answers: Mapping[str, str] = field(default_factory=dict)  # by characteristic id; `<component>.<id>` in bundles
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Submission:
    """What ends a draft. `net_total` is what the caller has seen; `accepted` are ids of terms somebody accepted."""

    net_total: Decimal
    accepted: frozenset[UUID] = frozenset()
    accepted_by: Signatory | None = None
    evidence: Evidence | None = None
    execute_on: date | None = None  # the distributor's day; None: at once


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft as it stands today: its items with today's prices, what hinders it, and terms that must be accepted."""

    order: Order
    view: BasketView
    terms: Sequence[Terms]


class TotalChanged(Conflict):
    """The draft costs something else today than the caller has seen; nothing was ordered."""

    code = "prices_changed"

    def __init__(self, total: Decimal, currency: str) -> None:
        super().__init__(f"The total is {total} {currency} today: read the draft again, then submit that")


def create_draft(new: NewDraft, *, buyer: Buyer, program: Program, actor: Actor, at: datetime) -> Order:
    """Start a draft for a customer; nobody but its program sees it. Raises AccountNotActive, Invalid `ordering_disabled`."""
    account = get_account(new.account_id)
    payer = get_account(buyer.payer_id or account.id)
    require_business(account, payer)
    draft = Order(
        id=new_id(),
        reseller_id=account.reseller_id,
        account_id=account.id,
        number=f"SO-{at.year}-{session.scalar(select(ORDER_NUMBERS.next_value())):06}",
        name=account.name,
        status=OrderStatus.DRAFT,
        channel=OrderChannel.API,
        storefront_id=new.storefront_id,
        payer_id=payer.id,
        net_total=Decimal(0),
        currency=buyer.currency,
        contact_email=contact_email_of(account),
        api_client_id=program.client_id,
        api_client_name=program.name,
        placed_at=at,
        po_number=new.po_number,
        comment=new.comment,
    )
    session.add(draft)
    session.flush()
    record("order.drafted", actor=actor, at=at, target_kind="order", target_id=draft.id, after=_words(draft))
    return draft


def buyer_account_of(number: str, program: Program) -> UUID:
    """Return for whom a program's order is, before its prices can be asked. Raises OrderNotFound."""
    found = session.scalar(
        select(Order.account_id).where(
            Order.distributor_id == current_scope().distributor_id,
            Order.number == number,
            Order.api_client_id == program.client_id,
        )
    )
    if found is None:
        raise OrderNotFound(number)
    return found


def get_draft(number: str, *, buyer: Buyer, program: Program, at: datetime) -> Draft:
    """Return a draft at today's prices. Raises as `open_draft`."""
    return _seen(open_draft(number, program, at=at), buyer)


def add_draft_item(number: str, new: DraftItem, *, buyer: Buyer, program: Program, at: datetime) -> OrderItem:
    """Put a product on a draft. Raises as `open_draft`, ProductNotOffered, and Invalid for quantity, options and answers."""
    draft = open_draft(number, program, at=at)
    items = list(list_items(draft.id))
    if len(items) >= MOST_ITEMS:
        raise Invalid.field("product_id", "too_many", f"An order holds at most {MOST_ITEMS} items")
    known = products_with_types([new.product_id]).get(new.product_id)
    if known is None or known[0].plan_edition is not None:
        raise ProductNotOffered
    product = known[0]
    item = OrderItem(
        id=new_id(),
        distributor_id=draft.distributor_id,
        reseller_id=draft.reseller_id,
        account_id=draft.account_id,
        order_id=draft.id,
        position=1 + max((each.position for each in items), default=0),
        product_id=product.id,
        product_name=product.name,
        term=new.term,
        cycle=new.cycle,
        quantity=new.quantity,
        currency=draft.currency,
        friendly_name=new.friendly_name,
        subscription_id=new.subscription_id,
        parent_subscription_id=new.parent_subscription_id,
        characteristics=read_item_answers(product.id, new.answers),
        price_options=[each.code for each in chosen_options(product, new.options, buyer.currency)],
    )
    view = _view(draft, [*items, item], buyer)
    line = view.lines[-1]
    if line.price is None:
        raise ProductNotOffered
    if wrong := [each for each in line.problems if each.code in CODES_AT_ONCE]:
        raise Invalid(*wrong)
    _price(draft, [*items, item], view)
    session.add(item)
    session.flush()
    return item


def remove_draft_item(number: str, item_id: UUID, *, buyer: Buyer, program: Program, at: datetime) -> Order:
    """Take an item off a draft. Raises as `open_draft`, and OrderItemNotFound."""
    draft = open_draft(number, program, at=at)
    items = list(list_items(draft.id))
    found = next((each for each in items if each.id == item_id), None)
    if found is None:
        raise OrderItemNotFound(item_id)
    items.remove(found)
    session.delete(found)
    session.flush()
    _price(draft, items, _view(draft, items, buyer))
    return draft


def submit_draft(
    number: str, submission: Submission, *, buyer: Buyer, program: Program, actor: Actor, at: datetime
) -> Order:
    """Order what a draft holds, at today's prices if they are those the caller has seen; workers execute it.

    Raises as `open_draft`; Invalid with all that hinders it: `order_empty`, `terms_required`, `ordering_disabled`,
    `billing_address_required`, and what is wrong with an item; TotalChanged.
    """
    draft = open_draft(number, program, at=at)
    items = list(list_items(draft.id))
    seen = _seen(draft, buyer)
    account = get_account(seen.order.account_id or draft.payer_id)
    _require_complete(seen, account, submission)
    if seen.view.net_total != submission.net_total:
        raise TotalChanged(seen.view.net_total, draft.currency)
    _price(draft, items, seen.view)
    is_alias = buyer.reseller_id is not None
    draft.channel = OrderChannel.ALIAS if is_alias else OrderChannel.ROOT
    draft.placed_at = at
    add_event(draft, "submitted", "Order submitted", at=at)
    if submission.execute_on is None:
        draft.delivery_changed_at = at
        advance(draft, Move.CHECK_OUT)
    else:
        seen.view.basket.execute_on = submission.execute_on
        require_schedulable(seen.view, under_alias=is_alias, today=distributors_day(at))
        wait_for_day(draft, submission.execute_on, Move.CHECK_OUT_FOR_A_DAY, at=at)
    if submission.accepted_by is not None and submission.evidence is not None:
        log_acceptance(seen.terms, draft, submission.accepted_by, account, submission.evidence, at=at)
    _ask_for_execution(draft, seen.view.lines, at)
    _confirm(draft, items, sender_id=buyer.reseller_id, to_name=account.name, at=at)
    record("order.submitted", actor=actor, at=at, target_kind="order", target_id=draft.id, after=_words(draft))
    session.flush()
    return draft


def _seen(draft: Order, buyer: Buyer) -> Draft:
    view = _view(draft, list_items(draft.id), buyer)
    return Draft(draft, view, terms_of(view.lines))


def _view(draft: Order, items: Sequence[OrderItem], buyer: Buyer) -> BasketView:
    """Price and judge items as a basket of the same customer would be; the basket is thought of, never stored."""
    basket = Basket(
        id=draft.id,
        distributor_id=draft.distributor_id,
        reseller_id=draft.reseller_id,
        account_id=draft.account_id,
        storefront_id=draft.storefront_id,
        service_answers={},
    )
    return priced_basket(basket, [_as_basket_item(each) for each in items], draft.account_id, buyer)


def _as_basket_item(item: OrderItem) -> BasketItem:
    return BasketItem(
        id=item.id,
        distributor_id=item.distributor_id,
        basket_id=item.order_id,
        product_id=item.product_id,
        term=item.term,
        cycle=item.cycle,
        quantity=item.quantity,
        friendly_name=item.friendly_name,
        subscription_id=item.subscription_id,
        parent_subscription_id=item.parent_subscription_id,
        parent_item_id=item.parent_item_id,
        characteristics=item.characteristics,
        price_options=item.price_options,
        position=item.position,
    )


def _price(draft: Order, items: Sequence[OrderItem], view: BasketView) -> None:
    """Bring a draft's items to the prices of a view; what is no longer sold keeps its last one until it is removed."""
    for item, line in zip(items, view.lines, strict=True):
        if line.price is not None and line.line_total is not None:
            item.unit_price, item.line_total = line.price.unit_price, line.line_total
            item.promotion_id = line.promotion.id if line.promotion is not None else None
    draft.net_total = view.net_total


def _require_complete(draft: Draft, account: Account, submission: Submission) -> None:
    """Raise Invalid with everything that hinders a submit."""
    lines = draft.view.lines
    errors: list[FieldError] = []
    if not lines:
        errors.append(FieldError("items", "order_empty", "Add at least one item before you submit the order"))
    for number, line in enumerate(lines):
        errors += [FieldError(f"items.{number}.{each.field}", each.code, each.message) for each in line.problems]
    if account.status is not AccountStatus.ACTIVE or not account.ordering_enabled:
        errors.append(FieldError("account_id", "ordering_disabled", f"{account.name} cannot order at present"))
    if draft.order.reseller_id is None and not account.has_billing_address:
        words = f"The billing address of {account.name} is not complete"
        errors.append(FieldError("account_id", "billing_address_required", words))
    errors += recipient_errors([line.subscription for line in lines if line.subscription], account.id)
    errors += trial_errors(lines, account.id)
    open_terms = [each for each in draft.terms if each.document.id not in submission.accepted]
    errors += [
        FieldError("accepted_terms", "terms_required", f"“{each.document.title}” ({each.document.id}) is not accepted")
        for each in open_terms
    ]
    is_proven = submission.accepted_by is not None and submission.evidence is not None
    if draft.terms and not open_terms and not is_proven:
        errors.append(FieldError("accepted_by", "required", "Say who has accepted the terms"))
    if errors:
        raise Invalid(*errors)


def _ask_for_execution(order: Order, lines: Sequence[BasketLine], at: datetime) -> None:
    payload = {
        str(line.item.id): {
            "rule": line.price.rule.value,
            "rule_id": str(line.price.rule_id) if line.price.rule_id else None,
            "markup_percent": str(line.price.percent) if line.price.percent is not None else None,
        }
        for line in lines
        if line.price is not None
    }
    work = OrderWork(
        id=new_id(), order_id=order.id, kind="submitted", payload=payload, next_attempt_at=at, created_at=at
    )
    session.add(work)
    nudge_after_commit(Nudge(PROCESS_ORDER_WORK, work.id, order.distributor_id))


def _confirm(order: Order, items: Sequence[OrderItem], *, sender_id: UUID | None, to_name: str, at: datetime) -> None:
    """Tell the customer what was ordered for it, in the name of the storefront's owner."""
    assert order.storefront_id is not None
    queue_mail(
        MailTemplate.ORDER_CONFIRMATION,
        to_email=order.contact_email,
        to_name=to_name,
        sender_reseller_id=sender_id,
        storefront_id=order.storefront_id,
        fields={
            "user_name": to_name,
            "order_number": order.number,
            "order_url": storefront_url(order.storefront_id, f"/orders/{order.number}"),
            "lines": ", ".join(f"{item.quantity} x {item.product_name}" for item in items),
            "total": total_words(order),
            "status": status_words(order.status),
        },
        about=About(AboutKind.ORDER, order.id),
        at=at,
    )


def _words(order: Order) -> dict[str, object]:
    return {"number": order.number, "program": order.api_client_name}
