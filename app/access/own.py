"""Who a page of one's own is about."""

from __future__ import annotations

from uuid import UUID

from app.access.viewer import Viewer
from app.identity.email_change import Requester
from app.identity.realms import credential_realm


def home_realm(viewer: Viewer) -> UUID:
    """Return the realm where the person's password and app are kept: the root for staff at their alias."""
    return credential_realm(viewer.person, viewer.realm_id)


def requester_of(viewer: Viewer) -> Requester:
    """Return who asks, as services of one's own address and password know it."""
    return Requester(viewer.user_id, viewer.realm_id, viewer.session_id, viewer.actor)
