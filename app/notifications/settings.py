"""A storefront owner's mail settings and changes to mails (RS-17). Secrets are write-only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select

from app.audit.services import Actor, record
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.core.secrets import decrypt, encrypt
from app.notifications.models import MailSettings, MailTemplateSettings
from app.notifications.smtp import ENCRYPTIONS, MailServer, is_private
from app.notifications.templates import FACTS, MailTemplate
from tenants.context import current_scope

LAST_PORT = 65_535
MOST_EXTRA_RECIPIENTS = 5
MOST_SUBJECT = 200


@dataclass(frozen=True, slots=True)
class NewMailSettings:
    """What the form asks for; an empty password keeps the stored one."""

    sender_name: str
    sender_email: str
    host: str
    port: int
    encryption: str
    username: str | None = None
    password: str | None = None


def is_address(text: str) -> bool:
    """Return whether a text is an e-mail address of at most 254 characters; no server is asked."""
    try:
        validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return False
    return True


def find_mail_settings(reseller_id: UUID | None) -> MailSettings | None:
    """Return the stored settings of the scope's storefront owner."""
    found: MailSettings | None = session.scalar(
        select(MailSettings).where(
            MailSettings.distributor_id == current_scope().distributor_id,
            MailSettings.reseller_id.is_not_distinct_from(reseller_id),
        )
    )
    return found


def checked_server(entered: NewMailSettings, *, reseller_id: UUID | None, allowed_private: Collection[str]) -> MailServer:
    """Return the server a form describes, with the stored password where none was typed; raises Invalid.

    Codes: required, email, port_range, choice, host_not_allowed. `allowed_private` holds host:port texts.
    """
    errors = []
    if not entered.sender_name.strip():
        errors.append(FieldError("sender_name", "required", "Enter the name people see as sender"))
    if not is_address(entered.sender_email):
        errors.append(FieldError("sender_email", "email", "Enter an e-mail address, such as shop@example.com"))
    if not entered.host.strip():
        errors.append(FieldError("host", "required", "Enter the name of your mail server"))
    if not 1 <= entered.port <= LAST_PORT:
        errors.append(FieldError("port", "port_range", "Enter a port between 1 and 65535"))
    if entered.encryption not in ENCRYPTIONS:
        errors.append(FieldError("encryption", "choice", "Choose SSL or TLS"))
    is_allowed = f"{entered.host}:{entered.port}" in allowed_private
    if not errors and not is_allowed and (entered.encryption == "none" or is_private(entered.host)):
        errors.append(FieldError("host", "host_not_allowed", "This mail server cannot be used from here"))
    if errors:
        raise Invalid(*errors)
    stored = find_mail_settings(reseller_id)
    kept = stored.password_encrypted if stored is not None else None
    password = entered.password or (decrypt(kept) if kept else None)
    return MailServer(
        entered.host.strip(),
        entered.port,
        entered.encryption,
        entered.username or None,
        password,
        entered.sender_name.strip(),
        entered.sender_email.strip(),
    )


def save_mail_settings(server: MailServer, *, reseller_id: UUID | None, actor: Actor, at: datetime) -> None:
    """Store checked settings in the owner's scope; mail goes out through them from now on."""
    stored = find_mail_settings(reseller_id)
    if stored is None:
        stored = MailSettings(reseller_id=reseller_id)
        session.add(stored)
    stored.sender_name, stored.sender_email = server.sender_name, server.sender_email
    stored.host, stored.port, stored.encryption = server.host, server.port, server.encryption
    stored.username = server.username
    stored.password_encrypted = encrypt(server.password) if server.password else None
    stored.failures_in_a_row = 0
    stored.updated_at = at
    record("mail_settings.saved", actor=actor, at=at, after={"host": server.host, "sender": server.sender_email})


def template_settings(reseller_id: UUID | None) -> dict[MailTemplate, MailTemplateSettings]:
    """Return the changes the scope's storefront owner has made to mails."""
    rows = session.scalars(
        select(MailTemplateSettings).where(
            MailTemplateSettings.distributor_id == current_scope().distributor_id,
            MailTemplateSettings.reseller_id.is_not_distinct_from(reseller_id),
        )
    )
    return {MailTemplate(row.template): row for row in rows}


@dataclass(frozen=True, slots=True)
class TemplateChange:
    """What somebody wants a mail to say, and who else gets it; None keeps our words."""

    is_enabled: bool = True
    subject: str | None = None
    body_html: str | None = None  # already sanitised by the caller
    extra_recipients: Sequence[str] = ()
    used_fields: Collection[str] = ()  # merge fields found in subject and body


def save_template(
    template: MailTemplate, change: TemplateChange, *, reseller_id: UUID | None, actor: Actor, at: datetime
) -> None:
    """Store an owner's changes to one mail; raises Invalid.

    Codes: unknown_merge_field, cannot_switch_off, too_many, email, length.
    """
    facts = FACTS[template]
    errors = []
    unknown = sorted(set(change.used_fields) - set(facts.fields))
    if unknown:
        words = ", ".join("{{" + name + "}}" for name in unknown)
        errors.append(FieldError("body_html", "unknown_merge_field", f"This mail has no field {words}"))
    if facts.is_required and not change.is_enabled:
        errors.append(FieldError("is_enabled", "cannot_switch_off", "Nobody can sign in without this mail"))
    if len(change.extra_recipients) > MOST_EXTRA_RECIPIENTS:
        errors.append(FieldError("extra_recipients", "too_many", "Enter at most 5 further recipients"))
    errors += [
        FieldError("extra_recipients", "email", f"{address} is not an e-mail address")
        for address in change.extra_recipients
        if not is_address(address)
    ]
    if change.subject and len(change.subject) > MOST_SUBJECT:
        errors.append(FieldError("subject", "length", "Use at most 200 characters"))
    if errors:
        raise Invalid(*errors)
    stored = template_settings(reseller_id).get(template)
    if stored is None:
        stored = MailTemplateSettings(reseller_id=reseller_id, template=template.value)
        session.add(stored)
    stored.is_enabled = change.is_enabled
    stored.subject = change.subject or None
    stored.body_html = change.body_html or None
    stored.extra_recipients = list(change.extra_recipients)
    record("mail_template.saved", actor=actor, at=at, after={"template": template.value})
