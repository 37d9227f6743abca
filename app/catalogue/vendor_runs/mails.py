"""Telling the starter that a vendor's definition could not be read (CB-15)."""

from __future__ import annotations

from datetime import datetime

from app.accounts.staff_mails import mail_people
from app.catalogue.vendor_runs.models import VendorRun
from app.core.errors import NotFound
from app.identity.queries import get_user
from app.notifications.services import MailTemplate


def mail_run_failed(run: VendorRun, *, at: datetime) -> None:
    """Queue the mail to whoever started a run that failed."""
    if run.started_by_id is None:
        return
    try:
        starter = get_user(run.started_by_id)
    except NotFound:  # has left meanwhile
        return
    fields = {"manager_name": run.manager_name, "reason": run.message or ""}
    mail_people(MailTemplate.VENDOR_RUN_FAILED, [starter], fields, link=("run_url", f"/vendor-runs/{run.id}"), at=at)
