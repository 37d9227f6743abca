"""Carrying a change out: at the vendor, at once, or on its day; or giving it up (CB-22, CB-24, CB-29)."""

from __future__ import annotations

from datetime import datetime

from app.audit.services import SYSTEM, Actor, record
from app.audit.shown import shown_name
from app.changes.effects import Effect
from app.changes.errors import words_for_customers
from app.changes.future import announce, is_told_ahead
from app.changes.kinds import EFFECTS
from app.changes.machine import ChangeStep, advance
from app.changes.mails import mail_failed, mail_rejected
from app.changes.parts import settle_parts
from app.changes.steps import ask_next
from app.changes.words import actor_of, words_of
from app.core.days import write_day
from app.core.db import session
from app.core.errors import DomainError
from app.subscriptions.models import ChangeTiming, Subscription, SubscriptionChange
from app.subscriptions.services import add_event

MAX_REASON = 500


def start(effect: Effect, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
    """Let an accepted change begin: tell the vendor ahead, wait for its day, or begin now."""
    if is_told_ahead(effect, subscription, change):
        advance(change, ChangeStep.ACCEPT)
        announce(effect, subscription, change, at=at)
        return
    if change.timing is ChangeTiming.PERIOD_END:
        advance(change, ChangeStep.SCHEDULE)
        await_day(effect, subscription, change, at=at)
        return
    advance(change, ChangeStep.ACCEPT)
    begin(effect, subscription, change, at=at)


def begin(effect: Effect, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
    """Ask the vendor for an accepted change, or apply it where there is nobody to ask, or the vendor knows already."""
    is_asked = (
        not change.is_at_vendor
        and effect.needs_vendor(subscription, change)
        and ask_next(effect.steps(subscription, change), subscription, change, at=at)
    )
    if not is_asked:
        finish(effect, subscription, change, at=at)


def finish(effect: Effect, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
    """Apply a change that stands at the vendor, or needs none, and close it."""
    advance(change, ChangeStep.CONFIRM)
    change.completed_at = at
    effect.apply(subscription, change, at=at)
    session.flush()
    settle_parts(subscription, change, at=at)


def await_day(effect: Effect, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
    """Let a scheduled change wait for its day."""
    words = f"{words_of(change)} on {write_day(change.effective_on)}"
    add_event(subscription, "request_scheduled", words, at=at, actor_name=actor_of(change))
    effect.scheduled(subscription, change, at=at)


def drop_due(subscription: Subscription, change: SubscriptionChange, refusal: DomainError, *, at: datetime) -> None:
    """Give up what cannot be done on its day any more: the subscription goes on as it is, staff and customer are told."""
    staff = str(refusal)
    reject(subscription, change, words_for_customers(refusal), actor=SYSTEM, at=at)
    EFFECTS[change.kind].withdrawn(subscription, change, at=at)
    mail_failed(subscription, change, staff, None, at=at)
    session.flush()


def reject(subscription: Subscription, change: SubscriptionChange, reason: str, *, actor: Actor, at: datetime) -> None:
    """Close a change that is not to be; its customer is told why."""
    advance(change, ChangeStep.REJECT)
    note_decision(change, actor, at=at)
    change.completed_at = at
    change.decision_reason = reason[:MAX_REASON]
    add_event(subscription, "request_rejected", f"{words_of(change)}: rejected", at=at)
    record(
        "subscription.change_rejected", actor=actor, at=at, target_kind="subscription", target_id=subscription.id,
        after={"kind": change.kind.value, "reason": reason},
    )  # fmt: skip
    if change.is_from_storefront:
        mail_rejected(subscription, change, at=at)


def note_decision(change: SubscriptionChange, actor: Actor, *, at: datetime) -> None:
    """Note who decided: by name as its customer may read it, by id for the back office."""
    change.decided_by_id, change.decided_at = actor.user_id, at
    change.decided_by_name = (shown_name(actor) or "")[:201] or None
