"""What a service is described by: defined on its type, fixed on the product or asked when it is ordered (CB-01).

A type that inherits shows the characteristics of its root before its own. The JSON on types and products is read and
written here; keys: id, name, data_type, is_required, is_read_only, is_visible, is_compared, asked_at_order, is_quantity_linked,
usage, values (code, value), default.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

import idna
from sqlalchemy import select

from app.catalogue.bundles.models import BundleComponent
from app.catalogue.models import Product, ProductKind, ProductType
from app.core.db import session
from app.core.errors import FieldError
from tenants.context import current_scope

MOST_VALUES, MOST_CHARACTERISTICS = 500, 100
ID_LENGTH, NAME_LENGTH, TEXT_LENGTH = 60, 100, 500
ID = re.compile(r"[A-Za-z0-9._-]+")
TRUE_WORDS, FALSE_WORDS = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})


class DataType(enum.Enum):
    """What a value may be."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    LIST = "list"


class Usage(enum.Enum):
    """Whether the vendor meters the resource, or sets it aside."""

    METERED = "metered"
    ALLOCATED = "allocated"


@dataclass(frozen=True, slots=True)
class CodedValue:
    """A choice of a list: what the vendor is sent, and what people read."""

    code: str
    value: str


@dataclass(frozen=True, slots=True)
class Characteristic:
    """One definition. `is_inherited` where it stands on the type's root."""

    id: str
    name: str
    data_type: DataType = DataType.TEXT
    is_required: bool = False
    is_read_only: bool = False
    is_visible: bool = True  # in storefronts
    is_compared: bool = False  # a row of the comparison of a group's editions (SF-19); the distributor's own choice
    asked_at_order: bool = False  # else fixed on the product
    is_quantity_linked: bool = False  # its value follows the licence quantity
    usage: Usage | None = None
    values: tuple[CodedValue, ...] = ()
    default: str = ""
    is_inherited: bool = False


DOMAIN = "domain"  # the id of the name, among what domains are described by
DOMAIN_NAME = re.compile(r"((?!-)[a-z0-9-]{1,63}(?<!-)\.)+([a-z]{2,63}|xn--[a-z0-9-]{1,59})")
LONGEST_DOMAIN = 253  # RFC 1035
DOMAIN_ACTIONS = (CodedValue("register", "Register"), CodedValue("transfer", "Transfer"), CodedValue("renew", "Renew"))
OF_DOMAINS = (
    Characteristic(DOMAIN, "Domain name", is_required=True, asked_at_order=True, is_inherited=True),
    Characteristic(
        "action", "Action", DataType.LIST, is_required=True, asked_at_order=True, values=DOMAIN_ACTIONS,
        default="register", is_inherited=True,
    ),
    Characteristic("auth_code", "Authorisation code", asked_at_order=True, is_inherited=True),
)  # fmt: skip


def characteristics_of(product_type: ProductType) -> tuple[Characteristic, ...]:
    """Return a type's characteristics: those every domain has, its root's, its own (CB-F2)."""
    built_in = OF_DOMAINS if product_type.kind is ProductKind.DOMAIN else ()
    inherited: list[Characteristic] = []
    if product_type.inherits_from_id is not None:
        root = session.get(ProductType, (product_type.distributor_id, product_type.inherits_from_id))
        rows = root.characteristics if root is not None else []
        inherited = [from_json(row, is_inherited=True) for row in rows]
    return (*built_in, *inherited, *(from_json(row) for row in product_type.characteristics))


def compared_of(product_type: ProductType) -> tuple[Characteristic, ...]:
    """Return what editions of the type are compared by, in the order they are defined (SF-19)."""
    return tuple(each for each in characteristics_of(product_type) if each.is_compared and each.is_visible)


def value_words(characteristic: Characteristic, product: Product) -> str:
    """Return what a product has of a characteristic, its default included, as people read it; or nothing."""
    value = product.characteristics.get(characteristic.id)
    return shown_value(
        characteristic, checked_value(characteristic, characteristic.default) if _is_empty(value) else value
    )


def asked_of(product_type: ProductType) -> tuple[Characteristic, ...]:
    """Return what is asked when a product of the type is ordered."""
    return tuple(each for each in characteristics_of(product_type) if each.asked_at_order and not each.is_read_only)


