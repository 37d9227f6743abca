"""Rules, whom they let in, who may pick them; and the column by which a record has one."""

from __future__ import annotations

import enum
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from tenants.scoping import DistributorPrivate


class RuledKind(enum.Enum):
    """Kinds of records that may have a rule of their own. The value is what the audit trail calls such a record."""

    ACCOUNT = "account"
    ORDER = "order"
    OFFER = "offer"
    SUBSCRIPTION = "subscription"
    ASSET = "asset"
    INVOICE = "invoice"

    @property
    def label(self) -> str:
        """The kind as screens name several of it."""
        return f"{self.value.capitalize()}s"


class RecordAccess(enum.Enum):
    """What a rule gives; each brings the ones before it. Full: delete, change owner, change the rule."""

    READ = "read"
    EDIT = "edit"
    FULL = "full"

    @property
    def label(self) -> str:
        """The access as screens name it."""
        return {"read": "Read-only", "edit": "Edit", "full": "Full"}[self.value]


class ShareRight(enum.Enum):
    """What somebody may do with the rule itself: pick it for a record, or also edit it."""

    USE = "use"
    MANAGE = "manage"

    @property
    def label(self) -> str:
        """The right as screens name it."""
        return "View" if self is ShareRight.USE else "Manage"


class Ruled:
    """Records that may have a rule of their own; without one they follow their account's (BC-04).

    Row security reads the column (migrations/records.py); queries need not.
    """

    permission_rule_id: Mapped[UUID | None]


class PermissionRule(DistributorPrivate, Base):
    """A rule. Inactive, nobody picks it any more; records that have it keep it, and it counts for them."""

    __tablename__ = "permission_rules"
    __table_args__ = (Index("uq_permission_rules_name", "distributor_id", text("lower(name)"), unique=True),)

    name: Mapped[str] = mapped_column(String(80))
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class PermissionRuleKind(DistributorPrivate, Base):
    """A kind of record that a rule may be picked for; of each kind at most one rule is pre-selected."""

    __tablename__ = "permission_rule_kinds"
    __table_args__ = (
        UniqueConstraint("distributor_id", "rule_id", "kind"),
        Index(
            "uq_permission_rule_kinds_default",
            "distributor_id",
            "kind",
            unique=True,
            postgresql_where=text("is_default"),
        ),
        ForeignKeyConstraint(
            ["distributor_id", "rule_id"],
            ["permission_rules.distributor_id", "permission_rules.id"],
            ondelete="CASCADE",
        ),
    )

    rule_id: Mapped[UUID]
    kind: Mapped[RuledKind]
    is_default: Mapped[bool] = mapped_column(default=False)


class PermissionRuleGrant(DistributorPrivate, Base):
    """A person, or a team, whom a rule lets in. Of several grants the widest counts."""

    __tablename__ = "permission_rule_grants"
    __table_args__ = (
        Index(None, "distributor_id", "rule_id"),
        ForeignKeyConstraint(
            ["distributor_id", "rule_id"],
            ["permission_rules.distributor_id", "permission_rules.id"],
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(["distributor_id", "user_id"], ["users.distributor_id", "users.id"]),
        ForeignKeyConstraint(["distributor_id", "team_id"], ["teams.distributor_id", "teams.id"], ondelete="CASCADE"),
        CheckConstraint("(user_id IS NULL) <> (team_id IS NULL)", name="one_grantee"),
    )

    rule_id: Mapped[UUID]
    user_id: Mapped[UUID | None]
    team_id: Mapped[UUID | None]
    access: Mapped[RecordAccess]


class PermissionRuleShare(DistributorPrivate, Base):
    """A person, or a team, who may pick a rule or edit it."""

    __tablename__ = "permission_rule_shares"
    __table_args__ = (
        Index(None, "distributor_id", "rule_id"),
        ForeignKeyConstraint(
            ["distributor_id", "rule_id"],
            ["permission_rules.distributor_id", "permission_rules.id"],
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(["distributor_id", "user_id"], ["users.distributor_id", "users.id"]),
        ForeignKeyConstraint(["distributor_id", "team_id"], ["teams.distributor_id", "teams.id"], ondelete="CASCADE"),
        CheckConstraint("(user_id IS NULL) <> (team_id IS NULL)", name="one_holder"),
    )

    rule_id: Mapped[UUID]
    user_id: Mapped[UUID | None]
    team_id: Mapped[UUID | None]
    right: Mapped[ShareRight]
