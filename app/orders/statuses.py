"""Order statuses a distributor names for itself, over the states of the machine (CB-19, CB-21).

The built-in ones always exist; only *In Progress* among them may be switched off, once another status takes its place.
An own status of the type In progress says where an order's people stand; one of the type Canceled says why it ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select

from app.audit.changes import changes_of
from app.audit.services import Actor, record
from app.catalogue.models import ProductType
from app.core.db import session
from app.core.errors import Conflict, Invalid, NotFound
from app.core.ids import new_id, parse_id
from app.core.versions import lock_at_version
from app.orders.errors import WrongOrderState
from app.orders.execution_mails import mail_status
from app.orders.execution_rows import lock_order_by_number
from app.orders.machine import Move, advance
from app.orders.models import Order, OrderStatus, OrderStatusRow, StatusType, StorefrontType
from app.orders.words import STATUS_WORDS
from tenants.context import current_scope
from tenants.models import Distributor

LONGEST_NAME, LONGEST_DESCRIPTION, MOST = 60, 300, 50
MANDATORY = frozenset({OrderStatus.DRAFT, OrderStatus.SUBMITTED, OrderStatus.EXECUTED, OrderStatus.CANCELED})
MOVABLE = frozenset({OrderStatus.SUBMITTED, OrderStatus.IN_PROGRESS, OrderStatus.PARTIALLY_EXECUTED})
TOLD = frozenset({OrderStatus.IN_PROGRESS, OrderStatus.PARTIALLY_EXECUTED, OrderStatus.EXECUTED, OrderStatus.CANCELED})
OWN_TYPES = (StatusType.IN_PROGRESS, StatusType.CANCELED)
_P, _V = StatusType.IN_PROGRESS, StorefrontType.VIEWABLE
BUILT_IN: Sequence[tuple[OrderStatus, StatusType, StorefrontType, str]] = (
    (OrderStatus.DRAFT, _P, StorefrontType.DRAFT, "A basket that was not submitted; storefront only"),
    (OrderStatus.SUBMITTED, _P, _V, "Submitted, not executed"),
    (OrderStatus.PENDING_RESELLER_APPROVAL, _P, _V, "Waits for its reseller"),
    (OrderStatus.SCHEDULED, _P, _V, "Waits for its day"),
    (OrderStatus.EXECUTING, _P, _V, "The workers are at it"),
    (OrderStatus.IN_PROGRESS, _P, _V, "People deliver it"),
    (OrderStatus.PARTIALLY_EXECUTED, _P, _V, "Some items are delivered"),
    (OrderStatus.EXECUTED, StatusType.AUTOMATIC_EXECUTE, StorefrontType.SUBMITTED, "Invoiced, provisioning begins"),
    (OrderStatus.CANCELED, StatusType.CANCELED, _V, "Canceled by staff or the customer"),
)


class StatusNotFound(NotFound):
    """There is no such status."""


class StatusIsKept(Conflict):
    """A status that cannot be deleted or switched off, and why."""

    code = "status_is_kept"


@dataclass(frozen=True, slots=True)
class StatusDetails:
    """What people say about a status."""

    number: int
    name: str
    description: str = ""
    type: StatusType = StatusType.IN_PROGRESS
    storefront_type: StorefrontType = StorefrontType.VIEWABLE
    is_default: bool = False
    is_active: bool = True
    mails_customer: bool = False


@dataclass(frozen=True, slots=True)
class NamedStatus:
    """A status as Setup lists it; `ref` is what its address says."""

    ref: str
    id: UUID | None  # None: built in and unchanged
    built_in: OrderStatus | None
    details: StatusDetails
    version: int = 1

    @property
    def is_mandatory(self) -> bool:
        """Whether it can be neither deleted nor switched off."""
        return self.built_in is not None and self.built_in is not OrderStatus.IN_PROGRESS

    @property
    def is_told(self) -> bool:
        """Whether whoever ordered can be mailed of it: where an order stands at first, its confirmation says."""
        return self.built_in is None or self.built_in in TOLD

    @property
    def is_for_people(self) -> bool:
        """Whether orders that people deliver may stand in it: active, in progress, and shown in storefronts."""
        details = self.details
        is_own = self.built_in in (None, OrderStatus.IN_PROGRESS)
        return (
            is_own and details.is_active and details.type is _P and details.storefront_type is StorefrontType.VIEWABLE
        )


def list_statuses() -> Sequence[NamedStatus]:
    """Return all statuses by number, the built-in ones where two are equal."""
    rows = session.scalars(
        select(OrderStatusRow).where(OrderStatusRow.distributor_id == current_scope().distributor_id)
    ).all()
    changed = {row.key: row for row in rows if row.key}
    found = [_built_in(number, *each, changed.get(each[0].value)) for number, each in enumerate(BUILT_IN, start=1)]
    found += [NamedStatus(str(row.id), row.id, None, _details(row), row.version) for row in rows if not row.key]
    return sorted(found, key=lambda status: (status.details.number, status.built_in is None, status.details.name))


def get_status(ref: str) -> NamedStatus:
    """Return a status by what its address says; raises StatusNotFound."""
    found = next((status for status in list_statuses() if status.ref == ref), None)
    if found is None:
        raise StatusNotFound
    return found


def add_status(details: StatusDetails, *, actor: Actor, at: datetime) -> NamedStatus:
    """Add a status of the types In progress or Canceled. Raises Invalid."""
    _lock()
    known = list_statuses()
    if len(known) >= MOST:
        raise Invalid.field("name", "too_many", f"There are {MOST} statuses already")
    _check(details, known, None)
    row = OrderStatusRow(id=new_id(), **_columns(details))
    session.add(row)
    if details.is_default:
        _take_default(row)
    session.flush()
    record("order_status.added", actor=actor, at=at, target_kind="order_status", target_id=row.id,
           after={"name": details.name})  # fmt: skip
    return NamedStatus(str(row.id), row.id, None, _details(row))


def change_status(ref: str, details: StatusDetails, *, version: int, actor: Actor, at: datetime) -> None:
    """Change a status; of a built-in one only its mail, and whether In Progress is on and the default.

    Raises StaleVersion, StatusIsKept, Invalid.
    """
    _lock()
    row = _row(get_status(ref))
    lock_at_version(row, version, name=row.name)
    known = list_statuses()
    status = get_status(ref)
    if status.is_mandatory:
        if not details.is_active:
            raise StatusIsKept(f"{status.details.name} cannot be switched off")
        if details != replace(status.details, mails_customer=details.mails_customer):
            raise StatusIsKept(f"{status.details.name} is built in: only its mail can be changed")
        if details.mails_customer and not status.is_told:
            raise StatusIsKept(f"Orders are not mailed when they get to {status.details.name}")
    if status.built_in is not None:
        details = replace(
            status.details, is_default=details.is_default, is_active=details.is_active,
            mails_customer=details.mails_customer,
        )  # fmt: skip
    else:
        _check(details, known, ref)
    after = NamedStatus(ref, status.id, status.built_in, details)
    _require_place_for_people([after if each.ref == ref else each for each in known])
    for name, value in _columns(details).items():
        setattr(row, name, value)
    row.version += 1
    before, after_it = changes_of(row)
    if details.is_default:
        _take_default(row)
    session.flush()
    record("order_status.changed", actor=actor, at=at, target_kind="order_status", target_id=row.id,
           before=before, after=after_it)  # fmt: skip


def delete_status(ref: str, *, actor: Actor, at: datetime) -> None:
    """Delete a status no order stands in. Raises StatusNotFound, StatusIsKept."""
    _lock()
    known = list_statuses()
    status = get_status(ref)
    if status.built_in is not None or status.id is None:
        raise StatusIsKept(f"{status.details.name} is built in and cannot be deleted")
    here = current_scope().distributor_id
    if session.scalar(select(exists().where(Order.distributor_id == here, Order.custom_status_id == status.id))):
        raise StatusIsKept(f"Orders stand in {status.details.name}: switch it off instead")
    _require_place_for_people([each for each in known if each.ref != ref])
    session.delete(_row(status))
    session.flush()
    record("order_status.deleted", actor=actor, at=at, target_kind="order_status", target_id=status.id,
           before={"name": status.details.name})  # fmt: skip


def status_for_people() -> NamedStatus | None:
    """Return where orders stand that people deliver: the default one of several, None where there is none."""
    usable = [status for status in list_statuses() if status.is_for_people]
    return next((status for status in usable if status.details.is_default), usable[0] if usable else None)


def require_status_for_people() -> None:
    """Raise Invalid where a product type cannot be delivered by people, for want of a status to wait in (CB-F58)."""
    if status_for_people() is None:
        raise Invalid.field(
            "non_automatic",
            "status_missing",
            "Add an active order status of the type In progress that storefronts show (Setup, Order statuses) first",
        )


def await_people(order: Order, *, at: datetime) -> None:
    """Let an order wait for people, under the name the distributor has for it."""
    advance(order, Move.AWAIT_PEOPLE)
    found = status_for_people()
    order.custom_status_id = found.id if found is not None and found.built_in is None else None
    tell_status(order, at=at)


def tell_status(order: Order, *, at: datetime) -> None:
    """Mail whoever ordered that an order has got where it stands now, if its status says so (CB-19); one statement.

    What was delivered of an order is told of it, not of its own sub-order.
    """
    if order.parent_id is not None:
        return
    rows = session.scalars(
        select(OrderStatusRow).where(
            OrderStatusRow.distributor_id == order.distributor_id, OrderStatusRow.mails_customer
        )
    ).all()
    own = order.custom_status_id
    if any(row.id == own if own is not None else row.key == order.status.value for row in rows):
        mail_status(order, shown_status(order), at=at)


def move_by_hand(number: str, ref: str, *, actor: Actor, at: datetime) -> Order:
    """Put an order that is not final into another status of the type In progress, or back to the built-in name.

    Raises OrderNotFound, WrongOrderState, Invalid `choice`.
    """
    order = lock_order_by_number(number)
    if order.status not in MOVABLE:
        raise WrongOrderState(order.number, order.status)
    before = order.custom_status_id
    status_id = parse_id(ref)
    if ref and not any(status.id == status_id for status in choices_by_hand()):
        raise Invalid.field("status_ref", "choice", "Choose one of the statuses")
    order.custom_status_id = status_id
    session.flush()
    if status_id != before:
        tell_status(order, at=at)
    record("order.moved", actor=actor, at=at, target_kind="order", target_id=order.id,
           before={"status_id": before}, after={"status_id": status_id})  # fmt: skip
    return order


def choices_by_hand() -> Sequence[NamedStatus]:
    """Return the own statuses staff may put an order into."""
    return [each for each in list_statuses() if each.built_in is None and each.details.is_active
            and each.details.type is StatusType.IN_PROGRESS]  # fmt: skip


def choices_for_cancel() -> Sequence[NamedStatus]:
    """Return the own names a cancellation may have."""
    return [each for each in list_statuses() if each.built_in is None and each.details.is_active
            and each.details.type is StatusType.CANCELED]  # fmt: skip


def own_names(*, in_storefront: bool = False) -> Mapping[UUID, str]:
    """Return the names of a distributor's own statuses by id; in a storefront only of those it may show."""
    rows = session.execute(
        select(OrderStatusRow.id, OrderStatusRow.name, OrderStatusRow.storefront_type).where(
            OrderStatusRow.distributor_id == current_scope().distributor_id, OrderStatusRow.key.is_(None)
        )
    )
    return {row.id: row.name for row in rows if not in_storefront or row.storefront_type is StorefrontType.VIEWABLE}