def fixed_of(product_type: ProductType) -> tuple[Characteristic, ...]:
    """Return what stands on each product of the type."""
    return tuple(each for each in characteristics_of(product_type) if not each.asked_at_order)


def missing(product_type: ProductType, product: Product, values: Mapping[str, Any]) -> tuple[Characteristic, ...]:
    """Return the required characteristics that an order of the product leaves without an answer (CB-F3).

    A default, or a value the product itself fixes, is an answer.
    """
    return tuple(
        each
        for each in asked_of(product_type)
        if (each.is_required or _needs_auth_code(each, values))
        and _is_empty(values.get(each.id))
        and _is_empty(product.characteristics.get(each.id))
        and not each.default
    )


def missing_errors(
    product_type: ProductType,
    product: Product,
    values: Mapping[str, Any],
    *,
    field: str = "characteristics",
    is_storefront: bool = False,
) -> Iterator[FieldError]:
    """Say what is missing, a sentence each; a bundle's components are asked one by one, under their ids (CB-11).

    In a storefront only what is shown there can be missing: staff answers the rest.
    """
    for each in missing(product_type, product, values):
        if is_storefront and not each.is_visible:
            continue
        yield FieldError(field, "characteristic_required", f"{product.name}: {each.name} is needed")
    if product_type.kind is ProductKind.BUNDLE:
        for part, part_type in components_of(product.id):
            own = values.get(str(part.id))
            yield from missing_errors(
                part_type, part, own if isinstance(own, dict) else {}, field=field, is_storefront=is_storefront
            )


def components_of(bundle_id: UUID) -> Sequence[tuple[Product, ProductType]]:
    """Return the products of a bundle with their types, in order; one statement."""
    rows = session.execute(
        select(Product, ProductType)
        .join(
            BundleComponent,
            (BundleComponent.distributor_id == Product.distributor_id) & (BundleComponent.product_id == Product.id),
        )
        .join(
            ProductType,
            (ProductType.distributor_id == Product.distributor_id) & (ProductType.id == Product.product_type_id),
        )
        .where(Product.distributor_id == current_scope().distributor_id, BundleComponent.bundle_id == bundle_id)
        .order_by(BundleComponent.position, BundleComponent.id)
    )
    return [(product, product_type) for product, product_type in rows]


def checked_value(characteristic: Characteristic, text: str) -> str | bool | None:
    """Read a value as typed; None where nothing was. Raises ValueError with a sentence for people."""
    written = text.strip()
    if not written:
        return None
    match characteristic.data_type:
        case DataType.NUMBER:
            return _number(written)
        case DataType.BOOLEAN:
            return _boolean(written)
        case DataType.LIST:
            if written not in {each.code for each in characteristic.values}:
                raise ValueError(f"Choose one of the values of {characteristic.name}")
            return written
        case DataType.TEXT:
            if len(written) > TEXT_LENGTH:
                raise ValueError(f"Enter at most {TEXT_LENGTH} characters")
            return domain_name(written) if characteristic.id == DOMAIN and characteristic.is_inherited else written


def read_answers(
    characteristics: Sequence[Characteristic], typed: Mapping[str, str], *, prefix: str = ""
) -> tuple[dict[str, str | bool], list[FieldError]]:
    """Read what was typed, by characteristic id behind a prefix; what nobody asked for is left out."""
    answers: dict[str, str | bool] = {}
    errors: list[FieldError] = []
    for each in characteristics:
        try:
            value = checked_value(each, typed.get(f"{prefix}{each.id}", ""))
        except ValueError as error:
            errors.append(FieldError(f"{prefix}{each.id}", "characteristic_value", str(error)))
            continue
        if value is not None:
            answers[each.id] = value
    return answers, errors


