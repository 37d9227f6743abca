"""Asking a vendor about a service nobody has ordered yet (CB-22). Nothing is changed there, nor is an account made."""

from __future__ import annotations

from uuid import UUID

from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.orders.jobs import PRECHECK
from app.orders.prechecks.models import CheckState
from app.orders.prechecks.services import Precheck, answer, find_precheck
from app.provisioning.access import access_to
from app.provisioning.account_links import at_vendor
from app.provisioning.claims import RecordedCall, record_calls
from workers.connectors.base import Connector, ConnectorRejected, ConnectorUnavailable
from workers.connectors.registry import CONNECTORS, UnknownConnectorKind
from workers.runtime import scoped_job
from workers.vendor_access import open_connector
from workers.vendor_calls import checked_request

SECONDS_FOR_ALL = 40


@scoped_job(PRECHECK)
def precheck(check_id: UUID) -> None:
    """Ask whether it could be ordered, and keep the answer. Safe to run twice: an answered check is not asked again."""
    with unit_of_work():
        asked = find_precheck(check_id)
        if asked is None:
            return
        access = access_to(asked.manager_id)
        reference = _reference(asked) if access.synchronises_accounts else asked.picture.account.code
    calls: list[RecordedCall] = []
    state, words = CheckState.UNANSWERED, ""
    if access.is_active and access.has_precheck:
        try:
            connector: Connector = open_connector(access, calls, seconds_for_all=SECONDS_FOR_ALL, connectors=CONNECTORS)
            connector.check(checked_request(asked.picture, check_id=asked.id, account_reference=reference))
        except ConnectorUnavailable:
            pass
        except ConnectorRejected as refusal:
            # Of an account it does not know yet a vendor may refuse anything: that tells nothing of the name.
            if reference is not None:
                state, words = CheckState.REFUSED, refusal.reason
        except (UnknownConnectorKind, ValueError):  # how it is set up here: nothing a buyer could change
            pass
        else:
            state = CheckState.PASSED
    with unit_of_work():
        record_calls(None, asked.manager_id, calls)
        answer(check_id, state, words=words, at=utc_now())


def _reference(asked: Precheck) -> str | None:
    """Return what the receiver is called at the vendor, where it is known there."""
    link = at_vendor(asked.manager_id, asked.picture.account.account_id).link
    return link.vendor_reference if link is not None else None
