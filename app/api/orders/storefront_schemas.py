"""Orders of a storefront's customers, at what those pay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from app.api.orders.schemas import MOST_ITEMS, Hindrance, ItemIn, MoneyIn, NamedAccount, TermsOut, Text
from app.api.patches import Patch
from app.api.schemas import Amount, Day, Schema
from app.catalogue.models import BillingCycle, Term
from app.orders.drafts import Draft, DraftItem
from app.orders.models import DeliveryStatus, OrderStatus
from app.orders.retail_queries import RetailItem, RetailOrder


class RetailItemIn(ItemIn):
    """A product for the customer; with `subscription_id` more licences of one that runs."""

    subscription_id: UUID | None = None
    parent_subscription_id: UUID | None = Field(default=None, description="The subscription an add-on is for")

    def to_item(self) -> DraftItem:
        """Return it as the domain takes it."""
        return DraftItem(
            product_id=self.product_id,
            term=self.term,
            cycle=self.cycle,
            quantity=self.quantity,
            friendly_name=self.friendly_name,
            subscription_id=self.subscription_id,
            parent_subscription_id=self.parent_subscription_id,
            answers=self.answers,
            options=tuple(self.options),
        )


class RetailOrderIn(Schema):
    """A draft for a customer of the storefront. It expires after 7 days."""

    customer_id: UUID
    po_number: Annotated[str, Field(max_length=50)] | None = None
    comment: Text | None = None
    items: list[RetailItemIn] = Field(default_factory=list, max_length=MOST_ITEMS)


class AcceptedBy(Schema):
    """The person who has accepted the terms."""

    first_name: Annotated[str, Field(min_length=1, max_length=100)]
    last_name: Annotated[str, Field(min_length=1, max_length=100)]
    email: Annotated[str, Field(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")]


class SubmitIn(Schema):
    """What ends a draft: its total as the caller has seen it, and who has accepted its terms."""

    net_total: MoneyIn = Field(description="Refused with 409 where the draft costs something else today")
    accepted_terms: list[UUID] = Field(default_factory=list, max_length=100)
    accepted_by: AcceptedBy | None = None
    execute_on: Day | None = Field(
        default=None, description="Let it wait for a day, tomorrow to 90 days on; prices of that day apply"
    )


class OrderPatch(Patch):
    """What is changed of an order that stands: the day it waits for."""

    execute_on: Day = Field(default_factory=date.today)


class ApprovalIn(Schema):
    """That the owner agrees to an order."""

    confirm_below_cost: bool = Field(default=False, description="Needed where an item is sold below its cost")


class DeclineIn(Schema):
    """Why the owner does not agree; the customer reads it."""

    reason: Annotated[str, Field(min_length=3, max_length=500)]


class RetailOrderOut(Schema):
    """An order in a list."""

    number: str
    status: OrderStatus
    customer: NamedAccount
    net_total: Amount | None = Field(description="What the customer pays; null where it was shown no amount")
    currency: str
    po_number: str | None
    placed_at: datetime
    execute_on: date | None
    executed_at: datetime | None
    program: str | None = Field(description="The client of the API that placed it")

    @classmethod
    def of(cls, it: RetailOrder) -> RetailOrderOut:
        """Return one as programs read it."""
        return cls(**_header(it))


class RetailItemOut(Schema):
    """A line of an order."""

    id: UUID
    product_id: UUID
    product_code: str
    product_name: str
    term: Term
    cycle: BillingCycle
    quantity: int
    friendly_name: str | None
    subscription_id: UUID | None
    unit_price: Amount | None
    line_total: Amount | None
    currency: str
    delivery_status: DeliveryStatus


class DraftOut(Schema):
    """What a draft still needs."""

    hindrances: list[Hindrance]
    terms: list[TermsOut]


class RetailOrderDetail(RetailOrderOut):
    """An order with its items; a draft at today's prices."""

    comment: str | None
    items: list[RetailItemOut]
    draft: DraftOut | None = Field(description="None once it is submitted")

    @classmethod
    def with_items(cls, it: RetailOrder, items: Sequence[RetailItem], draft: Draft | None) -> RetailOrderDetail:
        """Return one as programs read it."""
        header = _header(it)
        shown = [{name: getattr(each, name) for name in RetailItemOut.model_fields} for each in items]
        if draft is not None:
            header["net_total"] = draft.view.net_total
            for values, line in zip(shown, draft.view.lines, strict=True):
                values.update(unit_price=line.unit_price, line_total=line.line_total)
        return cls(
            **header,
            comment=it.comment,
            items=[RetailItemOut(**values) for values in shown],
            draft=None if draft is None else _needed(draft),
        )


def _header(it: RetailOrder) -> dict[str, Any]:
    return {
        "number": it.number,
        "status": it.status,
        "customer": NamedAccount(id=it.account_id, name=it.account_name),
        "net_total": it.net_total,
        "currency": it.currency,
        "po_number": it.po_number,
        "placed_at": it.placed_at,
        "execute_on": it.execute_on,
        "executed_at": it.executed_at,
        "program": it.api_client_name,
    }


def _needed(draft: Draft) -> DraftOut:
    hindrances = [
        Hindrance(item_id=line.item.id, field=each.field, code=each.code, message=each.message)
        for line in draft.view.lines
        for each in line.problems
    ]
    terms = [
        TermsOut(
            id=each.document.id,
            title=each.document.title,
            version=each.document.version,
            products=list(each.products),
        )
        for each in draft.terms
    ]
    return DraftOut(hindrances=hindrances, terms=terms)
