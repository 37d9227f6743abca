"""SAML providers are looked after here: their metadata is read again each day, outside any transaction (SF-14, BC-27)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.access.outside import GuardedOutside
from app.core.clock import utc_now
from app.core.db import nudge_after_commit, unit_of_work
from app.core.queue import Nudge
from app.identity.oidc.ports import Outside, OutsideFailed
from app.identity.saml.jobs import LOOK_AFTER_PROVIDERS
from app.identity.saml.refresh import due_providers, note_failure, realms_to_look_after, take_over, tell_of_expiry
from tenants.context import current_scope
from workers.runtime import scoped_job


@scoped_job(LOOK_AFTER_PROVIDERS)
def look_after_providers(realm_id: UUID) -> None:
    """Look after the providers of one realm; a second run within a day finds nothing to do."""
    read_again(realm_id, GuardedOutside(), at=utc_now())


def read_again(realm_id: UUID, outside: Outside, *, at: datetime) -> None:
    """Read what is due and tell owners what they have to know, provider by provider."""
    with unit_of_work():
        due = due_providers(realm_id, at=at)
    for each in due:
        if each.url is not None:
            _read(realm_id, each.provider_id, each.url, outside, at)
        with unit_of_work():
            tell_of_expiry(realm_id, each.provider_id, at=at)


def _read(realm_id: UUID, provider_id: UUID, url: str, outside: Outside, at: datetime) -> None:
    try:
        text = outside.get_text(url)
    except OutsideFailed as error:
        with unit_of_work():
            note_failure(realm_id, provider_id, error.reason, at=at)
        return
    with unit_of_work():
        take_over(realm_id, provider_id, text, at=at)


def nudge_providers(at: datetime) -> None:
    """Ask for every realm with a provider that nobody has looked after for a day."""
    distributor_id = current_scope().distributor_id
    for realm_id in realms_to_look_after(at):
        nudge_after_commit(Nudge(LOOK_AFTER_PROVIDERS, realm_id, distributor_id))
