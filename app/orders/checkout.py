"""Turning a basket into an order: one order per checkout, however often it is submitted (SF-27, GO-02).

The request records the order and one work row, nothing of others: credit, subscriptions, charges and invoice are the
work of a job in the distributor's scope (decisions section 8).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from app.accounts.models import Account, AccountStatus
from app.core.days import write_day
from app.core.db import nudge_after_commit, session
from app.core.errors import Conflict, FieldError, Invalid
from app.core.ids import new_id
from app.core.queue import Nudge
from app.core.writing import flush_together
from app.identity.models import User, UserKind
from app.notifications.services import About, AboutKind, MailTemplate, queue_mail
from app.orders.basket_lines import BasketLine, BasketView
from app.orders.basket_pricing import priced_basket
from app.orders.basket_schedule import require_schedulable
from app.orders.baskets import Shopper, after_checkout, receiver_of
from app.orders.checkout_opening import ROUTE, Opened, Taken, open_checkout
from app.orders.domain_items import take_names
from app.orders.execution_trials import trial_errors
from app.orders.jobs import PROCESS_ORDER_WORK
from app.orders.licences import recipient_errors
from app.orders.machine import Move, at_first
from app.orders.models import (
    Basket,
    IdempotencyKey,
    Order,
    OrderChannel,
    OrderEvent,
    OrderItem,
    OrderStatus,
    OrderWork,
)
from app.orders.prechecks.services import pending_errors
from app.orders.requirements import requirement_errors
from app.orders.schedule import run_time
from app.orders.service_details import AskedService, asked_services, for_order, unanswered
from app.orders.terms import Evidence, Terms, log_acceptance, terms_of
from app.orders.words import status_words, total_words
from app.pricing.quotes import Buyer
from app.resellers.aliases import hold_alias
from app.resellers.plans import PlanRequest, check_plan, live_plan, needs_alias
from tenants.context import current_scope
from tenants.days import distributors_day
from tenants.settings import distributor_settings


@dataclass(frozen=True, slots=True)
class Submission:
    """What the last step of checkout sends. `accepted` are the ids of ticked terms documents."""

    checkout_key: UUID
    accepted: frozenset[UUID]
    evidence: Evidence


class PricesChanged(Conflict):
    """A price is no longer what the buyer saw; nothing was ordered."""

    code = "prices_changed"

    def __init__(self) -> None:
        super().__init__("Prices have changed since you last looked. Review your basket and submit again")


def recipient_of(basket: Basket, payer: Account) -> Account:
    """Return who receives the services: the end customer a reseller chose, else the payer itself."""
    if basket.end_customer_id is None:
        return payer
    found = session.scalar(
        select(Account).where(
            Account.distributor_id == basket.distributor_id,
            Account.id == basket.end_customer_id,
            Account.reseller_id == payer.id,
        )
    )
    if found is None:
        raise Invalid.field("end_customer", "choice", "Choose one of your customers")
    return found


def place_order(shopper: Shopper, submission: Submission, *, buyer: Buyer, placed_by: User, at: datetime) -> Order:
    """Place the basket's order, or return the one this checkout has already placed.

    Raises Invalid (`basket_empty`, `terms_required`, `recipient_required`, `billing_address_required`, alias codes and
    what is wrong with a line), PricesChanged, and what `check_plan` refuses. Nothing is stored then.
    """
    taken, opened = open_checkout(shopper, submission.checkout_key, _digest(submission), at=at)
    if taken is None:
        _require_same_request(shopper, submission)
        return _replayed(shopper, submission)
    if opened is None or opened.basket.checkout_key != submission.checkout_key:
        raise PricesChanged
    basket, account = opened.basket, opened.account
    view = priced_basket(basket, opened.items, receiver_of(basket, shopper, buyer), buyer, opened.known)
    is_alias = buyer.reseller_id is not None
    recipient = account if is_alias else recipient_of(basket, account)
    terms = terms_of(view.lines, opened.group_terms)
    asked = asked_services(view, recipient.id)
    _check(view, opened, recipient, placed_by, terms, submission, asked, at)
    if basket.execute_on is not None:
        require_schedulable(view, under_alias=is_alias, today=distributors_day(at))
    _check_plans(view, account, at)
    order = _new_order(taken, view, shopper, buyer, recipient=recipient, placed_by=placed_by, at=at)
    order.service_answers = for_order(basket, asked)
    session.add(order)
    items = [_new_item(order, line, position) for position, line in enumerate(view.lines, start=1)]
    made = {line.item.id: item.id for line, item in zip(view.lines, items, strict=True)}
    for line, item in zip(view.lines, items, strict=True):  # an add-on stands below its product, and after it
        item.parent_item_id = made[line.item.parent_item_id] if line.item.parent_item_id is not None else None
    session.add_all(items)
    take_names(view.lines, items, field="domain", at=at)
    for line, item in zip(view.lines, items, strict=True):
        if line.product.plan_edition and needs_alias(account.id):
            hold_alias(item.id, line.item.alias, reseller_id=account.id, at=at)
    log_acceptance(terms, order, placed_by, recipient, submission.evidence, at=at)
    _record(order, placed_by, at)
    _ask_for_execution(order, view.lines, items, at)
    _confirm(
        order, items, account, placed_by, order_url=opened.url(f"/orders/{order.number}"), is_alias=is_alias, at=at
    )
    basket.updated_at = at
    after_checkout(basket, [line.item for line in view.lines])
    flush_together()
    return order


def _replayed(shopper: Shopper, submission: Submission) -> Order:
    """Return the order this checkout key has made before."""
    answer = session.scalar(_key(shopper, submission, IdempotencyKey.answer)) or {}
    if "order_id" not in answer:
        raise SubmittedTwice
    return session.get_one(Order, (current_scope().distributor_id, UUID(answer["order_id"])))


def _key(shopper: Shopper, submission: Submission, what: Any) -> Select[Any]:
    return select(what).where(
        IdempotencyKey.distributor_id == current_scope().distributor_id,
        IdempotencyKey.client == str(shopper.user_id),
        IdempotencyKey.route == ROUTE,
        IdempotencyKey.key == str(submission.checkout_key),
    )


def _digest(submission: Submission) -> str:
    """What a submit says beside its key: the basket is known to the server, the ticked terms come with the request."""
    return hashlib.sha256(",".join(sorted(map(str, submission.accepted))).encode()).hexdigest()


def _require_same_request(shopper: Shopper, submission: Submission) -> None:
    """Refuse a key that comes back with another request (decisions section 8)."""
    if session.scalar(_key(shopper, submission, IdempotencyKey.request_digest)) != _digest(submission):
        raise Invalid.field("checkout_key", "key_reused", "This order was already placed with other answers")


class SubmittedTwice(Conflict):
    """The checkout was submitted before, and its first answer is not known here."""

    code = "submitted_twice"

    def __init__(self) -> None:
        super().__init__("This order has already been placed")


def _check(
    view: BasketView,
    opened: Opened,
    recipient: Account,
    placed_by: User,
    terms: Sequence[Terms],
    submission: Submission,
    asked: Sequence[AskedService],
    at: datetime,
) -> None:
    errors: list[FieldError] = []
    account = opened.account
    if not view.lines:
        errors.append(FieldError("basket", "basket_empty", "Your basket is empty"))
    for line in view.lines:
        errors += line.problems
    if account.status is not AccountStatus.ACTIVE or not account.ordering_enabled:
        errors.append(FieldError("basket", "ordering_disabled", "Your company cannot order at present"))
    errors += recipient_errors([line.subscription for line in view.lines if line.subscription], recipient.id)
    errors += trial_errors(view.lines, recipient.id, opened.trials)
    errors += unanswered(asked)
    errors += pending_errors(view.lines, at=at)
    # Where nobody was chosen, the view judged without knowing for whom.
    if placed_by.kind is UserKind.RESELLER and view.basket.is_own_use is None:
        errors += requirement_errors(view.lines, recipient.id, field="product")
    if placed_by.kind is UserKind.RESELLER and view.basket.is_own_use is None and not view.plan_lines:
        errors.append(FieldError("end_customer", "recipient_required", "Choose who the order is for"))
    if placed_by.kind is UserKind.DIRECT and not account.has_billing_address:
        errors.append(
            FieldError("basket", "billing_address_required", "Ask a billing agent to complete the billing address")
        )
    errors += [
        FieldError("terms", "terms_required", f"Accept “{each.document.title}” to place the order")
        for each in terms
        if each.document.id not in submission.accepted
    ]
    if errors:
        raise Invalid(*errors)
    if any(line.changed_from is not None for line in view.lines):
        raise PricesChanged


def _check_plans(view: BasketView, account: Account, at: datetime) -> None:
    for line in view.plan_lines:
        current = live_plan(account.id)
        switches = current.id if current is not None and current.plan_edition != line.product.plan_edition else None
        check_plan(PlanRequest(account.id, line.product.id, line.item.quantity, line.item.alias, switches), at=at)


def _new_order(
    taken: Taken,
    view: BasketView,
    shopper: Shopper,
    buyer: Buyer,
    *,
    recipient: Account,
    placed_by: User,
    at: datetime,
) -> Order:
    is_alias = buyer.reseller_id is not None
    waits = is_alias and recipient.approval_required
    day = view.basket.execute_on
    return Order(
        id=taken.order_id,
        reseller_id=shopper.reseller_id,
        account_id=recipient.id,
        number=f"SO-{at.year}-{taken.number:06}",
        name=recipient.name,
        status=at_first(_first_move(day, waits=waits)),
        channel=OrderChannel.ALIAS if is_alias else OrderChannel.ROOT,
        storefront_id=shopper.storefront_id,
        payer_id=buyer.payer_id or shopper.account_id,
        net_total=view.net_total,
        currency=view.currency,
        contact_email=placed_by.email,
        placed_by_id=placed_by.id,
        placed_by_reseller=placed_by.kind is UserKind.RESELLER,
        placed_at=at,
        execute_on=day,
        run_at=run_time(day) if day is not None and not waits else None,
        delivery_changed_at=None if waits or day is not None else at,
        po_number=view.basket.po_number,
        comment=view.basket.comment,
        checkout_key=view.basket.checkout_key,
    )


def _first_move(day: date | None, *, waits: bool) -> Move:
    if waits:
        return Move.CHECK_OUT_FOR_APPROVAL
    return Move.CHECK_OUT if day is None else Move.CHECK_OUT_FOR_A_DAY


def _new_item(order: Order, line: BasketLine, position: int) -> OrderItem:
    assert line.price is not None
    assert line.line_total is not None
    return OrderItem(
        id=new_id(),
        reseller_id=order.reseller_id,
        account_id=order.account_id,
        order_id=order.id,
        position=position,
        product_id=line.product.id,
        product_name=line.product.name,
        term=line.item.term,
        cycle=line.item.cycle,
        quantity=line.item.quantity,
        unit_price=line.price.unit_price,
        discount_percent=Decimal(0),
        line_total=line.line_total,
        currency=order.currency,
        friendly_name=line.item.friendly_name,
        alias=line.item.alias,
        subscription_id=line.item.subscription_id,
        parent_subscription_id=line.item.parent_subscription_id,
        characteristics=dict(line.item.characteristics),
        price_options=list(line.item.price_options),
        promotion_id=line.promotion.id if line.promotion is not None else None,
    )


def _record(order: Order, user: User, at: datetime) -> None:
    waits = order.status is OrderStatus.PENDING_RESELLER_APPROVAL
    text = "Order submitted, waiting for approval" if waits else "Order submitted"
    session.add(
        OrderEvent(
            reseller_id=order.reseller_id,
            account_id=order.account_id,
            order_id=order.id,
            at=at,
            kind="submitted",
            text=f"{text}, to be executed on {write_day(order.execute_on)}" if order.execute_on else text,
            actor_name=user.full_name,
        )
    )


def _ask_for_execution(order: Order, lines: Sequence[BasketLine], items: Sequence[OrderItem], at: datetime) -> None:
    payload = {}
    for line, item in zip(lines, items, strict=True):
        assert line.price is not None
        payload[str(item.id)] = {
            "rule": line.price.rule.value,
            "rule_id": str(line.price.rule_id) if line.price.rule_id else None,
            "markup_percent": str(line.price.percent) if line.price.percent is not None else None,
        }
    work = OrderWork(
        id=new_id(), order_id=order.id, kind="submitted", payload=payload, next_attempt_at=at, created_at=at
    )
    session.add(work)
    nudge_after_commit(Nudge(PROCESS_ORDER_WORK, work.id, order.distributor_id))


def _confirm(
    order: Order,
    items: Sequence[OrderItem],
    account: Account,
    user: User,
    *,
    order_url: str,
    is_alias: bool,
    at: datetime,
) -> None:
    """Queue the confirmation: under an alias to the ordering user, at the root to primary contact and submitter.

    Of what is ordered at the root the account manager gets a copy (CB-18).
    """
    receivers = {user.email: user.full_name}
    if not is_alias:
        receivers.setdefault(account.email, account.name)
        if manager := distributor_settings().account_manager_email:
            receivers.setdefault(manager, "")
    for email, name in receivers.items():
        queue_mail(
            MailTemplate.ORDER_CONFIRMATION,
            to_email=email,
            to_name=name,
            sender_reseller_id=order.reseller_id if is_alias else None,
            storefront_id=order.storefront_id,
            fields={
                "user_name": user.first_name,
                "order_number": order.number,
                "order_url": order_url,
                "lines": ", ".join(f"{item.quantity} x {item.product_name}" for item in items),
                "total": total_words(order),
                "status": status_words(order.status),
            },
            about=About(AboutKind.ORDER, order.id),
            at=at,
        )
