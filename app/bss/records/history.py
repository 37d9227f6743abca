"""A record's history as its page shows it: who changed which field from what to what (BC-30)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.audit.queries import AuditFilter, count_audit, history_of
from app.bss.listing import with_args
from app.core.db import Base, session
from app.core.errors import NotFound
from app.core.ids import parse_id
from app.frames.records import RecordPage
from app.identity.permission_rules.models import RuledKind
from app.identity.permission_rules.records import find_record
from app.identity.queries import names_of
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


def record_named(page: RecordPage, key: str) -> tuple[UUID, str]:
    """Return the id of the record that an address names, and what people call it; raises NotFound."""
    if page.kind in RULED:
        found = find_record(RULED[page.kind], key_of(page, key))
        return found.id, found.name if page.kind == "account" else key
    record_id = UUID(str(key_of(page, key)))
    table = Base.metadata.tables[page.table or f"{page.kind}s"]
    wanted = select(table.c.id).where(table.c.distributor_id == current_scope().distributor_id, table.c.id == record_id)
    if session.scalar(wanted) is None:
        raise NotFound("There is no such record")
    return record_id, page.kind.replace("_", " ").capitalize()


def history_page(record_id: UUID, asked: PageRequest) -> dict[str, Any]:
    """Return what the pages of a history show."""
    entries = history_of(record_id, offset=asked.offset, limit=asked.size)
    return {
        "entries": Page(entries, count_audit(AuditFilter(target_id=record_id)), asked.number, asked.size),
        "names": names_of({entry.actor_id for entry in entries if entry.actor_id}),
        "sizes": SIZES,
        "with_args": with_args,
    }
