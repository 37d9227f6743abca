"""The distributor's price lists: what a list is, and which accounts pay by it (CB-05). Entries stand in `entries`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, update

from app.accounts.queries import get_account, payer_of
from app.audit.services import Actor, record
from app.catalogue.imports.sheet import is_currency
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.core.versions import lock_at_version
from app.identity.permission_rules.records import possible_owners
from app.pricing.models import PriceList, PriceListAssignment, PriceListEntry, PriceListGroupLine
from app.pricing.price_lists.errors import PriceListAssigned, PriceListNotFound
from app.pricing.price_lists.queries import get_price_list
from tenants.context import all_records, current_scope
from tenants.days import distributors_day

NAME_LENGTH = 255
DESCRIPTION_LENGTH = 4000


@dataclass(frozen=True, slots=True)
class PriceListDetails:
    """What a person says about a price list. Days are the distributor's, both included; `valid_to` None is open."""

    name: str
    currency: str
    valid_from: date
    valid_to: date | None = None
    is_active: bool = True
    is_default: bool = False  # asked after the assigned lists, and for visitors; one per currency
    description: str = ""
    owner_id: UUID | None = None  # a person of the distributor


@dataclass(frozen=True, slots=True)
class ListUses:
    """How many running subscriptions pay by a list, and whether who deactivates it has agreed to that."""

    subscriptions: int
    is_agreed: bool = False


UNUSED = ListUses(0)


def create_price_list(details: PriceListDetails, *, actor: Actor, at: datetime) -> PriceList:
    """Make an empty price list. Raises Invalid. Source: CB-05."""
    _require_valid(details, None)
    if details.is_default:
        _no_other_default(details.currency, None)
    price_list = PriceList(
        name=details.name.strip(),
        description=details.description.strip() or None,
        currency=details.currency,
        valid_from=details.valid_from,
        valid_to=details.valid_to,
        is_active=details.is_active,
        is_default=details.is_default,
        owner_id=details.owner_id,
        created_at=at,
    )
    session.add(price_list)
    session.flush()
    record("pricing.price_list_created", actor=actor, at=at, target_kind="price_list", target_id=price_list.id,
           after={"name": price_list.name, "currency": price_list.currency})  # fmt: skip
    return price_list


def update_price_list(
    price_list_id: UUID,
    details: PriceListDetails,
    *,
    uses: ListUses = UNUSED,
    version: int,
    actor: Actor,
    at: datetime,
) -> PriceList:
    """Change what a list is called, when it is valid and whether it is used. Its currency is frozen by its first entry.

    Raises PriceListNotFound, StaleVersion, Invalid; `deactivation_unconfirmed` where subscriptions
    pay by a list that is deactivated and nobody agreed to that (CB-05).
    """
    price_list = get_price_list(price_list_id)
    lock_at_version(price_list, version, name=price_list.name)
    _require_valid(details, price_list)
    if price_list.is_active and not details.is_active and uses.subscriptions and not uses.is_agreed:
        message = f"{uses.subscriptions:,} subscriptions pay by this list. Tick this to deactivate it all the same."
        raise Invalid.field("is_agreed", "deactivation_unconfirmed", message)
    if details.is_default:
        _no_other_default(details.currency, price_list.id)
    before = _facts(price_list)
    price_list.name, price_list.description = details.name.strip(), details.description.strip() or None
    price_list.currency = details.currency
    price_list.valid_from, price_list.valid_to = details.valid_from, details.valid_to
    price_list.is_active, price_list.is_default = details.is_active, details.is_default
    price_list.owner_id = details.owner_id
    price_list.version += 1
    after = _facts(price_list)
    changed = {name for name in after if before[name] != after[name]}
    record("pricing.price_list_changed", actor=actor, at=at, target_kind="price_list", target_id=price_list.id,
           before={name: before[name] for name in changed}, after={name: after[name] for name in changed})  # fmt: skip
    return price_list


