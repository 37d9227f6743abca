"""Mails about registrations: to the storefront's owner, and to who registered (SF-04, SF-05)."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select

from app.accounts.registration.models import Registration, RegistrationRequest
from app.accounts.services import root_storefront_id
from app.core.db import session
from app.identity.mails import owner_name, realm_url
from app.identity.models import UserStatus, UserType
from app.identity.permissions import Permission, StorefrontRole
from app.identity.queries import UserFilter, list_users
from app.identity.recipients import emails_with_right
from app.notifications.models import OutboundMail
from app.notifications.services import About, AboutKind, MailTemplate, queue_mail
from tenants.links import bss_url, storefront_url
from tenants.settings import distributor_settings

MOST_A_DAY = 5  # to one address (SF-04)


def ask_owner(registration: Registration, *, at: datetime) -> None:
    """Tell who may decide that somebody waits: a reseller's Admins and storefront managers, or the distributor."""
    if registration.reseller_id is None:
        manager = distributor_settings().account_manager_email
        addresses = [manager] if manager else emails_with_right(Permission.BSS_ACCOUNTS_EDIT)
        url = bss_url(registration.distributor_id, f"/registrations/{registration.id}")
    else:
        addresses = [
            user.email
            for user in list_users(registration.reseller_id, UserFilter(status=UserStatus.ACTIVE))
            if user.type is UserType.ADMIN or StorefrontRole.STOREFRONT_MANAGER.value in user.roles
        ]
        url = storefront_url(registration.storefront_id, f"/manage/registrations/{registration.id}")
    for address in dict.fromkeys(address.lower() for address in addresses):
        queue_mail(
            MailTemplate.REGISTRATION_REQUEST,
            to_email=address,
            sender_reseller_id=None,
            storefront_id=root_storefront_id(),
            fields={
                "applicant_name": registration.full_name,
                "company": registration.company,
                "email": registration.email,
                "registration_url": url,
            },
            about=About(AboutKind.REGISTRATION, registration.id),
            at=at,
        )


def tell_rejected(request: RegistrationRequest, *, at: datetime) -> None:
    """Tell an applicant that there will be no account."""
    _to_applicant(
        MailTemplate.REGISTRATION_REJECTED, request, {"company_name": owner_name(request.storefront_id)}, at=at
    )


def tell_known(request: RegistrationRequest, *, at: datetime) -> None:
    """Tell the holder of an address that it is known here. Nothing of it is what the visitor typed."""
    fields = {
        "company_name": owner_name(request.storefront_id),
        "login_url": realm_url(request.storefront_id, "/login"),
    }
    _to_applicant(MailTemplate.ACCOUNT_EXISTS, request, fields, at=at)


def has_had_enough(request: RegistrationRequest, *, at: datetime) -> bool:
    """Whether the address got its mails of the day already: nobody fills another's mailbox."""
    count = session.scalar(
        select(func.count())
        .select_from(OutboundMail)
        .where(
            OutboundMail.distributor_id == request.distributor_id,
            OutboundMail.storefront_id == request.storefront_id,
            OutboundMail.to_email == request.email,
            OutboundMail.template.in_((MailTemplate.ACCOUNT_EXISTS.value, MailTemplate.USER_ACTIVATION.value)),
            OutboundMail.created_at > at - timedelta(days=1),
        )
    )
    return (count or 0) >= MOST_A_DAY


def _to_applicant(
    template: MailTemplate, request: RegistrationRequest, fields: dict[str, str], *, at: datetime
) -> None:
    queue_mail(
        template,
        to_email=request.email,
        sender_reseller_id=request.reseller_id,
        storefront_id=request.storefront_id,
        fields=fields,
        about=About(AboutKind.REGISTRATION, request.id),
        at=at,
    )
