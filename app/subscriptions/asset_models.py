"""What an asset costs its payer, and the fields a distributor adds to assets (CB-31)."""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, Numeric, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from app.core.versions import Versioned
from app.subscriptions.models import PriceLabel
from tenants.scoping import Catalogue, Shared


class AssetCost(Shared, Base):
    """What the payer paid per unit; `account_id` is the payer's account, out of an end customer's reach."""

    __tablename__ = "asset_costs"
    __table_args__ = (
        UniqueConstraint("distributor_id", "asset_id"),
        ForeignKeyConstraint(["distributor_id", "asset_id"], ["assets.distributor_id", "assets.id"]),
    )

    asset_id: Mapped[UUID]
    unit_cost: Mapped[Decimal]
    base_cost: Mapped[Decimal]  # before a discount by hand
    currency: Mapped[str] = mapped_column(String(3))
    price_list_id: Mapped[UUID | None]
    label: Mapped[PriceLabel] = mapped_column(default=PriceLabel.LIST)
    user_price: Mapped[Decimal | None]
    discount_percent: Mapped[Decimal] = mapped_column(Numeric(5, 2), default=Decimal(0))
    edits: Mapped[int] = mapped_column(default=0)  # how often it was changed: each time makes its own papers


class AssetFieldKind(enum.Enum):
    """What a custom field holds."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    YES_NO = "yes_no"
    CHOICE = "choice"


class FieldSubject(enum.Enum):
    """What a custom field describes."""

    ASSET = "asset"
    SUBSCRIPTION = "subscription"


class AssetField(Versioned, Catalogue, Base):
    """A field the distributor adds to assets, or to subscriptions.

    One made by hand shows only where a rule names the product type of what it describes.
    """

    __tablename__ = "asset_fields"
    __table_args__ = (UniqueConstraint("distributor_id", "code"),)

    code: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(100))
    subject: Mapped[FieldSubject] = mapped_column(default=FieldSubject.ASSET)
    kind: Mapped[AssetFieldKind]
    group_name: Mapped[str] = mapped_column(String(100), default="")
    position: Mapped[int] = mapped_column(default=0)
    choices: Mapped[list[str]] = mapped_column(JSONB, default=list)
    default_value: Mapped[str] = mapped_column(String(500), default="")
    is_required: Mapped[bool] = mapped_column(default=False)
    is_searchable: Mapped[bool] = mapped_column(default=False)
    shows_in_storefront: Mapped[bool] = mapped_column(default=False)
    is_from_vendor: Mapped[bool] = mapped_column(default=False)  # published by a service manager: needs no rule


class AssetFieldRule(Catalogue, Base):
    """Shows a custom field on the assets of one product type."""

    __tablename__ = "asset_field_rules"
    __table_args__ = (
        UniqueConstraint("distributor_id", "field_id", "product_type_id"),
        ForeignKeyConstraint(
            ["distributor_id", "field_id"], ["asset_fields.distributor_id", "asset_fields.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(
            ["distributor_id", "product_type_id"], ["product_types.distributor_id", "product_types.id"]
        ),
    )

    field_id: Mapped[UUID]
    product_type_id: Mapped[UUID]


class AssetFieldValues(Shared, Base):
    """What an asset's custom fields hold. `asset_fields.list_shown` decides which of it a storefront shows."""

    __tablename__ = "asset_field_values"
    __table_args__ = (
        UniqueConstraint("distributor_id", "asset_id"),
        Index(None, "distributor_id", "account_id"),
        ForeignKeyConstraint(["distributor_id", "asset_id"], ["assets.distributor_id", "assets.id"]),
    )

    asset_id: Mapped[UUID]
    answers: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)  # text by field id


class SubscriptionFieldValues(Shared, Base):
    """What a subscription's custom fields hold (CB-23); as an asset's."""

    __tablename__ = "subscription_field_values"
    __table_args__ = (
        UniqueConstraint("distributor_id", "subscription_id"),
        Index(None, "distributor_id", "account_id"),
        ForeignKeyConstraint(
            ["distributor_id", "subscription_id"], ["subscriptions.distributor_id", "subscriptions.id"]
        ),
    )

    subscription_id: Mapped[UUID]
    answers: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)  # text by field id
