"""Best sellers of each storefront, counted once a night (SF-07)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.core.clock import utc_now
from app.core.db import nudge_after_commit, unit_of_work
from app.core.queue import Nudge
from app.orders.jobs import COUNT_POPULAR
from app.orders.popularity import count_popular, shops_to_count
from tenants.context import current_scope
from workers.runtime import scoped_job


@scoped_job(COUNT_POPULAR)
def count_popular_products(_distributor_id: UUID) -> None:
    """Count the storefronts of a distributor anew, each in a transaction of its own; run again, it changes nothing."""
    at = utc_now()
    with unit_of_work():
        shops = shops_to_count(at)
    for shop in shops:
        with unit_of_work():
            count_popular(shop, at=at)


def nudge_popularity(_at: datetime) -> None:
    """Once a day, whenever the workers began."""
    distributor_id = current_scope().distributor_id
    nudge_after_commit(Nudge(COUNT_POPULAR, distributor_id, distributor_id))
