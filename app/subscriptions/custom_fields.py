"""Fields a distributor adds to assets and subscriptions, and what they hold (CB-23, CB-31).

A field made by hand shows only on what is of a product type that a display rule names; one that a vendor publishes needs
none. A storefront shows a field only with its tick.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import Select, Text, cast, delete, func, select

from app.audit.services import Actor, record
from app.catalogue.models import Product, ProductType
from app.core.db import session
from app.core.errors import FieldError, Invalid, NotFound
from app.core.ids import new_id
from app.core.versions import lock_at_version
from app.subscriptions.asset_models import (
    AssetField,
    AssetFieldKind,
    AssetFieldRule,
    AssetFieldValues,
    FieldSubject,
    SubscriptionFieldValues,
)
from app.subscriptions.models import Asset, Subscription
from tenants.context import current_scope

CODE = re.compile(r"[A-Za-z0-9._-]{1,64}")
MAX_NAME, MAX_VALUE, MAX_CHOICES, MAX_CHOICE, MAX_POSITION = 100, 500, 50, 100, 9999
YES, NO = "yes", "no"
Owned: TypeAlias = Asset | Subscription


class AssetFieldNotFound(NotFound):
    """There is no such field."""

    def __init__(self, field_id: UUID) -> None:
        super().__init__("There is no such field")
        self.field_id = field_id


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDetails:
    """What a field is. `product_type_ids` are its display rules."""

    code: str
    name: str
    kind: AssetFieldKind
    subject: FieldSubject = FieldSubject.ASSET
    group_name: str = ""
    position: int = 0
    choices: tuple[str, ...] = ()
    default_value: str = ""
    is_required: bool = False
    is_searchable: bool = False
    shows_in_storefront: bool = False
    product_type_ids: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Answer:
    """One field with what it holds; the default where nothing was entered."""

    field: AssetField
    value: str


def create_field(new: FieldDetails, *, actor: Actor, at: datetime, is_from_vendor: bool = False) -> AssetField:
    """Add a field. Raises Invalid with the field's name. Needs all resellers in scope."""
    _check(new, None)
    field = AssetField(id=new_id(), is_from_vendor=is_from_vendor)
    _fill(field, new)
    session.add(field)
    session.flush()
    _set_rules(field.id, new.product_type_ids)
    record("asset_field.created", actor=actor, at=at, target_kind="asset_field", target_id=field.id)
    return field


def update_field(field_id: UUID, new: FieldDetails, *, version: int, actor: Actor, at: datetime) -> AssetField:
    """Change a field; what is held in it stays, and so do its kind and what it describes.

    Raises AssetFieldNotFound, StaleVersion, Invalid.
    """
    field = get_field(field_id)
    lock_at_version(field, version, name=field.name)
    _check(new, field)
    _fill(field, new)
    field.version += 1
    session.flush()
    _set_rules(field.id, new.product_type_ids)
    record("asset_field.updated", actor=actor, at=at, target_kind="asset_field", target_id=field.id)
    return field


