"""Telling the starter that a vendor's definition could not be read (CB-15)."""

from __future__ import annotations

from datetime import datetime

from app.accounts.services import root_storefront_id
from app.catalogue.vendor_runs.models import VendorRun
from app.core.errors import NotFound
from app.identity.queries import get_user
from app.notifications.services import MailTemplate, queue_mail
from tenants.context import current_scope
from tenants.links import NoAddress, bss_url


def mail_run_failed(run: VendorRun, *, at: datetime) -> None:
    """Queue the mail to whoever started a run that failed."""
    if run.started_by_id is None:
        return
    try:
        starter = get_user(run.started_by_id)
    except NotFound:  # has left meanwhile
        return
    try:
        url = bss_url(current_scope().distributor_id, f"/vendor-runs/{run.id}")
    except NoAddress:
        url = ""
    queue_mail(
        MailTemplate.VENDOR_RUN_FAILED,
        to_email=starter.email,
        to_name=starter.full_name,
        sender_reseller_id=None,
        storefront_id=root_storefront_id(),
        fields={"manager_name": run.manager_name, "reason": run.message or "", "run_url": url},
        about=None,
        at=at,
    )
