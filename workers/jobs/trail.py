"""Forgetting what storefront owners were shown for a time: their trails, their mail logs (RS-17, RS-32)."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from app.audit.own import expire_own
from app.core.db import session
from app.notifications.delivery import forget_log
from tenants.context import current_scope, direct_business_scope, reseller_scope, scope
from tenants.models import Storefront

TRAIL_KEPT = timedelta(days=730)  # 24 months
RESELLERS_MAIL_KEPT, OWN_MAIL_KEPT = timedelta(days=90), timedelta(days=180)


def forget_old(at: datetime) -> None:
    """What resellers' people did 24 months ago, mails of 90 days ago, and the distributor's own of 180."""
    here = current_scope().distributor_id
    owners = session.scalars(select(Storefront.reseller_id).where(Storefront.distributor_id == here)).all()
    for reseller_id in owners:
        if reseller_id is None:
            continue
        with scope(reseller_scope(here, reseller_id)):
            expire_own(at - TRAIL_KEPT)
            forget_log(at - RESELLERS_MAIL_KEPT)
    with scope(direct_business_scope(here)):
        forget_log(at - OWN_MAIL_KEPT)
