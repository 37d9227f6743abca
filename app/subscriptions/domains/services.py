"""Taking domain names, and letting them go. A claim counts while its order is open or its subscription lives (CB-01)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, and_, delete, or_, select, text
from sqlalchemy.dialects.postgresql import insert

from app.catalogue.characteristics import DOMAIN, domain_name
from app.core.db import session
from app.core.errors import FieldError
from app.core.ids import new_id
from app.subscriptions.domains.models import DomainClaim
from app.subscriptions.models import Subscription
from tenants.context import Reach, current_scope

# Orders stand in a domain above this one: their tables are named, their models are not imported.
_RELEASE = text(
    """
    DELETE FROM domain_claims c
    WHERE c.distributor_id = :here AND (CAST(:name AS varchar) IS NULL OR c.name = :name)
      AND NOT EXISTS (
        SELECT FROM order_items i
        JOIN orders o ON o.distributor_id = i.distributor_id AND o.id = i.order_id
        LEFT JOIN subscriptions s ON s.distributor_id = i.distributor_id AND s.id = i.subscription_id
        WHERE i.distributor_id = c.distributor_id AND i.id = c.order_item_id
          AND o.status <> 'canceled' AND i.delivery_status <> 'canceled'
          AND (s.id IS NULL OR s.status NOT IN ('canceled', 'expired')))
      AND NOT EXISTS (
        SELECT FROM subscriptions s
        WHERE s.distributor_id = c.distributor_id AND s.id = c.subscription_id
          AND s.status NOT IN ('canceled', 'expired'))
    """
)


def take_name(
    name: str, *, order_item_id: UUID | None = None, subscription_id: UUID | None = None, at: datetime
) -> bool:
    """Take a name for a stored order item or subscription; False: somebody has it. Twice is once for the same one.

    Works in every scope: a buyer sees nothing of what others have. In the distributor's a claim that has come to its
    end is let go at once; a buyer waits a minute for the sweep.
    """
    if _insert(name, order_item_id, subscription_id, at):
        return True
    if current_scope().reseller is not Reach.ALL:
        return False
    release_ended(name)
    if _insert(name, order_item_id, subscription_id, at):
        return True
    found = session.scalar(_claim(name))
    return found is not None and (found.order_item_id, found.subscription_id) == (order_item_id, subscription_id)


def is_taken(name: str, *, apart_from: UUID | None = None) -> bool:
    """Whether somebody has a name; `apart_from` an order item of one's own. In the distributor's scope only."""
    release_ended(name)
    found = session.scalar(_claim(name))
    return found is not None and found.order_item_id != apart_from


def contested_by(subscription: Subscription) -> str | None:
    """Return who holds the domain name of a running subscription that does not hold it itself: a code, or "an order".

    Such names were ordered twice before they were claimed; somebody has to look. In the distributor's scope only.
    """
    if not subscription.is_live:
        return None
    try:
        name = domain_name(str(subscription.characteristics.get(DOMAIN) or ""))
    except ValueError:
        return None
    found = session.scalar(_claim(name))
    own = {subscription.id, subscription.order_item_id}
    if found is None or found.subscription_id in own - {None} or found.order_item_id in own - {None}:
        return None
    holder = session.scalar(
        select(Subscription.code).where(
            Subscription.distributor_id == subscription.distributor_id,
            or_(
                Subscription.id == found.subscription_id,
                and_(Subscription.order_item_id.is_not(None), Subscription.order_item_id == found.order_item_id),
            ),
        )
    )
    return holder or "an order"


def drop_names(order_item_id: UUID, *, apart_from: str | None = None) -> None:
    """Let go what an order item had taken: it was removed, or got another name. In the distributor's scope only."""
    statement = delete(DomainClaim).where(
        DomainClaim.distributor_id == current_scope().distributor_id, DomainClaim.order_item_id == order_item_id
    )
    if apart_from is not None:
        statement = statement.where(DomainClaim.name != apart_from)
    session.execute(statement.execution_options(synchronize_session="fetch"))


def release_ended(name: str | None = None) -> int:
    """Let go the names, or one, of orders and subscriptions that have come to their end; returns how many."""
    session.flush()
    result = session.execute(_RELEASE, {"here": current_scope().distributor_id, "name": name})
    return cast("CursorResult[Any]", result).rowcount


def taken(name: str, *, field: str) -> FieldError:
    """Say that a name is somebody's."""
    return FieldError(field, "domain_taken", f"{name} is on order or in use already; choose another name")


def _insert(name: str, order_item_id: UUID | None, subscription_id: UUID | None, at: datetime) -> bool:
    statement = insert(DomainClaim).values(
        distributor_id=current_scope().distributor_id, id=new_id(), name=name,
        order_item_id=order_item_id, subscription_id=subscription_id, created_at=at,
    )  # fmt: skip
    result = session.execute(statement.on_conflict_do_nothing().execution_options(preserve_rowcount=True))
    return cast("CursorResult[Any]", result).rowcount == 1


def _claim(name: str) -> Any:
    return (
        select(DomainClaim)
        .where(DomainClaim.distributor_id == current_scope().distributor_id, DomainClaim.name == name)
        .execution_options(populate_existing=True)
    )
