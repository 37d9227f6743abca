"""Aliases of reseller storefronts: syntax, reserved words, holds until execution (RS-08).

A unique constraint on addresses decides races; every check before it is a courtesy.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from app.core.db import session
from app.core.errors import Invalid
from app.resellers.errors import alias_required
from tenants.context import Reach, current_scope
from tenants.models import Address, AddressState

HOLD = timedelta(days=7)
SHORTEST, LONGEST = 3, 40
SYNTAX = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
RESERVED_WORDS = frozenset(
    [
        "admin",
        "api",
        "app",
        "account",
        "assets",
        "auth",
        "basket",
        "billing",
        "bss",
        "cart",
        "catalog",
        "checkout",
        "contact",
        "dashboard",
        "favicon",
        "health",
        "help",
        "home",
        "login",
        "logout",
        "media",
        "office",
        "orders",
        "privacy",
        "register",
        "reports",
        "reseller",
        "resellers",
        "robots",
        "search",
        "setup",
        "sitemap",
        "static",
        "storefront",
        "subscriptions",
        "support",
        "terms",
        "uploads",
        "well-known",
        "www",
    ]  # RS-08
)
ROUTED_WORDS = frozenset(
    [
        "activate",
        "catalogue",
        "console",
        "hop",
        "look",
        "healthz",
        "invite",
        "manage",
        "metrics",
        "notices",
        "offers",
        "order",
        "p",
        "password",
        "platform",
        "product",
        "reseller-plans",
        "readyz",
        "shared-orders",
        "sign-in",
        "sso",
        "themes",
        "workspace",
    ]  # decisions section 4: known here, so that a worker without routes reserves them too
)
_routed: set[str] = set()


class AliasReason(enum.Enum):
    """Why an alias can or cannot be had; never by whom it is taken."""

    OK = "ok"
    INVALID = "invalid"
    RESERVED = "reserved"
    TAKEN = "taken"


SENTENCES = {
    AliasReason.INVALID: "Use 3 to 40 lower-case letters, digits and single hyphens, starting with a letter",
    AliasReason.RESERVED: "This word is reserved; choose another alias",
    AliasReason.TAKEN: "This alias is taken; choose another",
}


@dataclass(frozen=True, slots=True)
class AliasAnswer:
    """The answer to "can I have this alias?", with the alias as it would be stored."""

    alias: str
    available: bool
    reason: AliasReason

    @property
    def sentence(self) -> str:
        """What to tell the person who asked; empty where the alias is free."""
        return SENTENCES.get(self.reason, "")


def reserve_segments(segments: Iterable[str]) -> None:
    """Reserve the first path segments the platform routes; called once where the routes are known."""
    _routed.update(segment.lower() for segment in segments)


def reserved_aliases() -> frozenset[str]:
    """Return every word that can never be an alias."""
    return RESERVED_WORDS | ROUTED_WORDS | _routed


def normal_alias(text: str | None) -> str:
    """Return an alias as it is stored: trimmed and in lower case."""
    return (text or "").strip().lower()


def check_alias(text: str | None, *, reseller_id: UUID | None, at: datetime) -> AliasAnswer:
    """Say whether this reseller could have an alias now. Its own holds and retained aliases count as free."""
    alias = normal_alias(text)
    if not (SHORTEST <= len(alias) <= LONGEST and SYNTAX.fullmatch(alias)):
        return AliasAnswer(alias, available=False, reason=AliasReason.INVALID)
    if alias in reserved_aliases():
        return AliasAnswer(alias, available=False, reason=AliasReason.RESERVED)
    holder = _address(alias)
    if holder is not None and not _may_take(holder, reseller_id, at):
        return AliasAnswer(alias, available=False, reason=AliasReason.TAKEN)
    return AliasAnswer(alias, available=True, reason=AliasReason.OK)


def require_alias(text: str | None, *, reseller_id: UUID | None, at: datetime) -> str:
    """Return the alias as it is stored; raises Invalid `alias_required`, `invalid`, `reserved` or `taken`."""
    if not normal_alias(text):
        raise alias_required()
    answer = check_alias(text, reseller_id=reseller_id, at=at)
    if not answer.available:
        raise Invalid.field("alias", answer.reason.value, answer.sentence)
    return answer.alias


def hold_alias(order_item_id: UUID, text: str | None, *, reseller_id: UUID, at: datetime) -> str:
    """Hold an alias for an order item for 7 days and return it; a hold of the same reseller moves to this item.

    Works in the reseller's scope (checkout) and in the distributor's (item save, execution). Raises Invalid as
    `require_alias` does, and `alias_taken` where somebody else was faster.
    """
    alias = require_alias(text, reseller_id=reseller_id, at=at)
    release_alias(order_item_id, apart_from=alias)
    found = _address(alias)
    if found is None:
        _insert_hold(order_item_id, alias, reseller_id, at)
        return alias
    if found.state is AddressState.LIVE:  # its own: a switch of plans keeps it
        return alias
    if found.state is AddressState.RETAINED and current_scope().reseller is not Reach.ALL:
        return alias  # already kept for this reseller; the execution ties it to the item
    locked = session.scalar(
        select(Address)
        .where(Address.distributor_id == found.distributor_id, Address.id == found.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if locked is None or not _may_take(locked, reseller_id, at):
        raise _taken()
    locked.reseller_id, locked.held_for_item_id = reseller_id, order_item_id
    if locked.state is AddressState.HELD:
        locked.held_until = at + HOLD
    session.flush()
    return alias


def release_alias(order_item_id: UUID, *, apart_from: str | None = None) -> None:
    """Let go what is held for an order item: its order was cancelled, or another alias was chosen."""
    statement = delete(Address).where(
        Address.distributor_id == current_scope().distributor_id,
        Address.state == AddressState.HELD,
        Address.held_for_item_id == order_item_id,
    )
    if apart_from is not None:
        statement = statement.where(Address.alias != apart_from)
    session.execute(statement, execution_options={"synchronize_session": "fetch"})


def release_expired_holds(at: datetime) -> int:
    """Let go all holds of the scope's distributor that ran out; returns how many."""
    released = session.scalars(
        delete(Address)
        .where(
            Address.distributor_id == current_scope().distributor_id,
            Address.state == AddressState.HELD,
            Address.held_until <= at,
        )
        .returning(Address.id),
        execution_options={"synchronize_session": "fetch"},
    ).all()
    return len(released)


