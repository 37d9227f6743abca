"""Names for where offers stand: three types, at least one active status each (CB-17)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select

from app.audit.changes import changes_of
from app.audit.services import Actor, record
from app.core.db import session
from app.core.errors import Conflict, Invalid, NotFound
from app.core.ids import new_id
from app.core.versions import lock_at_version
from app.orders.offers.errors import LastStatus
from app.orders.offers.models import Offer, OfferStatus, OfferType
from tenants.context import current_scope
from tenants.models import Distributor

LONGEST_NAME, LONGEST_DESCRIPTION, MOST = 60, 300, 50
BUILT_IN: Sequence[tuple[OfferType, str]] = (
    (OfferType.IN_PROGRESS, "In Progress"),
    (OfferType.ACCEPTED, "Accepted"),
    (OfferType.CANCELED, "Lost"),
)


class OfferStatusNotFound(NotFound):
    """There is no such status."""


class StatusInUse(Conflict):
    """Offers stand in it, or it is built in."""

    code = "status_in_use"


@dataclass(frozen=True, slots=True)
class StatusDetails:
    """What people say about a status."""

    number: int
    name: str
    type: OfferType
    is_active: bool = True
    description: str = ""
    is_default: bool = False  # where offers of its type go, whatever the numbers say


@dataclass(frozen=True, slots=True)
class NamedStatus:
    """A status as Setup lists it; `ref` is what its address says."""

    ref: str
    id: UUID | None  # None: built in and unchanged
    is_built_in: bool
    details: StatusDetails
    version: int = 1


def list_statuses() -> Sequence[NamedStatus]:
    """Return all statuses by type, the default one of a type first, then by number."""
    rows = session.scalars(
        select(OfferStatus).where(OfferStatus.distributor_id == current_scope().distributor_id)
    ).all()
    changed = {row.key: row for row in rows if row.key}
    found = [_built_in(type_, name, changed.get(type_.value)) for type_, name in BUILT_IN]
    found += [NamedStatus(str(row.id), row.id, False, _details(row), row.version) for row in rows if not row.key]
    order = [type_ for type_, _ in BUILT_IN]
    return sorted(
        found,
        key=lambda each: (
            order.index(each.details.type), not each.details.is_default, each.details.number, not each.is_built_in,
        ),
    )  # fmt: skip


def get_status(ref: str) -> NamedStatus:
    """Return a status by what its address says; raises OfferStatusNotFound."""
    found = next((each for each in list_statuses() if each.ref == ref), None)
    if found is None:
        raise OfferStatusNotFound
    return found


def add_status(details: StatusDetails, *, actor: Actor, at: datetime) -> NamedStatus:
    """Add a status. Raises Invalid."""
    _lock()
    known = list_statuses()
    if len(known) >= MOST:
        raise Invalid.field("name", "too_many", f"There are {MOST} statuses already")
    _check(details, known, None)
    row = OfferStatus(id=new_id(), type=details.type)
    _write(row, details)
    session.add(row)
    session.flush()
    _take_default(row)
    record("offer_status.added", actor=actor, at=at, target_kind="offer_status", target_id=row.id,
           after={"name": row.name})  # fmt: skip
    return NamedStatus(str(row.id), row.id, is_built_in=False, details=_details(row))


def change_status(ref: str, details: StatusDetails, *, version: int, actor: Actor, at: datetime) -> None:
    """Rename a status, or switch it off; its type stays. Raises StaleVersion, LastStatus, Invalid."""
    _lock()
    row = _row(get_status(ref))
    lock_at_version(row, version, name=row.name)
    known = list_statuses()
    status = get_status(ref)
    details = replace(details, type=status.details.type)
    _check(details, known, ref)
    if not details.is_active:
        _require_another(known, status)
    _write(row, details)
    row.version += 1
    before, after = changes_of(row)
    session.flush()
    _take_default(row)
    record("offer_status.changed", actor=actor, at=at, target_kind="offer_status", target_id=row.id,
           before=before, after=after)  # fmt: skip


def delete_status(ref: str, *, actor: Actor, at: datetime) -> None:
    """Delete a status no offer stands in. Raises StatusInUse, LastStatus."""
    _lock()
    known = list_statuses()
    status = get_status(ref)
    _require_another(known, status)
    if status.is_built_in or status.id is None:
        raise StatusInUse(f"{status.details.name} is built in: switch it off instead")
    here = current_scope().distributor_id
    if session.scalar(select(exists().where(Offer.distributor_id == here, Offer.status_id == status.id))):
        raise StatusInUse(f"Offers stand in {status.details.name}: switch it off instead")
    session.delete(_row(status))
    session.flush()
    record("offer_status.deleted", actor=actor, at=at, target_kind="offer_status", target_id=status.id,
           before={"name": status.details.name})  # fmt: skip


def status_names() -> Mapping[UUID | OfferType, str]:
    """Return the name of each status by id, and of each type: its first active one."""
    found: dict[UUID | OfferType, str] = {}
    for each in list_statuses():
        if each.id is not None:
            found[each.id] = each.details.name
        if each.details.is_active:
            found.setdefault(each.details.type, each.details.name)
    return found


def name_of(offer: Offer, names: Mapping[UUID | OfferType, str]) -> str:
    """Return the name of where an offer stands."""
    return names.get(offer.status_id or offer.type) or names[offer.type]


def _built_in(type_: OfferType, name: str, row: OfferStatus | None) -> NamedStatus:
    details = StatusDetails(10, name, type_) if row is None else _details(row)
    return NamedStatus(
        type_.value, row.id if row else None, is_built_in=True, details=details, version=row.version if row else 1
    )


def _details(row: OfferStatus) -> StatusDetails:
    return StatusDetails(row.number, row.name, row.type, row.is_active, row.description, row.is_default)


def _write(row: OfferStatus, details: StatusDetails) -> None:
    row.number, row.name, row.is_active = details.number, details.name.strip(), details.is_active
    row.description, row.is_default = details.description.strip(), details.is_default


def _take_default(row: OfferStatus) -> None:
    """Let one status of a type be its default alone."""
    if not row.is_default:
        return
    for each in list_statuses():
        if each.details.is_default and each.details.type is row.type and each.id != row.id:
            other = _row(each)
            other.is_default, other.version = False, other.version + 1
    session.flush()


def _row(status: NamedStatus) -> OfferStatus:
    if status.id is not None:
        return session.get_one(OfferStatus, (current_scope().distributor_id, status.id))
    row = OfferStatus(id=new_id(), key=status.ref, number=status.details.number, name=status.details.name,
                      type=status.details.type, description="", is_active=True)  # fmt: skip
    session.add(row)
    session.flush()
    return row


def _check(details: StatusDetails, known: Sequence[NamedStatus], ref: str | None) -> None:
    name = details.name.strip()
    if not 1 <= len(name) <= LONGEST_NAME:
        raise Invalid.field("name", "length", f"Enter a name of 1 to {LONGEST_NAME} characters")
    if any(each.details.name.lower() == name.lower() and each.ref != ref for each in known):
        raise Invalid.field("name", "taken", "Another status has this name")
    if len(details.description.strip()) > LONGEST_DESCRIPTION:
        raise Invalid.field("description", "length", f"Use at most {LONGEST_DESCRIPTION} characters")
    if details.is_default and not details.is_active:
        raise Invalid.field("is_default", "choice", "Only an active status can be the default")


def _require_another(known: Sequence[NamedStatus], status: NamedStatus) -> None:
    if not any(
        each.details.type is status.details.type and each.details.is_active and each.ref != status.ref for each in known
    ):
        raise LastStatus(status.details.name)


def _lock() -> None:
    """Let changes of statuses wait for each other: the last active one of a type must not go twice."""
    here = current_scope().distributor_id
    session.scalars(select(Distributor.id).where(Distributor.id == here).with_for_update(key_share=True)).all()
