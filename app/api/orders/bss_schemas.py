"""Orders as the distributor sees them: at what the payer pays it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from app.api.orders.schemas import MOST_ITEMS, ItemIn, NamedAccount, Text
from app.api.schemas import Amount, Day, Schema
from app.catalogue.models import BillingCycle, Term
from app.orders.back_office import NewOrder
from app.orders.back_office_items import WantedItem
from app.orders.back_office_queries import BackOfficeItem, BackOfficeOrder
from app.orders.models import DeliveryStatus, OrderChannel, OrderStatus


class WholesaleItemIn(ItemIn):
    """A product for the order's account; a reseller plan with the alias of its storefront."""

    alias: Annotated[str, Field(max_length=40)] | None = None
    subscription_id: UUID | None = Field(
        default=None,
        description="A subscription of the account that gets more licences, or a trial that goes on as paid",
    )

    def to_item(self) -> WantedItem:
        """Return it as the domain takes it, but for its answers."""
        return WantedItem(
            product_id=self.product_id,
            term=self.term,
            cycle=self.cycle,
            quantity=self.quantity,
            friendly_name=self.friendly_name,
            alias=self.alias,
            options=tuple(self.options),
            adds_to_id=self.subscription_id,
        )


class WholesaleOrderIn(Schema):
    """A draft for any account. It expires after 7 days."""

    account_id: UUID
    name: Annotated[str, Field(max_length=255)] = ""
    po_number: Annotated[str, Field(max_length=50)] | None = None
    comment: Text | None = None
    items: list[WholesaleItemIn] = Field(default_factory=list, max_length=MOST_ITEMS)

    def to_order(self) -> NewOrder:
        """Return it as the domain takes it."""
        return NewOrder(self.account_id, self.name, self.po_number, self.comment)


class ExecutionIn(Schema):
    """When an order is executed. A day to come makes it Scheduled; a past one needs the right to billing."""

    starts_on: Day | None = Field(default=None, description="The distributor's day; without it today")


class WholesaleOrderOut(Schema):
    """An order in a list."""

    number: str
    name: str
    status: OrderStatus
    channel: OrderChannel
    account: NamedAccount
    payer: NamedAccount
    net_total: Amount | None = Field(description="What the payer pays; null until it is known")
    currency: str
    po_number: str | None
    placed_at: datetime
    execute_on: date | None
    executed_at: datetime | None

    @classmethod
    def of(cls, it: BackOfficeOrder) -> WholesaleOrderOut:
        """Return one as programs read it."""
        return cls(**_header(it))


class WholesaleItemOut(Schema):
    """A line of an order."""

    id: UUID
    product_id: UUID
    product_name: str
    term: Term
    cycle: BillingCycle
    quantity: int
    friendly_name: str | None
    alias: str | None
    subscription_id: UUID | None
    unit_cost: Amount | None = Field(description="What the payer pays per unit and cycle")
    line_cost: Amount | None
    currency: str
    delivery_status: DeliveryStatus


class WholesaleOrderDetail(WholesaleOrderOut):
    """An order with its items."""

    comment: str | None
    items: list[WholesaleItemOut]

    @classmethod
    def with_items(cls, it: BackOfficeOrder, items: Sequence[BackOfficeItem]) -> WholesaleOrderDetail:
        """Return one as programs read it."""
        shown = [
            WholesaleItemOut(**{name: getattr(each, name) for name in WholesaleItemOut.model_fields}) for each in items
        ]
        return cls(**_header(it), comment=it.comment, items=shown)


def _header(it: BackOfficeOrder) -> dict[str, Any]:
    return {
        "number": it.number,
        "name": it.name,
        "status": it.status,
        "channel": it.channel,
        "account": NamedAccount(id=it.account_id, name=it.account_name),
        "payer": NamedAccount(id=it.payer_id, name=it.payer_name),
        "net_total": it.net_total,
        "currency": it.currency,
        "po_number": it.po_number,
        "placed_at": it.placed_at,
        "execute_on": it.execute_on,
        "executed_at": it.executed_at,
    }
