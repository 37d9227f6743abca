"""What buyers may read of service managers: what they ask of accounts, and which accounts have answered."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from tenants.scoping import Catalogue, Shared


class ServiceQuestions(Catalogue, Base):
    """What one service manager must know of an account, where storefronts can read it. Written from the manager's row.

    `options` are id, name and is_required of each, as `ServiceManager.account_options`.
    """

    __tablename__ = "service_questions"
    __table_args__ = (
        UniqueConstraint("distributor_id", "service_manager_id"),
        ForeignKeyConstraint(
            ["distributor_id", "service_manager_id"],
            ["service_managers.distributor_id", "service_managers.id"],
            ondelete="CASCADE",
        ),
    )

    service_manager_id: Mapped[UUID]
    options: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    accepts_existing: Mapped[bool] = mapped_column(default=False)  # an account there already can be named


class ServiceAccount(Shared, Base):
    """That an account has told a service manager all it asks for, or is known there. Says nothing of what was told."""

    __tablename__ = "service_accounts"
    __table_args__ = (UniqueConstraint("distributor_id", "service_manager_id", "account_id"),)

    service_manager_id: Mapped[UUID]
