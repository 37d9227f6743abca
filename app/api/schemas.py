"""How bodies and answers are declared: the same classes are read, written and described (OpenAPI 3.1)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

FOUR_DECIMALS = Decimal("0.0001")


def _amount(value: Decimal) -> str:
    return str(value.quantize(FOUR_DECIMALS))


Amount = Annotated[
    Decimal,
    PlainSerializer(_amount, return_type=str),
    Field(description="With four decimals, as text, so that nobody reads it as a float", examples=["13.5700"]),
]


class Schema(BaseModel):
    """What goes over the line. Unknown properties and wrong types are refused, nothing is guessed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def words(self) -> str:
        """Return what it says as text: two requests that say the same are the same (GO-02)."""
        return self.model_dump_json()


Day = Annotated[date, Field(strict=False, description="A day such as 2026-03-31")]


Item = TypeVar("Item", bound=Schema)


class Listed(Schema, Generic[Item]):
    """One page of a list; beyond its end it is empty."""

    items: list[Item]
    page: int = Field(ge=1)
    size: int = Field(ge=1, le=100)
    total: int = Field(ge=0, description="Of all pages")


class FieldProblem(Schema):
    """One thing that is wrong; `field` is empty where it is about none."""

    field: str
    code: str = Field(description="Stable: programs may rely on it")
    message: str = Field(description="For people")


class Problem(Schema):
    """A refusal (RFC 9457); nothing was changed."""

    type: str
    title: str
    status: int
    errors: list[FieldProblem]