def shown_status(order: Order) -> str:
    """Return an order's status in the words of its distributor, for a storefront."""
    if order.custom_status_id is not None:
        own = own_names(in_storefront=True).get(order.custom_status_id)
        if own:
            return own
    return STATUS_WORDS[order.status]


def _built_in(
    number: int, key: OrderStatus, type_: StatusType, shown: StorefrontType, text: str, row: OrderStatusRow | None
) -> NamedStatus:
    is_default = row.is_default if row is not None else key is OrderStatus.IN_PROGRESS
    is_active = row.is_active if row is not None else True
    mails_customer = row.mails_customer if row is not None else False
    details = StatusDetails(number * 10, STATUS_WORDS[key], text, type_, shown, is_default, is_active, mails_customer)
    return NamedStatus(key.value, row.id if row else None, key, details, row.version if row else 1)


def _details(row: OrderStatusRow) -> StatusDetails:
    return StatusDetails(
        row.number, row.name, row.description, row.type, row.storefront_type, row.is_default, row.is_active,
        row.mails_customer,
    )  # fmt: skip


def _columns(details: StatusDetails) -> dict[str, object]:
    return {
        "number": details.number,
        "name": details.name.strip(),
        "description": details.description.strip(),
        "type": details.type,
        "storefront_type": details.storefront_type,
        "is_default": details.is_default,
        "is_active": details.is_active,
        "mails_customer": details.mails_customer,
    }


