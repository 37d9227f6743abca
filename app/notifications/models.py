"""Mails as rows: written with the change they tell of, sent by a job (architecture section 1)."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from tenants.scoping import Intake, ResellerPrivate


class MailState(enum.Enum):
    """Life of an outbound mail. Tries after 1, 5 and 30 minutes."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    NOT_SENT = "not_sent"  # no usable mail settings: nothing leaves, it is logged


class AboutKind(enum.Enum):
    """What a mail may be about: who may not see the record does not see the mail (BC-04)."""

    ACCOUNT = "account"
    USER = "user"
    REGISTRATION = "registration"
    ORDER = "order"
    OFFER = "offer"
    SUBSCRIPTION = "subscription"
    ASSET = "asset"
    INVOICE = "invoice"
    TASK = "task"  # of provisioning
    UNKNOWN = "unknown"  # sent before 0033, and nothing in it told


class OutboundMail(Intake, Base):
    """One mail to be sent. Intake: any scope of the distributor may insert it, only the distributor's jobs read it."""

    __tablename__ = "outbound_mails"
    __table_args__ = (
        Index("ix_outbound_mails_due", "distributor_id", "state", "next_attempt_at"),
        ForeignKeyConstraint(
            ["distributor_id", "attachment_id"], ["mail_attachments.distributor_id", "mail_attachments.id"]
        ),
    )

    template: Mapped[str] = mapped_column(String(40))  # value of notifications.templates.MailTemplate
    sender_reseller_id: Mapped[UUID | None]  # whose settings and brand: None is the distributor's
    storefront_id: Mapped[UUID | None]  # whose address and theme the links and looks are
    to_email: Mapped[str] = mapped_column(String(254))
    to_name: Mapped[str] = mapped_column(String(201), default="")
    about_kind: Mapped[AboutKind | None]  # None: about no record, such as the distributor's own people
    about_id: Mapped[UUID | None]
    fields: Mapped[dict[str, Any]] = mapped_column(JSONB)  # merge fields, texts only; secrets of links are encrypted
    attachment_id: Mapped[UUID | None]  # what goes with it, until it has left or was given up
    state: Mapped[MailState] = mapped_column(default=MailState.PENDING)
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    lease_token: Mapped[UUID | None]
    error: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]


class MailAttachment(Intake, Base):
    """A document kept beside the outbox while its mail is tried; with the mail's end it goes, its name stays in the log."""

    __tablename__ = "mail_attachments"

    name: Mapped[str] = mapped_column(String(200))
    content_type: Mapped[str] = mapped_column(String(80))
    size: Mapped[int]  # bytes
    content: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]


class MailLogEntry(ResellerPrivate, Base):
    """What became of a mail, for the storefront owner who sent it (kept 90 days, RS-17)."""

    __tablename__ = "mail_log"
    __table_args__ = (
        UniqueConstraint("distributor_id", "mail_id"),
        Index(None, "distributor_id", "reseller_id", "at"),
    )

    mail_id: Mapped[UUID]
    at: Mapped[datetime]
    template: Mapped[str] = mapped_column(String(40))
    to_email: Mapped[str] = mapped_column(String(254))
    about_kind: Mapped[AboutKind | None]
    about_id: Mapped[UUID | None]
    state: Mapped[MailState]
    error: Mapped[str | None] = mapped_column(String(500))
    attachment_name: Mapped[str | None] = mapped_column(String(200))
    attachment_size: Mapped[int | None]  # bytes


class MailSettings(ResellerPrivate, Base):
    """How one storefront owner's mail leaves (RS-17). The password is encrypted and never shown."""

    __tablename__ = "mail_settings"
    __table_args__ = (
        Index(
            "uq_mail_settings_owner", "distributor_id", "reseller_id", unique=True, postgresql_nulls_not_distinct=True
        ),
    )

    sender_name: Mapped[str] = mapped_column(String(120))
    sender_email: Mapped[str] = mapped_column(String(254))
    host: Mapped[str] = mapped_column(String(253))
    port: Mapped[int]
    encryption: Mapped[str] = mapped_column(String(10))  # ssl, tls, none (only for allowed private targets)
    username: Mapped[str | None] = mapped_column(String(254))
    password_encrypted: Mapped[str | None] = mapped_column(Text)
    failures_in_a_row: Mapped[int] = mapped_column(default=0)
    updated_at: Mapped[datetime]


class MailTemplateSettings(ResellerPrivate, Base):
    """A storefront owner's changes to one mail: switched off, other words, further recipients."""

    __tablename__ = "mail_template_settings"
    __table_args__ = (
        Index(
            "uq_mail_template_settings",
            "distributor_id",
            "reseller_id",
            "template",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
    )

    template: Mapped[str] = mapped_column(String(40))
    is_enabled: Mapped[bool] = mapped_column(default=True)
    subject: Mapped[str | None] = mapped_column(String(200))
    body_html: Mapped[str | None] = mapped_column(Text)
    extra_recipients: Mapped[list[str]] = mapped_column(ARRAY(String(254)), default=list)  # up to 5
