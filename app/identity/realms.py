"""Realms: BSS is named by the distributor's id, a storefront's realm by the storefront's id (decisions section 8).

Sign-in data of a realm is readable only inside `open_realm`; nothing but this package asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from app.core.db import session
from app.identity.models import UserKind
from app.identity.passwords import (
    BSS_LOCK,
    STOREFRONT_LOCK,
    LockPolicy,
)
from tenants.context import (
    Scope,
    current_scope,
    direct_customer_scope,
    distributor_scope,
    end_customer_scope,
    reseller_scope,
    scope,
)
from tenants.models import Storefront, StorefrontState

OPEN_STATES = tuple(state for state in StorefrontState if state.is_open)
KEPT_STATES = tuple(state for state in StorefrontState if state is not StorefrontState.PURGED)


@dataclass(frozen=True, slots=True)
class Person:
    """Whose rows a signed-in person belongs to: enough to open the person's scope."""

    kind: UserKind
    reseller_id: UUID | None
    account_id: UUID | None


@contextmanager
def open_realm(realm_id: UUID) -> Iterator[None]:
    """Open the sign-in data of one realm for the block."""
    with scope(current_scope().in_realm(realm_id)):
        yield


def scope_of(person: Person) -> Scope:
    """Return the scope of a signed-in person, without price lists (decisions section 3)."""
    distributor_id = current_scope().distributor_id
    if person.kind is UserKind.BSS:
        return distributor_scope(distributor_id)
    if person.kind is UserKind.RESELLER:
        return reseller_scope(distributor_id, _given(person.reseller_id))
    if person.kind is UserKind.DIRECT:
        return direct_customer_scope(distributor_id, _given(person.account_id))
    return end_customer_scope(distributor_id, _given(person.reseller_id), _given(person.account_id))


def _given(value: UUID | None) -> UUID:
    if value is None:
        raise ValueError("A person of this kind belongs to an account, and to a reseller unless direct")
    return value


def root_realm() -> UUID:
    """Return the realm of the distributor's own storefront."""
    return session.scalars(
        select(Storefront.id).where(
            Storefront.distributor_id == current_scope().distributor_id, Storefront.reseller_id.is_(None)
        )
    ).one()


def alias_realms(reseller_id: UUID) -> tuple[UUID, ...]:
    """Return the realms of a reseller's storefronts, open or closed, not purged ones."""
    return tuple(
        session.scalars(
            select(Storefront.id).where(
                Storefront.distributor_id == current_scope().distributor_id,
                Storefront.reseller_id == reseller_id,
                Storefront.state.in_(KEPT_STATES),
            )
        )
    )


def has_storefront(reseller_id: UUID) -> bool:
    """Return whether a reseller has an open storefront."""
    found = session.scalar(
        select(Storefront.id).where(
            Storefront.distributor_id == current_scope().distributor_id,
            Storefront.reseller_id == reseller_id,
            Storefront.state.in_(OPEN_STATES),
        )
    )
    return found is not None


def realms_of(person: Person) -> tuple[UUID, ...]:
    """Return every realm the person may have a sign-in name in, the home realm first."""
    if person.kind is UserKind.BSS:
        return (current_scope().distributor_id,)
    if person.kind is UserKind.DIRECT:
        return (root_realm(),)
    aliases = alias_realms(_given(person.reseller_id))
    return (root_realm(), *aliases) if person.kind is UserKind.RESELLER else aliases


def credential_realm(person: Person, realm_id: UUID) -> UUID:
    """Return where the password of a sign-in name in `realm_id` stands: staff of a reseller keep theirs in the root."""
    return root_realm() if person.kind is UserKind.RESELLER else realm_id


def is_bss_realm(realm_id: UUID) -> bool:
    """Return whether the realm is the back office."""
    return realm_id == current_scope().distributor_id


def lock_of(realm_id: UUID) -> LockPolicy:
    """Return how wrong passwords lock in a realm."""
    return BSS_LOCK if is_bss_realm(realm_id) else STOREFRONT_LOCK


def reseller_of(realm_id: UUID) -> UUID | None:
    """Return the reseller whose storefront the realm is; None for BSS and the root."""
    if is_bss_realm(realm_id):
        return None
    return session.scalar(
        select(Storefront.reseller_id).where(
            Storefront.distributor_id == current_scope().distributor_id, Storefront.id == realm_id
        )
    )
