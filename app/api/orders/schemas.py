"""Orders as programs write and read them; what both APIs have in common."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.api.schemas import Schema
from app.catalogue.models import BillingCycle, Term

Text = Annotated[str, Field(max_length=500)]
Quantity = Annotated[int, Field(ge=1, le=1_000_000)]
MoneyIn = Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=4, allow_inf_nan=False, strict=False)]
MOST_ITEMS = 50


class NamedAccount(Schema):
    """A company."""

    id: UUID
    name: str


class ItemIn(Schema):
    """A product to be ordered."""

    product_id: UUID
    term: Term
    cycle: BillingCycle
    quantity: Quantity = 1
    friendly_name: Annotated[str, Field(max_length=100)] | None = None
    answers: dict[Annotated[str, Field(max_length=120)], Text] = Field(
        default_factory=dict, max_length=100, description="What is asked when the product is ordered, by its id"
    )
    options: list[Annotated[str, Field(max_length=40)]] = Field(
        default_factory=list, max_length=50, description="Codes of priced options"
    )


class OrderCancellationIn(Schema):
    """Why an order is canceled, for the history."""

    reason: Text = ""


class Hindrance(Schema):
    """What stands in the way of submitting a draft."""

    item_id: UUID
    field: str
    code: str
    message: str


class TermsOut(Schema):
    """A document somebody must accept."""

    id: UUID
    title: str
    version: int
    products: list[str]
