"""What records are called and where their pages are: for pages that tell of records of many kinds, like the audit log.

One statement names all records of a page, whatever their kinds. What a permission rule hides is not there to be read, and
so is not named.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import url_for
from sqlalchemy import Select, String, Uuid, cast, func, literal, null, select, union_all

from app.access import Viewer
from app.audit.models import AuditEvent
from app.core.db import Base, session
from app.frames.records import BY_KIND, PLACES, PROVIDER, STOREFRONT_PROVIDER, RecordPage
from app.identity.permissions import Permission
from app.identity.realms import open_realm, root_realm
from tenants.context import current_scope

Target = tuple[str, UUID]
PLACE_OF = {**{place.kind: place for place in PLACES}, **BY_KIND}
STOREFRONTS = frozenset({"storefront", "realm"})  # both are named by a storefront's id
OF_ACCOUNTS = frozenset({"user", PROVIDER})  # they may belong to a company
SAME_AS = {"reseller": "account"}
TOLD = ("name", "number", "code", "title", "email")  # what an event itself may say of a record that is gone


@dataclass(frozen=True, slots=True)
class Named:
    """A record as people know it; `url` is None where the viewer may not open its page, or it has none."""

    name: str
    url: str | None


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    key: str
    account_id: UUID | None


def names_of_events(events: Collection[AuditEvent], viewer: Viewer) -> Mapping[UUID, Named]:
    """Return by event what its record is called: now, else as the event itself says, else whom it concerns."""
    targets = {
        (SAME_AS.get(e.target_kind, e.target_kind), e.target_id) for e in events if e.target_kind and e.target_id
    }
    targets |= {("account", e.account_id) for e in events if e.account_id}
    found = _find(targets)
    named = {}
    for event in events:
        name = _named(event, found, viewer)
        if name is not None:
            named[event.id] = name
    return named


def _named(event: AuditEvent, found: Mapping[Target, _Found], viewer: Viewer) -> Named | None:
    if event.target_kind and event.target_id:
        kind = SAME_AS.get(event.target_kind, event.target_kind)
        record = found.get((kind, event.target_id))
        if record is not None:
            return Named(record.name, _url(kind, record, viewer))
    told = [each[name] for each in (event.after, event.before) for name in TOLD if each.get(name)]
    if told and event.target_id:
        return Named(str(told[0]), None)
    concerned = found.get(("account", event.account_id)) if event.account_id else None
    return Named(concerned.name, _url("account", concerned, viewer)) if concerned is not None else None


def _find(targets: Collection[Target]) -> Mapping[Target, _Found]:
    """Read what records are called: one statement, and one for each realm whose sign-in data is told of."""
    by_kind: dict[str, set[UUID]] = {}
    for kind, record_id in targets:
        by_kind.setdefault(kind, set()).add(record_id)
    parts: list[Select[Any]] = []
    in_realms: list[Select[Any]] = []
    for kind, ids in by_kind.items():
        if kind in STOREFRONTS:
            parts.append(_storefronts(kind, ids))
        elif (place := PLACE_OF.get(kind)) is not None:
            (in_realms if place.in_realm else parts).append(_of_place(kind, place, ids))
    found = dict(_read(parts))
    if in_realms:
        here = current_scope().distributor_id
        for realm_id, is_own in ((here, False), (root_realm(), True)):
            with open_realm(realm_id):
                for (kind, record_id), record in _read(in_realms):
                    where = f"{STOREFRONT_PROVIDER}:" if is_own and kind == PROVIDER else ""
                    found[kind, record_id] = _Found(record.name, where + record.key, record.account_id)
    return found


def _read(parts: list[Select[Any]]) -> Iterable[tuple[Target, _Found]]:
    if not parts:
        return
    for row in session.execute(union_all(*parts)):
        yield (row.kind, row.id), _Found(row.name, row.key, row.account_id)


def _of_place(kind: str, place: RecordPage, ids: Collection[UUID]) -> Select[Any]:
    table = Base.metadata.tables[place.stored_in]
    name = func.concat_ws(" ", *(table.c[column] for column in place.name))
    key = func.coalesce(*(func.nullif(cast(table.c[column], String), "") for column in place.keys))
    account = table.c.account_id if kind in OF_ACCOUNTS else cast(null(), Uuid)
    statement = select(
        literal(kind).label("kind"), table.c.id, name.label("name"), key.label("key"), account.label("account_id")
    ).where(table.c.id.in_(ids))
    if "distributor_id" in table.c:
        statement = statement.where(table.c.distributor_id == current_scope().distributor_id)
    return statement


def _storefronts(kind: str, ids: Collection[UUID]) -> Select[Any]:
    """Return the storefronts by their resellers' names; the distributor's own has none."""
    storefronts, accounts = Base.metadata.tables["storefronts"], Base.metadata.tables["accounts"]
    owner = (accounts.c.distributor_id == storefronts.c.distributor_id) & (accounts.c.id == storefronts.c.reseller_id)
    name = func.coalesce(accounts.c.name, "Own storefront")
    return (
        select(
            literal(kind).label("kind"),
            storefronts.c.id,
            name.label("name"),
            cast(storefronts.c.id, String).label("key"),
            accounts.c.id.label("account_id"),
        )
        .select_from(storefronts.outerjoin(accounts, owner))
        .where(storefronts.c.distributor_id == current_scope().distributor_id, storefronts.c.id.in_(ids))
    )


def _url(kind: str, record: _Found, viewer: Viewer) -> str | None:
    if kind in STOREFRONTS or (kind in OF_ACCOUNTS and record.account_id is not None):
        if record.account_id is None or not viewer.holds(Permission.BSS_ACCOUNTS_VIEW):
            return None
        return url_for("bss_accounts.people" if kind == "user" else "bss_accounts.detail", account_id=record.account_id)
    chosen, _, key = record.key.rpartition(":") if kind == PROVIDER else ("", "", record.key)
    place = PLACE_OF[chosen or kind]
    return place.url(key) if viewer.holds(place.sees) else None
