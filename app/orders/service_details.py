"""What services must know of their receiver before the first order: asked at checkout, told when it is worked on (CB-22).

Answers stand on the basket and go with the order: `{manager id: {"options": {id: value}, "existing": reference}}`, beside
`"receiver"`, the account they are about. `existing` is what the receiver calls the account it has at the vendor already;
the vendor confirms it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from app.catalogue.characteristics import components_of
from app.catalogue.models import ProductKind
from app.core.errors import FieldError, Invalid
from app.orders.basket_lines import BasketLine, BasketView
from app.orders.models import Basket, Order
from app.provisioning.account_links import MAX_REFERENCE, MAX_VALUE, take_answers
from app.provisioning.service_accounts.queries import open_questions

RECEIVER = "receiver"
REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:/-]*")


@dataclass(frozen=True, slots=True)
class Told:
    """What was said of the receiver to one service. `existing` None: it is new there."""

    options: Mapping[str, str] = field(default_factory=dict)
    existing: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One detail a service asks for."""

    id: str
    name: str
    is_required: bool


@dataclass(frozen=True, slots=True)
class AskedService:
    """A service of the basket that does not know the receiver yet. `told` None: nobody has answered."""

    manager_id: UUID
    products: tuple[str, ...]  # what people know it by
    questions: tuple[Question, ...]
    accepts_existing: bool
    told: Told | None

    def field(self, name: str) -> str:
        """What a refusal of an answer stands at: `existing`, `reference` or an option's id."""
        return f"{name}-{self.manager_id}"


def asked_services(view: BasketView, receiver_id: UUID | None) -> Sequence[AskedService]:
    """Return the services of a basket that must know more of its receiver; one statement, none where nothing is asked."""
    if receiver_id is None:
        return ()
    names = _products_by_manager([line for line in view.lines if line.item.subscription_id is None])
    told = _told(view.basket, receiver_id)
    return [
        AskedService(
            manager_id=each.service_manager_id,
            products=tuple(names[each.service_manager_id]),
            questions=tuple(
                Question(str(one["id"]), str(one["name"]), bool(one.get("is_required"))) for one in each.options
            ),
            accepts_existing=each.accepts_existing,
            told=told.get(str(each.service_manager_id)),
        )
        for each in open_questions(names.keys(), receiver_id)
    ]


def answer_services(
    basket: Basket, asked: Sequence[AskedService], answers: Mapping[UUID, Told], receiver_id: UUID
) -> None:
    """Keep what was answered about the receiver. Raises Invalid at `<option id or reference>-<manager id>`."""
    errors = [error for each in asked for error in _errors(each, answers.get(each.manager_id, Told()))]
    if errors:
        raise Invalid(*errors)
    kept: dict[str, Any] = {RECEIVER: str(receiver_id)}
    for each in asked:
        given = answers.get(each.manager_id, Told())
        if given.existing is not None:
            kept[str(each.manager_id)] = {"options": {}, "existing": given.existing.strip()}
        else:
            options = {one.id: given.options.get(one.id, "").strip() for one in each.questions}
            kept[str(each.manager_id)] = {"options": {key: text for key, text in options.items() if text}}
    basket.service_answers = kept


def unanswered(asked: Sequence[AskedService]) -> Iterator[FieldError]:
    """Say which services still wait for an answer: no order is placed before."""
    for each in asked:
        if each.told is None or any(_errors(each, each.told)):
            names = ", ".join(each.products)
            yield FieldError("services", "service_details_required", f"Complete the service details of {names}")


def for_order(basket: Basket, asked: Sequence[AskedService]) -> dict[str, Any]:
    """Return the answers that go with the order: those its services ask for."""
    return {
        str(each.manager_id): basket.service_answers[str(each.manager_id)] for each in asked if each.told is not None
    }


def tell_services(order: Order, *, at: datetime) -> None:
    """Tell the vendors' accounts of the receiver what its buyer said; twice is once. Needs the distributor's scope."""
    if order.account_id is None:
        return
    for manager_id, answers in (order.service_answers or {}).items():
        options = {str(key): str(value) for key, value in answers.get("options", {}).items()}
        take_answers(UUID(manager_id), order.account_id, options, existing=answers.get("existing"), at=at)


def _told(basket: Basket, receiver_id: UUID) -> Mapping[str, Told]:
    answers = basket.service_answers or {}
    if answers.get(RECEIVER) != str(receiver_id):
        return {}
    return {key: Told(each["options"], each.get("existing")) for key, each in answers.items() if key != RECEIVER}


def _products_by_manager(lines: Collection[BasketLine]) -> dict[UUID, list[str]]:
    found: dict[UUID, list[str]] = {}
    for line in lines:
        types = [line.product_type]
        if line.product_type.kind is ProductKind.BUNDLE:
            types += [part_type for _, part_type in components_of(line.product.id)]
        for each in types:
            if each.service_manager_id is not None and not each.non_automatic:
                names = found.setdefault(each.service_manager_id, [])
                if line.product.name not in names:
                    names.append(line.product.name)
    return found


def _errors(asked: AskedService, told: Told) -> Iterator[FieldError]:
    if told.existing is not None:
        written = told.existing.strip()
        if not asked.accepts_existing:
            yield FieldError(asked.field("existing"), "choice", "Choose a new account")
        elif not written:
            yield FieldError(asked.field("reference"), "required", "Enter the id or domain of your account there")
        elif len(written) > MAX_REFERENCE or not REFERENCE.fullmatch(written):
            yield FieldError(
                asked.field("reference"), "reference", f"Use at most {MAX_REFERENCE} letters, digits and . _ @ : / -"
            )
        return
    for each in asked.questions:
        written = told.options.get(each.id, "").strip()
        if each.is_required and not written:
            yield FieldError(asked.field(each.id), "required", f"Enter: {each.name}")
        elif len(written) > MAX_VALUE:
            yield FieldError(asked.field(each.id), "length", f"Use at most {MAX_VALUE} characters")
