"""Look and home page of a storefront: edited as a draft, previewed, published, restored (RS-15).

A draft is seen by its editors only. What was published before stays as a version; the last five can be brought back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select

from app.audit.services import Actor, record
from app.core.db import session
from app.core.errors import Conflict, Invalid, NotFound
from app.resellers.look_rules import LookSettings, look_errors, tidy_look
from tenants.context import current_scope
from tenants.models import StorefrontDraft
from tenants.settings import (
    StorefrontSettings,
    from_values,
    save_storefront_settings,
    settings_for_change,
    storefront_settings,
    to_values,
)

KEPT_VERSIONS = 5


class NoDraft(Conflict):
    """There is nothing to publish: no draft, or somebody else has just published it."""

    code = "no_draft"

    def __init__(self) -> None:
        super().__init__("There are no changes to publish")


class NoSuchVersion(NotFound):
    """The version is not one of the last five."""

    def __init__(self, version_id: UUID) -> None:
        super().__init__("There is no such version")
        self.version_id = version_id


@dataclass(frozen=True, slots=True)
class EditedLook:
    """The look as its editors see it: the draft, or what is published where there is none."""

    look: LookSettings
    is_draft: bool
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LookVersion:
    """A look that was published once."""

    id: UUID
    look: LookSettings
    until: datetime  # when it was replaced
    replaced_by_id: UUID | None


def look_of(settings: StorefrontSettings) -> LookSettings:
    """Return the part of a storefront's settings that is its look."""
    return LookSettings(**{each.name: getattr(settings, each.name) for each in fields(LookSettings)})


def wearing(settings: StorefrontSettings, look: LookSettings) -> StorefrontSettings:
    """Return a storefront's settings with another look."""
    return replace(settings, **{each.name: getattr(look, each.name) for each in fields(LookSettings)})


def edited_look(storefront_id: UUID) -> EditedLook:
    """Return what the editors of a storefront see, in its owner's scope."""
    row = _draft(storefront_id)
    if row is None:
        return EditedLook(look_of(storefront_settings(storefront_id)), is_draft=False)
    return EditedLook(from_values(LookSettings, row.values), is_draft=True, changed_at=row.created_at)


def save_draft(
    storefront_id: UUID, look: LookSettings, *, reseller_id: UUID | None, actor: Actor, at: datetime
) -> LookSettings:
    """Store a draft in the owner's scope; visitors see nothing of it. Raises Invalid with every field that is wrong.

    Codes: choice, color_format, length, too_many, required, link_scheme, range. HTML of sections is sanitised.
    """
    if errors := tuple(look_errors(look)):
        raise Invalid(*errors)
    tidy = tidy_look(look)
    settings_for_change(storefront_id)  # one editor after the other
    row = _draft(storefront_id)
    if row is None:
        row = StorefrontDraft(
            reseller_id=reseller_id, storefront_id=storefront_id, is_draft=True, values={}, created_at=at
        )
        session.add(row)
    row.values, row.created_by_id, row.created_at = to_values(tidy), actor.user_id, at
    session.flush()
    return tidy


def discard_draft(storefront_id: UUID) -> None:
    """Forget a draft; what is published stays."""
    row = _draft(storefront_id)
    if row is not None:
        session.delete(row)


def publish(storefront_id: UUID, *, reseller_id: UUID | None, actor: Actor, at: datetime) -> int:
    """Show the draft to everybody and keep what was there as a version; return the settings' version. Raises NoDraft."""
    before = settings_for_change(storefront_id)
    row = _draft(storefront_id)
    if row is None:
        raise NoDraft
    look: LookSettings = from_values(LookSettings, row.values)
    session.delete(row)
    return _show(storefront_id, before, look, reseller_id=reseller_id, actor=actor, at=at)


def restore(storefront_id: UUID, version_id: UUID, *, reseller_id: UUID | None, actor: Actor, at: datetime) -> int:
    """Show an earlier look again; the one it replaces becomes a version, so that this can be undone.

    A draft is left as it is. Raises NoSuchVersion.
    """
    before = settings_for_change(storefront_id)
    row = session.scalar(
        select(StorefrontDraft).where(
            StorefrontDraft.distributor_id == current_scope().distributor_id,
            StorefrontDraft.storefront_id == storefront_id,
            StorefrontDraft.is_draft.is_(False),
            StorefrontDraft.id == version_id,
        )
    )
    if row is None:
        raise NoSuchVersion(version_id)
    look: LookSettings = from_values(LookSettings, row.values)
    session.delete(row)
    return _show(storefront_id, before, look, reseller_id=reseller_id, actor=actor, at=at)


def list_versions(storefront_id: UUID) -> Sequence[LookVersion]:
    """Return the looks that can be brought back, the latest first."""
    rows = session.scalars(
        select(StorefrontDraft)
        .where(
            StorefrontDraft.distributor_id == current_scope().distributor_id,
            StorefrontDraft.storefront_id == storefront_id,
            StorefrontDraft.is_draft.is_(False),
        )
        .order_by(StorefrontDraft.created_at.desc(), StorefrontDraft.id.desc())
        .limit(KEPT_VERSIONS)
    )
    return [
        LookVersion(row.id, from_values(LookSettings, row.values), row.created_at, row.created_by_id) for row in rows
    ]


def _show(
    storefront_id: UUID,
    before: StorefrontSettings,
    look: LookSettings,
    *,
    reseller_id: UUID | None,
    actor: Actor,
    at: datetime,
) -> int:
    session.add(
        StorefrontDraft(
            reseller_id=reseller_id,
            storefront_id=storefront_id,
            is_draft=False,
            values=to_values(look_of(before)),
            created_by_id=actor.user_id,
            created_at=at,
        )
    )
    session.flush()
    _forget_old_versions(storefront_id)
    version = save_storefront_settings(storefront_id, wearing(before, look), reseller_id=reseller_id, at=at)
    changed = [name for name, value in asdict(look).items() if value != asdict(look_of(before))[name]]
    record(
        "storefront.published", actor=actor, at=at, target_kind="storefront", target_id=storefront_id,
        after={"changed": ", ".join(changed)},
    )  # fmt: skip
    return version


def _forget_old_versions(storefront_id: UUID) -> None:
    kept = [version.id for version in list_versions(storefront_id)]
    session.execute(
        delete(StorefrontDraft).where(
            StorefrontDraft.distributor_id == current_scope().distributor_id,
            StorefrontDraft.storefront_id == storefront_id,
            StorefrontDraft.is_draft.is_(False),
            StorefrontDraft.id.not_in(kept),
        )
    )


def _draft(storefront_id: UUID) -> StorefrontDraft | None:
    return session.scalar(
        select(StorefrontDraft).where(
            StorefrontDraft.distributor_id == current_scope().distributor_id,
            StorefrontDraft.storefront_id == storefront_id,
            StorefrontDraft.is_draft,
        )
    )