def live_alias(reseller_id: UUID) -> str | None:
    """Return the alias a reseller's storefront answers at, if it has one."""
    return session.scalar(
        select(Address.alias).where(
            Address.distributor_id == current_scope().distributor_id,
            Address.reseller_id == reseller_id,
            Address.alias.is_not(None),
            Address.state == AddressState.LIVE,
        )
    )


def offered_alias(reseller_id: UUID) -> str | None:
    """Return the alias kept from an earlier plan: what a returning reseller is offered first (RS-11)."""
    return session.scalar(
        select(Address.alias).where(
            Address.distributor_id == current_scope().distributor_id,
            Address.reseller_id == reseller_id,
            Address.alias.is_not(None),
            Address.state == AddressState.RETAINED,
        )
    )


def _address(alias: str) -> Address | None:
    return session.scalar(
        select(Address)
        .where(Address.distributor_id == current_scope().distributor_id, Address.alias == alias)
        .execution_options(populate_existing=True)
    )


def _may_take(holder: Address, reseller_id: UUID | None, at: datetime) -> bool:
    """Own aliases, and in the distributor's scope holds that ran out: a reseller's scope cannot touch another's row."""
    if holder.reseller_id is not None and holder.reseller_id == reseller_id:
        return True
    ran_out = holder.state is AddressState.HELD and holder.held_until is not None and holder.held_until <= at
    return ran_out and current_scope().reseller is Reach.ALL


def _insert_hold(order_item_id: UUID, alias: str, reseller_id: UUID, at: datetime) -> None:
    held = Address(
        alias=alias,
        reseller_id=reseller_id,
        state=AddressState.HELD,
        held_for_item_id=order_item_id,
        held_until=at + HOLD,
    )
    try:
        with session.begin_nested():
            session.add(held)
    except IntegrityError as error:
        raise _taken() from error


def _taken() -> Invalid:
    return Invalid.field("alias", "alias_taken", SENTENCES[AliasReason.TAKEN])