def delete_field(field_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Take a field away, with its display rules; what assets held in it is not shown any more."""
    field = get_field(field_id)
    record(
        "asset_field.deleted", actor=actor, at=at, target_kind="asset_field", target_id=field.id,
        before={"code": field.code},
    )  # fmt: skip
    session.delete(field)
    session.flush()


def get_field(field_id: UUID) -> AssetField:
    """Return a field; raises AssetFieldNotFound."""
    found = session.get(AssetField, (current_scope().distributor_id, field_id))
    if found is None:
        raise AssetFieldNotFound(field_id)
    return found


def list_fields() -> Sequence[AssetField]:
    """Return all fields by group and position."""
    return session.scalars(
        select(AssetField)
        .where(AssetField.distributor_id == current_scope().distributor_id)
        .order_by(AssetField.group_name, AssetField.position, AssetField.name, AssetField.id)
    ).all()


def rules_of(field_ids: Collection[UUID]) -> Mapping[UUID, frozenset[UUID]]:
    """Return the product types that display rules name, by field."""
    rows = session.execute(
        select(AssetFieldRule.field_id, AssetFieldRule.product_type_id).where(
            AssetFieldRule.distributor_id == current_scope().distributor_id, AssetFieldRule.field_id.in_(field_ids)
        )
    ).all()
    return {
        field_id: frozenset(row.product_type_id for row in rows if row.field_id == field_id) for field_id in field_ids
    }


def answers_of(owned: Owned, *, in_storefront: bool = False) -> Sequence[Answer]:
    """Return the fields something shows, with what they hold; in a storefront only ticked ones that hold something."""
    subject = FieldSubject.ASSET if isinstance(owned, Asset) else FieldSubject.SUBSCRIPTION
    found = _shown(owned.product_id, subject, lambda: _held(owned))
    if not in_storefront:
        return found
    return [answer for answer in found if answer.field.shows_in_storefront and answer.value]


def fields_to_be(product_id: UUID, subject: FieldSubject) -> Sequence[Answer]:
    """Return the fields that something of a product will show once it is there, with their defaults."""
    return _shown(product_id, subject, dict)


def _shown(product_id: UUID, subject: FieldSubject, read_held: Callable[[], Mapping[str, object]]) -> Sequence[Answer]:
    """`read_held` is asked only where there are fields of the subject."""
    fields = [field for field in list_fields() if field.subject is subject]
    if not fields:
        return ()
    product_type_id = session.scalar(
        select(Product.product_type_id).where(
            Product.distributor_id == current_scope().distributor_id, Product.id == product_id
        )
    )
    rules, held = rules_of([field.id for field in fields]), read_held()
    return [
        Answer(field, str(held.get(str(field.id), field.default_value)))
        for field in fields
        if product_type_id in rules[field.id] or (field.is_from_vendor and str(field.id) in held)
    ]


def save_answers(owned: Owned, answers: Mapping[UUID, str], *, actor: Actor, at: datetime) -> None:
    """Enter what fields hold; also of what is canceled (CB-23, CB-31). Fields that are not named keep theirs.

    Raises Invalid with the field's id as name. In a scope that may write the asset or subscription.
    """
    shown = {answer.field.id: answer.field for answer in answers_of(owned)}
    errors, entered = [], {}
    for field_id, text in answers.items():
        field = shown.get(field_id)
        if field is None:
            continue
        try:
            entered[str(field_id)] = _checked(field, text.strip())
        except ValueError as problem:
            errors.append(FieldError(str(field_id), "value", str(problem)))
    if errors:
        raise Invalid(*errors)
    row = session.scalar(_values(owned).with_for_update())
    if row is None:
        whose: dict[str, Any] = {"reseller_id": owned.reseller_id, "account_id": owned.account_id, "answers": {}}
        if isinstance(owned, Asset):
            row = AssetFieldValues(asset_id=owned.id, **whose)
        else:
            row = SubscriptionFieldValues(subscription_id=owned.id, **whose)
        session.add(row)
    row.answers = {**row.answers, **entered}
    session.flush()
    kind = "asset" if isinstance(owned, Asset) else "subscription"
    record(f"{kind}.fields_changed", actor=actor, at=at, target_kind=kind, target_id=owned.id)


def holding(text: str, owned: type[Owned]) -> Select[UUID]:
    """Return the assets, or the subscriptions, whose searchable fields hold a text in lower case."""
    here = current_scope().distributor_id
    values: Any = AssetFieldValues if owned is Asset else SubscriptionFieldValues
    owned_id = AssetFieldValues.asset_id if owned is Asset else SubscriptionFieldValues.subscription_id
    answer = func.jsonb_each_text(values.answers).table_valued("key", "value").lateral("answer")
    searchable = select(cast(AssetField.id, Text)).where(
        AssetField.distributor_id == here, AssetField.is_searchable.is_(True)
    )
    return (
        select(owned_id)
        .join(answer, answer.c.key.in_(searchable))
        .where(values.distributor_id == here, func.lower(answer.c.value).contains(text, autoescape=True))
    )


def _values(owned: Owned) -> Select[Any]:
    here = current_scope().distributor_id
    if isinstance(owned, Asset):
        return select(AssetFieldValues).where(
            AssetFieldValues.distributor_id == here, AssetFieldValues.asset_id == owned.id
        )
    return select(SubscriptionFieldValues).where(
        SubscriptionFieldValues.distributor_id == here, SubscriptionFieldValues.subscription_id == owned.id
    )


def _held(owned: Owned) -> Mapping[str, object]:
    row = session.scalar(_values(owned))
    return row.answers if row is not None else {}


def _checked(field: AssetField, text: str) -> str:
    """Return a value as it is kept; ValueError with a sentence for people."""
    if not text and field.is_required:
        raise ValueError("Enter a value")
    if len(text) > MAX_VALUE or not text.isprintable():
        raise ValueError(f"Use at most {MAX_VALUE} printable characters")
    if not text:
        return ""
    match field.kind:
        case AssetFieldKind.NUMBER:
            return _number(text)
        case AssetFieldKind.DATE:
            return _date(text)
        case AssetFieldKind.YES_NO | AssetFieldKind.CHOICE:
            choices = (YES, NO) if field.kind is AssetFieldKind.YES_NO else field.choices
            if text not in choices:
                raise ValueError("Choose one of the list")
        case AssetFieldKind.TEXT:
            pass
    return text


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError("Enter a date such as 2026-03-31") from None


def _number(text: str) -> str:
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or abs(found) >= Decimal(10) ** 15:
        raise ValueError("Enter a number, such as 12 or 12.50")
    return f"{found:f}"


def _check(new: FieldDetails, known: AssetField | None) -> None:
    errors = [*_text_errors(new), *_choice_errors(new, known)]
    if not errors and _is_taken(new.code, known):
        errors.append(FieldError("code", "taken", "Another field has this code"))
    if errors:
        raise Invalid(*errors)


def _text_errors(new: FieldDetails) -> Iterator[FieldError]:
    if not CODE.fullmatch(new.code):
        yield FieldError("code", "code", "Use 1 to 64 letters, digits, dots, dashes or underscores")
    if not 1 <= len(new.name.strip()) <= MAX_NAME:
        yield FieldError("name", "length", f"Use 1 to {MAX_NAME} characters")
    if len(new.group_name) > MAX_NAME:
        yield FieldError("group_name", "length", f"Use at most {MAX_NAME} characters")
    if not 0 <= new.position <= MAX_POSITION:
        yield FieldError("position", "range", f"Enter 0 to {MAX_POSITION:,}")


def _choice_errors(new: FieldDetails, known: AssetField | None) -> Iterator[FieldError]:
    if known is not None and new.kind is not known.kind:
        yield FieldError("kind", "frozen", "The type cannot be changed; add another field")
    if known is not None and new.subject is not known.subject:
        yield FieldError("subject", "frozen", "What it describes cannot be changed; add another field")
    if new.kind is AssetFieldKind.CHOICE and not new.choices:
        yield FieldError("choices", "required", "Enter the choices, one a line")
    if len(new.choices) > MAX_CHOICES or any(len(choice) > MAX_CHOICE for choice in new.choices):
        yield FieldError("choices", "length", f"At most {MAX_CHOICES} choices of {MAX_CHOICE} characters")
    if _unknown_types(new.product_type_ids):
        yield FieldError("product_types", "choice", "Choose product types of the list")
    try:
        _checked(AssetField(kind=new.kind, choices=list(new.choices), is_required=False), new.default_value.strip())
    except ValueError as problem:
        yield FieldError("default_value", "value", str(problem))


def _is_taken(code: str, known: AssetField | None) -> bool:
    statement = select(AssetField.id).where(
        AssetField.distributor_id == current_scope().distributor_id, func.lower(AssetField.code) == code.lower()
    )
    if known is not None:
        statement = statement.where(AssetField.id != known.id)
    return session.scalar(statement) is not None


def _unknown_types(product_type_ids: Collection[UUID]) -> bool:
    if not product_type_ids:
        return False
    known = session.scalars(
        select(ProductType.id).where(
            ProductType.distributor_id == current_scope().distributor_id, ProductType.id.in_(product_type_ids)
        )
    ).all()
    return len(known) < len(product_type_ids)


def _fill(field: AssetField, new: FieldDetails) -> None:
    field.code, field.name, field.kind, field.subject = new.code, new.name.strip(), new.kind, new.subject
    field.group_name, field.position = new.group_name.strip(), new.position
    field.choices, field.default_value = list(new.choices), new.default_value.strip()
    field.is_required, field.is_searchable = new.is_required, new.is_searchable
    field.shows_in_storefront = new.shows_in_storefront


def _set_rules(field_id: UUID, product_type_ids: Collection[UUID]) -> None:
    here = current_scope().distributor_id
    session.execute(
        delete(AssetFieldRule).where(
            AssetFieldRule.distributor_id == here,
            AssetFieldRule.field_id == field_id,
            AssetFieldRule.product_type_id.not_in(product_type_ids),
        )
    )
    known = rules_of([field_id])[field_id]
    session.add_all(
        AssetFieldRule(field_id=field_id, product_type_id=type_id) for type_id in set(product_type_ids) - known
    )
    session.flush()