def shown_value(characteristic: Characteristic, value: object) -> str:
    """Return a value as people read it."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    text = "" if value is None else str(value)
    return next((each.value for each in characteristic.values if each.code == text), text)


def from_json(row: Mapping[str, Any], *, is_inherited: bool = False) -> Characteristic:
    """Read a stored definition; what an older feed did not say has its default."""
    usage = row.get("usage")
    return Characteristic(
        id=str(row["id"]),
        name=str(row.get("name") or row["id"]),
        data_type=DataType(row.get("data_type", "text")),
        is_required=bool(row.get("is_required")),
        is_read_only=bool(row.get("is_read_only")),
        is_visible=bool(row.get("is_visible", True)),
        is_compared=bool(row.get("is_compared")),
        asked_at_order=bool(row.get("asked_at_order")),
        is_quantity_linked=bool(row.get("is_quantity_linked")),
        usage=Usage(usage) if usage else None,
        values=tuple(CodedValue(str(each["code"]), str(each["value"])) for each in row.get("values") or ()),
        default=str(row.get("default") or ""),
        is_inherited=is_inherited,
    )


def as_json(characteristic: Characteristic) -> dict[str, Any]:
    """Return a definition as it is stored."""
    return {
        "id": characteristic.id,
        "name": characteristic.name,
        "data_type": characteristic.data_type.value,
        "is_required": characteristic.is_required,
        "is_read_only": characteristic.is_read_only,
        "is_visible": characteristic.is_visible,
        "is_compared": characteristic.is_compared,
        "asked_at_order": characteristic.asked_at_order,
        "is_quantity_linked": characteristic.is_quantity_linked,
        "usage": characteristic.usage.value if characteristic.usage else None,
        "values": [{"code": each.code, "value": each.value} for each in characteristic.values],
        "default": characteristic.default,
    }


def definition_errors(characteristic: Characteristic, others: Sequence[Characteristic]) -> Iterator[FieldError]:
    """Say what is wrong with a definition among the others of its type and its root."""
    if not ID.fullmatch(characteristic.id) or len(characteristic.id) > ID_LENGTH:
        yield FieldError("id", "id_invalid", "Enter 1 to 60 letters, digits, dots, dashes or underscores")
    elif characteristic.id.lower() in {other.id.lower() for other in others}:
        yield FieldError("id", "id_taken", "Another characteristic has this id")
    if not 0 < len(characteristic.name) <= NAME_LENGTH:
        yield FieldError("name", "name_length", f"Enter a name of 1 to {NAME_LENGTH} characters")
    if characteristic.is_quantity_linked and characteristic.data_type is not DataType.NUMBER:
        yield FieldError("is_quantity_linked", "not_a_number", "Only a number can follow the quantity")
    yield from _value_errors(characteristic)


def _value_errors(characteristic: Characteristic) -> Iterator[FieldError]:
    codes = [each.code for each in characteristic.values]
    if characteristic.data_type is DataType.LIST and not codes:
        yield FieldError("values", "values_required", "Enter at least one value")
    if len(codes) > MOST_VALUES:
        yield FieldError("values", "values_many", f"Enter at most {MOST_VALUES} values")
    if len(set(codes)) < len(codes):
        yield FieldError("values", "value_twice", "Two values have the same code")
    if any(
        not each.code or len(each.code) > ID_LENGTH or len(each.value) > NAME_LENGTH for each in characteristic.values
    ):
        yield FieldError("values", "value_length", "A code has at most 60 characters, its words at most 100")
    try:
        checked_value(characteristic, characteristic.default)
    except ValueError as error:
        yield FieldError("default", "default_value", str(error))


def _is_empty(value: object) -> bool:
    return value is None or value == ""


def _needs_auth_code(characteristic: Characteristic, values: Mapping[str, Any]) -> bool:
    return characteristic.id == "auth_code" and characteristic.is_inherited and values.get("action") == "transfer"


def _number(written: str) -> str:
    try:
        found = Decimal(written.replace(",", "."))
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or len(written) > 30:  # noqa: PLR2004 - longer than any number people type
        raise ValueError("Enter a number")
    return f"{found:f}"


def _boolean(written: str) -> bool:
    if written.lower() in TRUE_WORDS:
        return True
    if written.lower() in FALSE_WORDS:
        return False
    raise ValueError("Choose yes or no")


def domain_of(product_type: ProductType, values: Mapping[str, Any]) -> str | None:
    """Return the name a product of the domain kind is ordered with; None where it is no domain, or nobody has said."""
    name = values.get(DOMAIN) if product_type.kind is ProductKind.DOMAIN else None
    return str(name) if name else None


def domain_name(written: str) -> str:
    """Return a domain name as IDNA 2008 writes it in ASCII, in lower case; ValueError for what is none."""
    try:
        name = idna.encode(written.strip().rstrip("."), uts46=True).decode()
    except UnicodeError:  # what idna raises is one
        name = ""
    if not DOMAIN_NAME.fullmatch(name) or len(name) > LONGEST_DOMAIN:
        raise ValueError("Enter a domain name, such as example.com")
    return name
