"""Telling operators that what they were told had failed is done after all (CB-22).

The customer hears nothing: to them it was never more than a delay.
"""

from __future__ import annotations

from datetime import datetime

from app.accounts.services import root_storefront_id
from app.identity.recipients import OPERATES, emails_with_right
from app.notifications.services import About, AboutKind, MailTemplate, queue_mail
from app.provisioning.models import ProvisioningTask
from tenants.context import current_scope
from tenants.links import NoAddress, bss_url
from tenants.settings import distributor_settings


def failure_told(task: ProvisioningTask, *, at: datetime) -> None:
    """Remember that people were told of a failure, so that they hear of its end, too."""
    task.failure_told_at = at


def tell_recovered(task: ProvisioningTask, *, at: datetime) -> None:
    """Mail who was told of a task's failure that it is done, once. Nothing where nobody was told."""
    if task.failure_told_at is None:
        return
    task.failure_told_at = None
    manager = distributor_settings().account_manager_email
    try:
        url = bss_url(current_scope().distributor_id, f"/provisioning/tasks/{task.id}")
    except NoAddress:
        url = ""
    account = (task.request.get("account") or {}).get("name", "")
    what = f"{task.kind.value.capitalize()} {task.request.get('product_name', '')} for {account}"
    addresses = [*emails_with_right(OPERATES), *([manager] if manager else [])]
    for address in dict.fromkeys(each.lower() for each in addresses):
        queue_mail(
            MailTemplate.WORK_RECOVERED,
            to_email=address,
            sender_reseller_id=None,
            storefront_id=root_storefront_id(),
            fields={"count": "1", "matters": what, "queue_url": url},
            about=About(AboutKind.TASK, task.id),
            at=at,
        )
