"""The distributor's day: what BSS means by "today" and by the days of a filter."""

from __future__ import annotations

from datetime import date

from app.core.clock import local_date, utc_now
from app.core.db import session
from tenants.context import current_scope
from tenants.models import Distributor


def distributor() -> Distributor:
    """Return the distributor whose back office this is."""
    return session.get_one(Distributor, current_scope().distributor_id)


def distributor_zone() -> str:
    """Return the distributor's IANA time zone."""
    return distributor().time_zone


def distributor_today() -> date:
    """Return the calendar day where the distributor is."""
    return local_date(utc_now(), distributor_zone())
