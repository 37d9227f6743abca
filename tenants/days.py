"""The distributor's calendar: the day that periods, due dates and schedules are told by (CB-00)."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import select

from app.core.clock import local_date
from app.core.db import session
from tenants.context import current_scope
from tenants.models import Distributor


def distributors_day(at: datetime) -> date:
    """Return the calendar day of an instant where the scope's distributor is."""
    zone = session.scalar(select(Distributor.time_zone).where(Distributor.id == current_scope().distributor_id))
    return local_date(at, zone or "UTC")