def delete_price_list(price_list_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Delete a list nobody pays by, with its entries. Raises PriceListNotFound, PriceListAssigned."""
    price_list = get_price_list_for_update(price_list_id)
    assigned = _assignments(price_list_id)
    with all_records():  # also those whose accounts the viewer does not see
        accounts = session.scalar(select(func.count()).select_from(PriceListAssignment).where(*assigned)) or 0
    if accounts:
        raise PriceListAssigned(price_list.name, accounts)
    for model in (PriceListEntry, PriceListGroupLine):
        session.execute(
            delete(model).where(model.distributor_id == price_list.distributor_id, model.price_list_id == price_list_id)
        )
    session.delete(price_list)
    record("pricing.price_list_deleted", actor=actor, at=at, target_kind="price_list", target_id=price_list_id,
           before={"name": price_list.name})  # fmt: skip


def assign_price_list(
    payer_id: UUID, price_list_id: UUID, priority: int | None = None, *, actor: Actor, at: datetime
) -> PriceListAssignment:
    """Let an account pay by a list; the lowest priority number is asked first, None puts it last.

    Holds for what is ordered from now on: existing subscriptions keep their prices. Assigning a list once more moves it.
    Raises AccountNotFound, PriceListNotFound, Invalid for an end customer, another currency, and a list that is inactive
    or has expired. Source: CB-05, BC-21.
    """
    account, price_list = get_account(payer_id), get_price_list(price_list_id)
    if payer_of(account) != account.id:
        raise Invalid.field(
            "price_list", "account_does_not_pay", f"{account.name} pays its reseller. Assign the list to the reseller."
        )
    if account.currency != price_list.currency:
        raise Invalid.field(
            "price_list",
            "currency_differs",
            f"{price_list.name} is in {price_list.currency}, {account.name} pays in {account.currency}",
        )
    existing = _assignments_of(payer_id)
    if all(assignment.price_list_id != price_list_id for assignment in existing):
        _require_usable(price_list, distributors_day(at))
    found = next((assignment for assignment in existing if assignment.price_list_id == price_list_id), None)
    place = priority if priority is not None else max((other.priority for other in existing), default=0) + 1
    if found is None:
        found = PriceListAssignment(payer_id=payer_id, price_list_id=price_list_id, priority=place, assigned_at=at)
        session.add(found)
        session.flush()
    elif priority is not None:
        found.priority = priority
    record("pricing.price_list_assigned", actor=actor, at=at, target_kind="account", target_id=payer_id,
           after={"price_list": price_list.name, "priority": found.priority})  # fmt: skip
    return found


def _require_usable(price_list: PriceList, on: date) -> None:
    if not price_list.is_active:
        raise Invalid.field("price_list", "list_inactive", f"{price_list.name} is not active")
    if price_list.valid_to is not None and price_list.valid_to < on:
        raise Invalid.field("price_list", "list_expired", f"{price_list.name} expired on {price_list.valid_to}")


def withdraw_price_list(payer_id: UUID, price_list_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Take a list from an account; what it bought by it keeps its price. Raises PriceListNotFound if it is not assigned."""
    found = next((each for each in _assignments_of(payer_id) if each.price_list_id == price_list_id), None)
    if found is None:
        raise PriceListNotFound(price_list_id)
    name = get_price_list(price_list_id).name
    session.delete(found)
    session.flush()
    record("pricing.price_list_withdrawn", actor=actor, at=at, target_kind="account", target_id=payer_id,
           before={"price_list": name})  # fmt: skip


def order_price_lists(payer_id: UUID, price_list_ids: Sequence[UUID], *, actor: Actor, at: datetime) -> None:
    """Put the lists of an account into an order; the first is asked first. Raises Invalid unless all are named once."""
    existing = {assignment.price_list_id: assignment for assignment in _assignments_of(payer_id)}
    if len(price_list_ids) != len(existing) or set(price_list_ids) != set(existing):
        raise Invalid.field("price_lists", "order_incomplete", "Name every assigned price list once")
    for priority, price_list_id in enumerate(price_list_ids, start=1):
        existing[price_list_id].priority = priority
    record("pricing.price_lists_ordered", actor=actor, at=at, target_kind="account", target_id=payer_id,
           after={"order": ", ".join(map(str, price_list_ids))})  # fmt: skip


def get_price_list_for_update(price_list_id: UUID) -> PriceList:
    """Return a list, locked until the caller commits; raises PriceListNotFound."""
    found = session.scalar(
        select(PriceList)
        .where(PriceList.distributor_id == current_scope().distributor_id, PriceList.id == price_list_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise PriceListNotFound(price_list_id)
    return found


def _require_valid(details: PriceListDetails, price_list: PriceList | None) -> None:
    errors: list[FieldError] = []
    name = details.name.strip()
    if not name or len(name) > NAME_LENGTH:
        errors.append(FieldError("name", "name_length", f"Enter a name of 1 to {NAME_LENGTH} characters"))
    elif _name_taken(name, price_list):
        errors.append(FieldError("name", "name_taken", "Another price list has this name"))
    if not is_currency(details.currency):
        errors.append(FieldError("currency", "currency_unknown", "Choose a currency"))
    elif price_list is not None and details.currency != price_list.currency and _has_entries(price_list):
        message = f"The list has prices in {price_list.currency}; its currency cannot change any more"
        errors.append(FieldError("currency", "currency_frozen", message))
    if details.valid_to is not None and details.valid_to < details.valid_from:
        errors.append(FieldError("valid_to", "date_order", "The last day lies before the first"))
    if len(details.description) > DESCRIPTION_LENGTH:
        message = f"Enter at most {DESCRIPTION_LENGTH} characters"
        errors.append(FieldError("description", "description_length", message))
    if details.owner_id is not None and details.owner_id not in {person.id for person in possible_owners()}:
        errors.append(FieldError("owner_id", "unknown", "Choose one of your users"))
    if errors:
        raise Invalid(*errors)


def _name_taken(name: str, price_list: PriceList | None) -> bool:
    statement = select(PriceList.id).where(
        PriceList.distributor_id == current_scope().distributor_id, func.lower(PriceList.name) == name.lower()
    )
    if price_list is not None:
        statement = statement.where(PriceList.id != price_list.id)
    return session.scalar(statement.limit(1)) is not None


def _has_entries(price_list: PriceList) -> bool:
    """Whether a list has prices, or a standing line that makes some."""
    return any(
        session.scalar(
            select(model.id)
            .where(model.distributor_id == price_list.distributor_id, model.price_list_id == price_list.id)
            .limit(1)
        )
        for model in (PriceListEntry, PriceListGroupLine)
    )


def _no_other_default(currency: str, price_list_id: UUID | None) -> None:
    others = [
        PriceList.distributor_id == current_scope().distributor_id,
        PriceList.currency == currency,
        PriceList.is_default,
    ]
    if price_list_id is not None:
        others.append(PriceList.id != price_list_id)
    session.execute(update(PriceList).where(*others).values(is_default=False, version=PriceList.version + 1))


def _assignments(price_list_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return (
        PriceListAssignment.distributor_id == current_scope().distributor_id,
        PriceListAssignment.price_list_id == price_list_id,
    )


def _assignments_of(payer_id: UUID) -> Sequence[PriceListAssignment]:
    found: Sequence[PriceListAssignment] = session.scalars(
        select(PriceListAssignment)
        .where(
            PriceListAssignment.distributor_id == current_scope().distributor_id,
            PriceListAssignment.payer_id == payer_id,
        )
        .order_by(PriceListAssignment.priority)
        .with_for_update()
    ).all()
    return found


def _facts(price_list: PriceList) -> dict[str, object]:
    return {
        "name": price_list.name,
        "currency": price_list.currency,
        "valid_from": price_list.valid_from,
        "valid_to": price_list.valid_to,
        "is_active": price_list.is_active,
        "is_default": price_list.is_default,
        "owner_id": price_list.owner_id,
    }
