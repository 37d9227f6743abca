"""Domains of customer companies are looked at in DNS here, once a day and oftener while they are new (GO-14)."""

from __future__ import annotations

import logging
from datetime import datetime
from uuid import UUID

from app.core.clock import utc_now
from app.core.db import nudge_after_commit, unit_of_work
from app.core.queue import Nudge
from app.core.txt_records import DnsSilent, txt_records
from app.identity.companies.checks import claim_check, due_checks, settle_check
from app.identity.companies.jobs import CHECK_DOMAIN
from tenants.context import current_scope
from workers.runtime import scoped_job

log = logging.getLogger(__name__)
MOST = 200  # nudged at a time


@scoped_job(CHECK_DOMAIN)
def check_domain(check_id: UUID) -> None:
    """Look for one domain's record. A second run finds nothing due; silent name servers are asked again in an hour."""
    with unit_of_work():
        due = claim_check(check_id, at=utc_now())
    if due is None:
        return
    found: frozenset[str] | None = None
    try:
        found = txt_records().of(due.record.name)
    except DnsSilent as silent:
        log.warning("dns_silent", extra={"reason": str(silent)})
    with unit_of_work():
        settle_check(check_id, found, at=utc_now())


def nudge_domain_checks(at: datetime) -> None:
    """Domains whose time has come."""
    distributor_id = current_scope().distributor_id
    for check_id in due_checks(at, limit=MOST):
        nudge_after_commit(Nudge(CHECK_DOMAIN, check_id, distributor_id))