def _row(status: NamedStatus) -> OrderStatusRow:
    if status.id is not None:
        return session.get_one(OrderStatusRow, (current_scope().distributor_id, status.id))
    row = OrderStatusRow(id=new_id(), key=status.ref, **_columns(status.details))
    session.add(row)
    session.flush()
    return row


def _take_default(row: OrderStatusRow) -> None:
    """Let one status be the default alone; the built-in one gets a row that says it is not."""
    for each in list_statuses():
        if each.details.is_default and each.id != row.id and each.ref != (row.key or str(row.id)):
            other = _row(each)
            other.is_default, other.version = False, other.version + 1


def _check(details: StatusDetails, known: Sequence[NamedStatus], ref: str | None) -> None:
    name = details.name.strip()
    if not 1 <= len(name) <= LONGEST_NAME:
        raise Invalid.field("name", "length", f"Enter a name of 1 to {LONGEST_NAME} characters")
    if any(each.details.name.lower() == name.lower() and each.ref != ref for each in known):
        raise Invalid.field("name", "taken", "Another status has this name")
    if details.type not in OWN_TYPES:
        raise Invalid.field("type", "choice", "Choose In progress or Canceled: only execution leads to the others")
    if details.storefront_type not in (StorefrontType.VIEWABLE, StorefrontType.HIDDEN):
        raise Invalid.field("storefront_type", "choice", "Choose whether storefronts show it")
    if details.is_default and details.type is not StatusType.IN_PROGRESS:
        raise Invalid.field("is_default", "choice", "Only a status of the type In progress can be the default")


def _require_place_for_people(after: Sequence[NamedStatus]) -> None:
    """Keep a status to wait in as long as a product type is delivered by people."""
    if any(status.is_for_people for status in after):
        return
    here = current_scope().distributor_id
    if session.scalar(select(exists().where(ProductType.distributor_id == here, ProductType.non_automatic))):
        raise StatusIsKept("Orders delivered by people need an active In progress status that storefronts show")


def _lock() -> None:
    """Let changes of statuses wait for each other: the last usable one must not go twice."""
    here = current_scope().distributor_id
    session.scalars(select(Distributor.id).where(Distributor.id == here).with_for_update(key_share=True)).all()
