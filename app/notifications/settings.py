"""A storefront owner's mail settings and changes to mails (RS-17). Secrets are write-only."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import nh3
from cryptography.fernet import InvalidToken
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select

from app.audit.changes import changes_of
from app.audit.services import Actor, record
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.core.secrets import decrypt, encrypt
from app.notifications.facts import FACTS
from app.notifications.models import MailSettings, MailTemplateSettings
from app.notifications.smtp import ENCRYPTIONS, MailServer, is_private
from app.notifications.templates import SECRET_FIELDS, MailTemplate
from tenants.context import current_scope

LAST_PORT = 65_535
MOST_EXTRA_RECIPIENTS = 5
MOST_SUBJECT = 200
MOST_BODY = 50_000
BRACED = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


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
    return text.isascii()  # others need mail servers with SMTPUTF8


def find_mail_settings(reseller_id: UUID | None) -> MailSettings | None:
    """Return the stored settings of the scope's storefront owner."""
    found: MailSettings | None = session.scalar(
        select(MailSettings).where(
            MailSettings.distributor_id == current_scope().distributor_id,
            MailSettings.reseller_id.is_not_distinct_from(reseller_id),
        )
    )
    return found


def checked_server(
    entered: NewMailSettings, *, reseller_id: UUID | None, allowed_private: Collection[str]
) -> MailServer:
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
    stored = find_mail_settings(reseller_id)
    kept = stored.password_encrypted if stored is not None else None
    if kept and not entered.password and stored is not None and stored.host != entered.host.strip():
        # Else the stored password could be read by whoever runs the new server.
        errors.append(FieldError("password", "required", "Enter the password again: the mail server has changed"))
    if errors:
        raise Invalid(*errors)
    password = entered.password or (decrypt(kept) if kept else None)
    return MailServer(
        entered.host.strip(),
        entered.port,
        entered.encryption,
        (entered.username or "").strip() or (entered.sender_email.strip() if password else None),
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
    if not _is_password(stored, server.password):  # written anew it would look another
        stored.password_encrypted = encrypt(server.password) if server.password else None
    stored.failures_in_a_row = 0
    stored.updated_at = at
    before, after = changes_of(stored)
    record("mail_settings.saved", actor=actor, at=at, before=before, after=after)


def _is_password(stored: MailSettings, password: str | None) -> bool:
    """Whether it is the stored one; not where the installation's key has changed since."""
    if not stored.password_encrypted:
        return not password
    try:
        return decrypt(stored.password_encrypted) == password
    except InvalidToken:
        return False


def template_settings(reseller_id: UUID | None) -> dict[MailTemplate, MailTemplateSettings]:
    """Return the changes the scope's storefront owner has made to mails."""
    rows = session.scalars(
        select(MailTemplateSettings).where(
            MailTemplateSettings.distributor_id == current_scope().distributor_id,
            MailTemplateSettings.reseller_id.is_not_distinct_from(reseller_id),
        )
    )
    return {MailTemplate(row.template): row for row in rows}


def is_switched_on(template: MailTemplate, reseller_id: UUID | None) -> bool:
    """Whether an owner lets a mail go out, as far as the scope may know."""
    changed = template_settings(reseller_id).get(template)
    return changed is None or changed.is_enabled


@dataclass(frozen=True, slots=True)
class TemplateChange:
    """What somebody wants a mail to say, and who else gets it; None keeps our words."""

    is_enabled: bool = True
    subject: str | None = None
    body_html: str | None = None  # sanitised when it is stored, and again when it is sent
    extra_recipients: Sequence[str] = ()


def takes_copies(template: MailTemplate) -> bool:
    """Whether others may get a mail too: never one whose link lets its reader in."""
    return not SECRET_FIELDS & set(FACTS[template].fields)


def save_template(
    template: MailTemplate, change: TemplateChange, *, reseller_id: UUID | None, actor: Actor, at: datetime
) -> None:
    """Store an owner's changes to one mail; raises Invalid.

    Codes: unknown_merge_field, cannot_switch_off, no_copies, too_many, email, length.
    """
    if errors := tuple(template_errors(template, change)):
        raise Invalid(*errors)
    stored = template_settings(reseller_id).get(template)
    if stored is None:
        stored = MailTemplateSettings(reseller_id=reseller_id, template=template.value)
        session.add(stored)
    stored.is_enabled = change.is_enabled
    stored.subject = (change.subject or "").strip() or None
    stored.body_html = clean_body(change.body_html)
    stored.extra_recipients = list(change.extra_recipients)
    before, after = changes_of(stored)
    record("mail_template.saved", actor=actor, at=at, before=before, after={**after, "template": template.value})


def reset_template(template: MailTemplate, *, reseller_id: UUID | None, actor: Actor, at: datetime) -> None:
    """Forget an owner's changes to one mail: our words, switched on, nobody else gets it."""
    stored = template_settings(reseller_id).get(template)
    if stored is not None:
        session.delete(stored)
        record("mail_template.reset", actor=actor, at=at, after={"template": template.value})


def clean_body(body_html: str | None) -> str | None:
    """Return an owner's words without what could run; merge fields in links stay as they were typed."""
    return nh3.clean(body_html or "").strip() or None


def template_errors(template: MailTemplate, change: TemplateChange) -> Iterator[FieldError]:
    """Return all that is wrong with an owner's changes to one mail."""
    facts = FACTS[template]
    for field, words in (("subject", change.subject), ("body_html", change.body_html)):
        unknown = [name for name in _merge_fields(words or "") if name not in facts.fields]
        if unknown:
            named = ", ".join("{{" + name + "}}" for name in dict.fromkeys(unknown))
            yield FieldError(field, "unknown_merge_field", f"This mail has no field {named}")
    if facts.is_required and not change.is_enabled:
        yield FieldError("is_enabled", "cannot_switch_off", "Nobody can sign in without this mail")
    if change.extra_recipients and not takes_copies(template):
        yield FieldError(
            "extra_recipients", "no_copies", "This mail holds a link that lets its reader in; nobody else may get it"
        )
    if len(change.extra_recipients) > MOST_EXTRA_RECIPIENTS:
        yield FieldError("extra_recipients", "too_many", "Enter at most 5 further recipients")
    for address in change.extra_recipients:
        if not is_address(address):
            yield FieldError("extra_recipients", "email", f"{address} is not an e-mail address")
    if change.subject and len(change.subject) > MOST_SUBJECT:
        yield FieldError("subject", "length", "Use at most 200 characters")
    if change.body_html and len(change.body_html) > MOST_BODY:
        yield FieldError("body_html", "length", "Use at most 50,000 characters")


def _merge_fields(words: str) -> Sequence[str]:
    """Return everything written in double braces, known or not."""
    return [found.strip() for found in BRACED.findall(words)]
