"""A record's history as its page shows it: who changed which field from what to what (BC-30)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Row, String, cast, func, or_, select

from app.audit.models import AuditEvent
from app.audit.origin import Channel
from app.audit.queries import AuditFilter, HistoryEntry, count_audit, history_of
from app.bss.listing import with_args
from app.core.db import Base, session
from app.core.errors import NotFound
from app.core.ids import parse_id
from app.frames.records import STOREFRONT_PROVIDER, RecordPage
from app.identity.permission_rules.models import RuledKind
from app.identity.permission_rules.records import find_record
from app.identity.queries import names_of
from app.identity.realms import open_realm, root_realm
from app.orders import statuses as orders
from app.orders.offers import statuses as offers
from app.pricing.currencies import get_currency
from app.web.pagination import SIZES, Page, PageRequest
from tenants.context import current_scope

RULED = {kind.value: kind for kind in RuledKind}


def key_of(page: RecordPage, key: str) -> UUID | str:
    """Return a record's key as its page's address has it: an id, or a number or code; raises NotFound."""
    if not page.argument.endswith("_id"):
        return key
    if (found := parse_id(key)) is None:
        raise NotFound("There is no such record")
    return found


def record_named(page: RecordPage, key: str) -> tuple[UUID | None, str]:
    """Return the id of the record that an address names, and what people call it; raises NotFound.

    The id is None of what is there without ever having been stored: a built-in status, the home currency.
    """
    if page.kind in RULED:
        found = find_record(RULED[page.kind], key_of(page, key))
        return found.id, found.name if page.kind == "account" else key
    wanted = key_of(page, key)
    if page.in_realm:
        here = current_scope().distributor_id
        with open_realm(root_realm() if page.kind == STOREFRONT_PROVIDER else here):
            row = _row_of(page, wanted)
    else:
        row = _row_of(page, wanted)
    if row is not None:
        return row.id, row.name
    if page.kind in NOT_STORED:
        return None, NOT_STORED[page.kind](key)
    raise NotFound("There is no such record")


def _row_of(page: RecordPage, key: UUID | str) -> Row[Any, Any] | None:
    table = Base.metadata.tables[page.stored_in]
    name = func.concat_ws(" ", *(table.c[column] for column in page.name))
    columns = [table.c[column] for column in page.keys]
    is_it = columns[0] == key if isinstance(key, UUID) else or_(*(cast(each, String) == key for each in columns))
    wanted = select(table.c.id, name.label("name")).where(
        table.c.distributor_id == current_scope().distributor_id, is_it
    )
    return session.execute(wanted).first()


def _currency(code: str) -> str:
    return get_currency(code).code


def _order_status(ref: str) -> str:
    return orders.get_status(ref).details.name


def _offer_status(ref: str) -> str:
    return offers.get_status(ref).details.name


NOT_STORED: dict[str, Callable[[str], str]] = {
    "currency": _currency,
    "order_status": _order_status,
    "offer_status": _offer_status,
}


def who_did(event: AuditEvent | HistoryEntry, names: Mapping[UUID, str]) -> str:
    """Return who did something: a person as called today, else as called that day; a program with whom it acted for."""
    person = names.get(event.actor_id) if event.actor_id is not None else None
    told = event.actor_name
    if event.channel == Channel.API.value and told:
        return f"{told} (program)" if person is None else f"{told} (program) for {person}"
    return person or told or ("System" if event.actor_id is None else "Unknown user")


def history_page(record_id: UUID | None, asked: PageRequest) -> dict[str, Any]:
    """Return what the pages of a history show; None: nothing has ever happened to it."""
    entries = history_of(record_id, offset=asked.offset, limit=asked.size) if record_id is not None else ()
    total = count_audit(AuditFilter(target_id=record_id)) if record_id is not None else 0
    return {
        "entries": Page(entries, total, asked.number, asked.size),
        "names": names_of({entry.actor_id for entry in entries if entry.actor_id}),
        "who": who_did,
        "sizes": SIZES,
        "with_args": with_args,
    }
