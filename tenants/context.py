"""The scope of a request or job: which distributor, reseller and account it may touch (decisions section 3).

No scope means no data: `current_scope` raises NoScope, and PostgreSQL refuses every query on a tenant's table.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from uuid import UUID


class NoScope(RuntimeError):
    """Code reached for tenant data without saying whose."""


class Reach(enum.Enum):
    """Said aloud instead of an id: all rows of a level, or none of them."""

    ALL = "all"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class HeldRules:
    """The permission rules that give somebody access, for who does not see every record (BC-04).

    Each tuple holds the one below it: who may edit may read. Records without a rule are open to all.
    """

    viewer_id: UUID
    read: tuple[UUID, ...] = ()
    edit: tuple[UUID, ...] = ()
    full: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """Three levels, two keys that open single drawers (a realm's credentials, a payer's price lists), and rules.

    `rules`: all records, or those that permission rules leave to whoever looks.
    """

    distributor_id: UUID
    reseller: UUID | Reach
    account: UUID | Reach
    price_lists: tuple[UUID, ...] | Reach = ()
    realm_id: UUID | None = None
    rules: HeldRules | Reach = Reach.ALL

    def in_realm(self, realm_id: UUID | None) -> Scope:
        """Return this scope with the sign-in data of one realm opened; only identity services ask for it."""
        return replace(self, realm_id=realm_id)

    def with_price_lists(self, price_lists: tuple[UUID, ...]) -> Scope:
        """Return this scope with the price lists of its payer named."""
        return replace(self, price_lists=price_lists)

    def under_rules(self, held: HeldRules) -> Scope:
        """Return this scope as somebody sees it who does not see every record."""
        return replace(self, rules=held)

    @property
    def reseller_id(self) -> UUID | None:
        """The reseller's account id, or None where the scope is direct business or all resellers."""
        return self.reseller if isinstance(self.reseller, UUID) else None

    @property
    def account_id(self) -> UUID | None:
        """The account's id, or None where the scope is no account or all accounts."""
        return self.account if isinstance(self.account, UUID) else None


def distributor_scope(distributor_id: UUID) -> Scope:
    """Return the scope of BSS and of the distributor's jobs: all resellers, all accounts, all price lists."""
    return Scope(distributor_id, Reach.ALL, Reach.ALL, Reach.ALL)


def root_visitor_scope(distributor_id: UUID) -> Scope:
    """Return the scope of somebody not signed in at the distributor's own storefront."""
    return Scope(distributor_id, Reach.NONE, Reach.NONE)


def direct_customer_scope(distributor_id: UUID, account_id: UUID) -> Scope:
    """Return the scope of a direct customer's user at the root storefront."""
    return Scope(distributor_id, Reach.NONE, account_id)


def direct_business_scope(distributor_id: UUID) -> Scope:
    """Return the scope of jobs for the distributor's own storefront: its mail settings, its look."""
    return Scope(distributor_id, Reach.NONE, Reach.ALL)


def reseller_scope(distributor_id: UUID, reseller_id: UUID) -> Scope:
    """Return the scope of a reseller's staff and of the reseller's own jobs: own reseller, all its accounts."""
    return Scope(distributor_id, reseller_id, Reach.ALL)


def alias_visitor_scope(distributor_id: UUID, reseller_id: UUID) -> Scope:
    """Return the scope of somebody not signed in at a reseller's storefront."""
    return Scope(distributor_id, reseller_id, Reach.NONE)


def end_customer_scope(distributor_id: UUID, reseller_id: UUID, account_id: UUID) -> Scope:
    """Return the scope of an end customer's user at its reseller's storefront."""
    return Scope(distributor_id, reseller_id, account_id)


_current: ContextVar[Scope | None] = ContextVar("scope", default=None)


def current_scope() -> Scope:
    """Return the scope in force; raises NoScope outside of one."""
    found = _current.get()
    if found is None:
        raise NoScope
    return found


def scope_or_none() -> Scope | None:
    """Return the scope in force, or None: for logs and for the setter in `tenants.scoping` only."""
    return _current.get()


@contextmanager
def scope(entered: Scope | None) -> Iterator[None]:
    """Run the block in a scope. A transaction already open follows at once, and returns to the outer scope after.

    Who does not see every record sees no more in a scope entered from theirs; only `all_records` opens it.
    """
    outer = _current.get()
    if entered is not None and outer is not None and entered.rules is Reach.ALL:
        entered = replace(entered, rules=outer.rules)
    with _in_force(entered):
        yield


@contextmanager
def all_records() -> Iterator[None]:
    """Run the block in the present scope without regard to permission rules.

    For what must be true of all records whoever asks: sums an amount is judged by, uniqueness, effects of a change.
    """
    with _in_force(replace(current_scope(), rules=Reach.ALL)):
        yield


@contextmanager
def _in_force(entered: Scope | None) -> Iterator[None]:
    from tenants.scoping import follow_scope, settle_scope  # noqa: PLC0415 - needs the session, which needs this module

    if entered is not None and entered == _current.get():
        yield  # already in force: PostgreSQL need not be told twice
        return
    settle_scope()
    token = _current.set(entered)
    try:
        follow_scope()
        yield
        settle_scope()
    except BaseException:
        _current.reset(token)
        follow_scope(is_failing=True)
        raise
    _current.reset(token)
    follow_scope()


def enter_scope(entered: Scope | None) -> None:
    """Set the scope for the rest of this context: for the edges (a request, a job), which end with their context."""
    from tenants.scoping import follow_scope, settle_scope  # noqa: PLC0415 - see scope()

    settle_scope()
    _current.set(entered)
    follow_scope()
