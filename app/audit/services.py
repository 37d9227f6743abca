"""Recording who did what. Rows are inserted plain; the scope that inserts them cannot read them back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.audit.models import AuditEvent, ResellerAuditEvent
from app.audit.origin import LONGEST_AGENT, current_origin
from app.core.db import session
from tenants.context import Reach, current_scope, reseller_scope, scope

LONGEST_NAME = 201
# What a storefront's people see elsewhere, in the order's own history: one row less for whoever orders.
SEEN_ELSEWHERE = frozenset({"order.placed", "order.drafted", "order.submitted"})


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person, or the system where `user_id` is None."""

    user_id: UUID | None
    name: str
    reseller_id: UUID | None = None
    address: str | None = None  # IP address of the request
    request_id: str | None = None


SYSTEM = Actor(None, "System")


def record(
    action: str,
    *,
    actor: Actor,
    at: datetime,
    target_kind: str | None = None,
    target_id: UUID | None = None,
    account_id: UUID | None = None,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Add an audit event in the transaction of the change it tells of. Values are stored as text; never secrets.

    `account_id`: whom it concerns, where the target alone does not say so and it is recorded in the distributor's scope.
    What a reseller's people do in its scope stands in the reseller's own trail, too (RS-32).
    """
    here, origin = current_scope(), current_origin()
    values: dict[str, Any] = {
        "at": at,
        "action": action,
        "actor_id": actor.user_id,
        "actor_name": actor.name[:LONGEST_NAME],
        "target_kind": target_kind,
        "target_id": target_id,
        "address": actor.address or origin.address,
        "before": {key: str(value) for key, value in (before or {}).items()},
        "after": {key: str(value) for key, value in (after or {}).items()},
    }
    session.add(
        AuditEvent(
            **values,
            actor_reseller_id=actor.reseller_id,
            account_id=account_id or here.account_id or here.reseller_id,
            channel=origin.channel.value,
            user_agent=(origin.user_agent or "")[:LONGEST_AGENT] or None,
            request_id=actor.request_id or origin.request_id,
        )
    )
    if here.reseller_id is not None and here.account is Reach.ALL and action not in SEEN_ELSEWHERE:
        session.add(ResellerAuditEvent(reseller_id=here.reseller_id, **values))


def tell_reseller(
    reseller_id: UUID,
    action: str,
    *,
    at: datetime,
    target_kind: str | None = None,
    target_id: UUID | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Put into a reseller's own trail what befell it in the distributor's scope: its plan, its storefront (RS-32).

    Nobody of the distributor is named in it, and nothing else of the distributor's event.
    """
    with scope(reseller_scope(current_scope().distributor_id, reseller_id)):
        session.add(
            ResellerAuditEvent(
                reseller_id=reseller_id,
                at=at,
                action=action,
                actor_name=None,
                target_kind=target_kind,
                target_id=target_id,
                before={},
                after={key: str(value) for key, value in (after or {}).items()},
            )
        )
