"""Queueing mail: a row is written with the change it tells of; a worker sends it after the commit."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from app.core.db import nudge_after_commit, session
from app.core.ids import new_id
from app.core.queue import Nudge
from app.notifications.jobs import SEND_MAIL
from app.notifications.models import OutboundMail
from tenants.context import current_scope


class MailTemplate(enum.Enum):
    """Every mail the product sends (RS Notifications, SF-54)."""

    STOREFRONT_WELCOME = "storefront_welcome"  # RSN-1
    PLAN_CHANGED = "plan_changed"  # RSN-2
    USER_ACTIVATION = "user_activation"  # RSN-6
    ACTIVATION_DONE = "activation_done"  # RSN-7
    PASSWORD_RESET = "password_reset"  # RSN-8  # noqa: S105 - the name of a mail
    PASSWORD_CHANGED = "password_changed"  # RSN-9  # noqa: S105 - the name of a mail
    ORDER_CONFIRMATION = "order_confirmation"  # RSN-10, N8
    ORDER_AWAITS_APPROVAL = "order_awaits_approval"  # RSN-11
    ORDER_APPROVED = "order_approved"  # RSN-12
    ORDER_DECLINED = "order_declined"  # RSN-13
    SUBSCRIPTION_READY = "subscription_ready"  # RSN-14
    NO_AVAILABLE_CREDIT = "no_available_credit"  # N9
    PROVISIONING_FAILED = "provisioning_failed"  # N15
    PRICES_BELOW_COST = "prices_below_cost"  # RSN-19
    MAIL_SETTINGS_FAIL = "mail_settings_fail"  # RSN-20
    USER_LOCKED = "user_locked"


def queue_mail(
    template: MailTemplate,
    *,
    to_email: str,
    to_name: str = "",
    sender_reseller_id: UUID | None,
    storefront_id: UUID | None,
    fields: Mapping[str, str],
    at: datetime,
) -> UUID:
    """Write one mail to be sent in the name of a reseller, or of the distributor where `sender_reseller_id` is None.

    `storefront_id` is whose address the links stand on and whose look the mail wears. Returns the row's id.
    """
    mail = OutboundMail(
        id=new_id(),
        template=template.value,
        sender_reseller_id=sender_reseller_id,
        storefront_id=storefront_id,
        to_email=to_email,
        to_name=to_name,
        fields=dict(fields),
        next_attempt_at=at,
        created_at=at,
    )
    session.add(mail)
    nudge_after_commit(Nudge(SEND_MAIL, mail.id, current_scope().distributor_id))
    return mail.id
