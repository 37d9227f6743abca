"""What a company's Admins are told of its own sign-in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from app.core.db import session
from app.identity.companies.queries import CUSTOMERS, Company
from app.identity.mails import mail_person, realm_url
from app.identity.models import SignInName, UserStatus, UserType
from app.identity.realms import open_realm
from app.notifications.templates import MailTemplate
from tenants.context import current_scope

PAGE = "/account/single-sign-on"


def tell_admins(company: Company, what: str, *, at: datetime) -> None:
    """Mail all active Admins of a company; they are found by their sign-in names, which another company's check may read."""
    with open_realm(company.realm_id):
        admins = session.scalars(
            select(SignInName)
            .where(
                SignInName.distributor_id == current_scope().distributor_id,
                SignInName.realm_id == company.realm_id,
                SignInName.account_id == company.account_id,
                SignInName.kind.in_(CUSTOMERS),
                SignInName.type == UserType.ADMIN,
                SignInName.status == UserStatus.ACTIVE,
            )
            .order_by(SignInName.email)
        ).all()
    for admin in admins:
        mail_person(
            MailTemplate.COMPANY_SIGN_IN,
            company.realm_id,
            email=admin.email,
            full_name=admin.full_name,
            fields={"what_changed": what, "sign_in_url": realm_url(company.realm_id, PAGE)},
            user_id=admin.user_id,
            at=at,
        )
