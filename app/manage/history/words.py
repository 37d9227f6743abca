"""Values of a reseller's trail as people read them: names instead of ids, words instead of codes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy import select

from app.accounts.queries import account_names
from app.audit.models import ResellerAuditEvent
from app.catalogue.models import Category, Product, Term
from app.catalogue.words import TERM_WORDS
from app.core.db import session
from app.identity.queries import names_of
from tenants.context import current_scope

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CODE = re.compile(r"[a-z]+(?:_[a-z]+)+")
_TERMS = {each.value: TERM_WORDS[each] for each in Term}

Names = Mapping[UUID, str]
Line = tuple[str, str, str]  # a field: its name, from what, to what


def names_in(events: Iterable[ResellerAuditEvent]) -> Names:
    """Return the names of people, companies, products and categories that events mean: four statements for all."""
    told = [*events]
    ids = {event.actor_id for event in told if event.actor_id is not None}
    for event in told:
        ids |= {
            UUID(found) for value in (*event.before.values(), *event.after.values()) for found in _ID.findall(value)
        }
    if not ids:
        return {}
    named = dict(account_names([*ids]))
    for model in (Product, Category):
        rows = session.execute(
            select(model.id, model.name).where(
                model.distributor_id == current_scope().distributor_id, model.id.in_(ids)
            )
        )
        named |= {row.id: row.name for row in rows}
    return {**named, **names_of(ids)}


def lines_of(event: ResellerAuditEvent, names: Names) -> list[Line]:
    """Return each field that changed; what names nothing that is known, such as a rule's own id, is left out."""
    fields = (*event.before, *(name for name in event.after if name not in event.before))
    lines = (
        (
            _field(name),
            _value(name, event.before.get(name, ""), names),
            _value(name, event.after.get(name, ""), names),
        )
        for name in fields
        if event.before.get(name) != event.after.get(name)
    )
    return [line for line in lines if any(line[1:])]


def _field(name: str) -> str:
    return re.sub(r" ids?$", "", name.replace("_", " "))


def _value(name: str, value: str, names: Names) -> str:
    if found := _ID.findall(value):
        return ", ".join(names[UUID(each)] for each in found if UUID(each) in names)
    if name == "term":
        return _TERMS.get(value, value)
    return value.replace("_", " ").capitalize() if _CODE.fullmatch(value) else value
