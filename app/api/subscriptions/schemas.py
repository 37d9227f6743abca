"""Subscriptions as programs read them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.api.schemas import Amount, Schema
from app.catalogue.models import BillingCycle, Term
from app.subscriptions.back_office import ListedSubscription, SubscriptionDetail
from app.subscriptions.models import (
    ChangeKind,
    ChangeStatus,
    ChangeTiming,
    SubscriptionChange,
    SubscriptionStatus,
    SyncStatus,
)
from app.subscriptions.retail import RetailSubscription


class CodedProduct(Schema):
    """What it is a subscription of."""

    code: str
    name: str


class NamedProduct(Schema):
    """What it is a subscription of."""

    name: str


class NamedAccount(Schema):
    """A company."""

    id: UUID
    name: str


class Payer(Schema):
    """Who pays the distributor."""

    name: str


class RetailSubscriptionOut(Schema):
    """A subscription at what its owner pays."""

    code: str
    name: str
    product: CodedProduct
    account: NamedAccount
    quantity: int
    term: Term
    cycle: BillingCycle
    status: SubscriptionStatus
    sync_status: SyncStatus
    starts_on: date | None
    renews_on: date | None
    unit_price: Amount | None = Field(description="Per unit and cycle, net; null where its owner sees none")
    currency: str

    @classmethod
    def of(cls, it: RetailSubscription) -> RetailSubscriptionOut:
        """Return one as programs read it."""
        return cls(
            code=it.code,
            name=it.name,
            product=CodedProduct(code=it.product_code, name=it.product_name),
            account=NamedAccount(id=it.account_id, name=it.account_name),
            quantity=it.quantity,
            term=it.term,
            cycle=it.cycle,
            status=it.status,
            sync_status=it.sync_status,
            starts_on=it.starts_on,
            renews_on=it.renews_on,
            unit_price=it.unit_price,
            currency=it.currency,
        )


class WholesaleSubscriptionOut(Schema):
    """A subscription at what its payer pays the distributor."""

    code: str
    name: str
    product: NamedProduct
    account: NamedAccount
    payer: Payer
    quantity: int
    cycle: BillingCycle
    status: SubscriptionStatus
    sync_status: SyncStatus
    renews_on: date | None
    unit_cost: Amount | None = Field(description="Per unit and cycle, net")
    currency: str

    @classmethod
    def of(cls, found: ListedSubscription) -> WholesaleSubscriptionOut:
        """Return one as programs read it."""
        it = found.subscription
        return cls(
            code=it.code,
            name=it.name,
            product=NamedProduct(name=it.product_name),
            account=NamedAccount(id=it.account_id, name=it.account_name),
            payer=Payer(name=found.payer_name),
            quantity=it.quantity,
            cycle=it.cycle,
            status=it.status,
            sync_status=it.sync_status,
            renews_on=it.renews_on,
            unit_cost=it.unit_cost,
            currency=it.currency,
        )

    @classmethod
    def of_detail(cls, it: SubscriptionDetail) -> WholesaleSubscriptionOut:
        """Return one that was asked for by itself."""
        return cls(
            code=it.code,
            name=it.name,
            product=NamedProduct(name=it.product_name),
            account=NamedAccount(id=it.account_id, name=it.account_name),
            payer=Payer(name=it.payer_name),
            quantity=it.quantity,
            cycle=it.cycle,
            status=it.status,
            sync_status=it.sync_status,
            renews_on=it.renews_on,
            unit_cost=it.unit_cost,
            currency=it.currency,
        )


When = Literal["now", "period_end"]
Comment = Annotated[str, Field(max_length=2000)]


class QuantityIn(Schema):
    """Fewer licences, or another number with the next period; more at once are ordered with `subscription_id`."""

    quantity: Annotated[int, Field(ge=1, le=1_000_000)]
    timing: When = "now"
    comment: Comment | None = None


class CancellationIn(Schema):
    """The end of a subscription, at once or with its period."""

    timing: When = "now"
    comment: Comment | None = None


class ChangeOut(Schema):
    """A request to change a subscription: workers carry it out, ask again for its status."""

    id: UUID
    kind: ChangeKind
    status: ChangeStatus
    timing: ChangeTiming
    effective_on: date
    quantity_from: int | None
    quantity_to: int | None
    created_at: datetime

    @classmethod
    def of(cls, it: SubscriptionChange) -> ChangeOut:
        """Return one as programs read it: in the customer's words, without a vendor's."""
        return cls(**{name: getattr(it, name) for name in cls.model_fields})
