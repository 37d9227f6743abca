"""Subscriptions as programs read them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.api.patches import Patch
from app.api.schemas import Amount, Day, Schema
from app.catalogue.models import BillingCycle, Term
from app.changes.back_office import ListedRequest
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
    auto_renew: bool
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
            auto_renew=it.auto_renew,
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
    auto_renew: bool
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
            auto_renew=it.auto_renew,
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
            auto_renew=it.auto_renew,
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


class DatedCancellationIn(Schema):
    """The end of a subscription: at once, on a day of the running period, or with the period."""

    timing: Literal["now", "on_date", "period_end"] = "now"
    effective_on: Day | None = Field(default=None, description="The distributor's day, of `on_date`")
    reason: Annotated[str, Field(max_length=40)] | None = Field(
        default=None, description="One of the distributor's reasons; needed"
    )
    comment: Comment | None = None


class AcceptanceIn(Schema):
    """That somebody agrees to a request."""

    mails_customer: bool = True


class RejectionIn(Schema):
    """Why a request is declined; the customer reads it."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]


class SubscriptionPatch(Patch):
    """What is changed without anybody being asked."""

    name: Annotated[str, Field(max_length=100)] = Field(default_factory=str)
    auto_renew: bool = Field(default_factory=bool)


class ChangeOut(Schema):
    """A request to change a subscription: workers carry it out, ask again for its status."""

    id: UUID
    kind: ChangeKind
    status: ChangeStatus
    timing: ChangeTiming
    effective_on: date
    quantity_from: int | None
    quantity_to: int | None
    decided_at: datetime | None
    decision_reason: str | None = Field(description="Why it was declined")
    created_at: datetime
    completed_at: datetime | None

    @classmethod
    def of(cls, it: SubscriptionChange) -> ChangeOut:
        """Return one as programs read it: in the customer's words, without a vendor's."""
        return cls(**{name: getattr(it, name) for name in ChangeOut.model_fields})


class RequestOut(ChangeOut):
    """A request in the list of all of them."""

    subscription_code: str
    subscription_name: str
    account_name: str

    @classmethod
    def listed(cls, it: ListedRequest) -> RequestOut:
        """Return one as programs read it."""
        return cls(
            **ChangeOut.of(it.change).model_dump(),
            subscription_code=it.subscription_code,
            subscription_name=it.subscription_name,
            account_name=it.account_name,
        )
