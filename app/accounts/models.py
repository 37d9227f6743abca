"""Companies known to a distributor: direct customers, resellers, end customers (decisions section 2)."""

from __future__ import annotations

import enum
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Sequence, String, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from app.core.ids import new_id
from app.identity.permission_rules.models import Ruled
from tenants.scoping import DistributorScoped

ACCOUNT_NUMBERS = Sequence("account_numbers", metadata=Base.metadata)


class AccountStatus(enum.Enum):
    """Whether an account may do business (decisions section 8)."""

    PENDING_APPROVAL = "pending_approval"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    INACTIVE = "inactive"


class PaymentMethod(enum.Enum):
    """How an account settles with the distributor. Card payers' customers always need order approval (RS-25)."""

    CASH = "cash"
    DEPOSIT = "deposit"
    CARD = "card"


class BillingDayRule(enum.Enum):
    """On which day of the month an account's cycles begin when they are prorated (CB-32)."""

    FIRST_DAY = "first_day"
    LAST_DAY = "last_day"
    FIRST_ORDER = "first_order"  # `billing_day` is set by the first order
    CHOSEN = "chosen"


class PartialCharges(enum.Enum):
    """When a short first period and charges within a period are invoiced (CB-32)."""

    ORDER_DAY = "order_day"
    BILLING_DAY = "billing_day"  # with the next one


class Account(Ruled, DistributorScoped, Base):
    """A company. A reseller's own account carries itself as `reseller_id` from the day reselling is enabled.

    Row security takes the account's own id as the account of the row.
    """

    __tablename__ = "accounts"
    __table_args__ = (
        UniqueConstraint("distributor_id", "code"),
        Index(None, "distributor_id", "reseller_id", "name"),
        CheckConstraint("credit_limit IS NULL OR credit_limit >= 0", name="credit_limit_min_0"),
        CheckConstraint("NOT is_reseller OR reseller_id = id", name="reseller_belongs_to_itself"),
        ForeignKeyConstraint(["distributor_id", "reseller_id"], ["accounts.distributor_id", "accounts.id"]),
        ForeignKeyConstraint(
            ["distributor_id", "permission_rule_id"], ["permission_rules.distributor_id", "permission_rules.id"]
        ),
        Index(
            "ix_accounts_rule",
            "distributor_id",
            "permission_rule_id",
            postgresql_where=text("permission_rule_id IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, sort_order=-19)
    reseller_id: Mapped[UUID | None]  # the reseller it belongs to; its own id for a reseller; None: direct customer
    code: Mapped[str] = mapped_column(String(40))  # what people quote: "AC-000142"
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(254))
    phone: Mapped[str | None] = mapped_column(String(30))
    website: Mapped[str | None] = mapped_column(String(200))
    tax_id: Mapped[str | None] = mapped_column(String(40))
    customer_code: Mapped[str | None] = mapped_column(String(40))  # the reseller's own code for its customer
    street: Mapped[str | None] = mapped_column(String(200))
    city: Mapped[str | None] = mapped_column(String(100))
    postcode: Mapped[str | None] = mapped_column(String(12))
    region: Mapped[str | None] = mapped_column(String(100))
    country: Mapped[str] = mapped_column(String(2))  # ISO 3166-1 alpha-2
    status: Mapped[AccountStatus] = mapped_column(default=AccountStatus.ACTIVE)
    is_reseller: Mapped[bool] = mapped_column(default=False)
    ordering_enabled: Mapped[bool] = mapped_column(default=True)
    credit_limit: Mapped[Decimal | None]  # in `currency`; None: unlimited; 0: may never owe
    payment_method: Mapped[PaymentMethod] = mapped_column(default=PaymentMethod.CASH)
    payment_days: Mapped[int] = mapped_column(default=30)
    has_card_token: Mapped[bool] = mapped_column(default=False)
    prorated_billing: Mapped[bool] = mapped_column(default=False)
    billing_day_rule: Mapped[BillingDayRule] = mapped_column(default=BillingDayRule.FIRST_DAY)
    billing_day: Mapped[int | None]  # 1..31 of CHOSEN and FIRST_ORDER; clamped to the month's last day
    partial_charges: Mapped[PartialCharges] = mapped_column(default=PartialCharges.ORDER_DAY)
    currency: Mapped[str] = mapped_column(String(3))  # frozen after the first order
    restrict_to_price_lists: Mapped[bool] = mapped_column(default=False)
    approval_required: Mapped[bool] = mapped_column(default=False)  # an end customer's orders wait for its reseller
    edition: Mapped[str] = mapped_column(String(20), default="none")  # none, basic, free, standard: follows the plan
    reselling_since: Mapped[datetime | None]
    storefront_since: Mapped[datetime | None]  # subscriptions older than this show "-" to the customer (RS-27)
    owner_id: Mapped[UUID | None]  # who of the distributor looks after it; sees it whatever its permission rule
    created_at: Mapped[datetime]

    @property
    def is_card_payer(self) -> bool:
        """Whether approval of its customers' orders is locked on (RS-25)."""
        return self.payment_method is PaymentMethod.CARD

    @property
    def has_billing_address(self) -> bool:
        """Whether street, city, postcode and country are all known."""
        return all((self.street, self.city, self.postcode, self.country))


Index("ix_accounts_name_lower", Account.distributor_id, func.lower(Account.name))
