"""What a vendor says it sells, typed: item by item, so that a bad one spoils nothing but itself (CB-15, CB-22).

Amounts of the feed are for the whole term (decisions section 5). The minimum is one product type; without a list of
products the feed says nothing about them, and none is retired for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from app.catalogue.characteristics import Characteristic, CodedValue, DataType, as_json, definition_errors
from app.catalogue.imports.sheet import is_currency, per_cycle
from app.catalogue.models import BillingCycle, ProductKind, Term
from app.catalogue.units import ONCE, Unit, instalments
from app.catalogue.vendor_runs.errors import DefinitionRefused, ItemRefused
from app.core.money import round_unit

LONGEST_ID, LONGEST_NAME, LONGEST_DESCRIPTION = 200, 255, 4000
MOST_AMOUNT = Decimal("99999999.9999")
TERMS = {term.value.upper(): term for term in Term}
CYCLES = {cycle.value: cycle for cycle in BillingCycle}
KINDS = {
    "subscription": ProductKind.SUBSCRIPTION,
    "pay_per_use": ProductKind.PAY_PER_USE,
    "one_off": ProductKind.ONE_OFF,
}
TYPE, PRODUCT, ADD_ON = "type", "product", "add_on"

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DefinedType:
    """A product type of the vendor; `characteristics` as the catalogue stores them."""

    external_id: str
    name: str
    kind: ProductKind
    characteristics: Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class DefinedPrice:
    """What one term costs, billed so often: per cycle, and as the vendor says for the whole term."""

    term: Term
    cycle: BillingCycle
    currency: str
    cost: Decimal
    price: Decimal
    term_cost: Decimal
    term_price: Decimal
    valid_from: date | None


@dataclass(frozen=True, slots=True)
class DefinedProduct:
    """A product or add-on of the vendor."""

    external_id: str
    type_id: str
    name: str
    description: str
    characteristics: Mapping[str, str]
    prices: Sequence[DefinedPrice]
    upgrades_to: Sequence[str]
    parents: Sequence[str]
    is_add_on: bool

    @property
    def entity_kind(self) -> str:
        """What the log calls it."""
        return ADD_ON if self.is_add_on else PRODUCT


@dataclass(frozen=True, slots=True)
class BadItem:
    """An item that cannot be read. It is still in the feed, so it is not retired."""

    entity_kind: str
    external_id: str  # empty: not even that could be read
    reason: str


@dataclass(frozen=True, slots=True)
class Definition:
    """A vendor's whole feed. `lists_products` False: it says nothing about products."""

    types: Sequence[DefinedType]
    products: Sequence[DefinedProduct]
    bad: Sequence[BadItem]
    lists_products: bool

    @property
    def product_ids(self) -> frozenset[str]:
        """The ids of all products and add-ons in the feed, readable or not."""
        return frozenset(
            {product.external_id for product in self.products}
            | {item.external_id for item in self.bad if item.entity_kind != TYPE}
        )

    @property
    def names_all_products(self) -> bool:
        """Whether what is missing is gone: an item without an id may be any product."""
        return self.lists_products and not any(not item.external_id for item in self.bad if item.entity_kind != TYPE)


def read_definition(feed: object) -> Definition:
    """Read a feed. Raises DefinitionRefused where it is none, or names no product type at all."""
    if not isinstance(feed, Mapping):
        raise DefinitionRefused("The service manager's answer is no services definition")
    bad: list[BadItem] = []
    types = [each for each in _items(feed, "types", TYPE, _type, bad) if isinstance(each, DefinedType)]
    if not types and not any(item.entity_kind == TYPE for item in bad):
        raise DefinitionRefused("The services definition has no product type; it needs at least one")
    products = [
        each
        for name, kind in (("products", PRODUCT), ("addOns", ADD_ON))
        for each in _items(feed, name, kind, _product, bad)
        if isinstance(each, DefinedProduct)
    ]
    return Definition(types, _once(products, bad), bad, "products" in feed)


def _items(feed: Fields, name: str, kind: str, read: Any, bad: list[BadItem]) -> Iterator[object]:
    listed = feed.get(name, [])
    if not isinstance(listed, list):
        raise DefinitionRefused(f"“{name}” of the services definition is no list")
    for item in listed:
        external_id = ""
        try:
            fields = _fields(item)
            external_id = _text(fields, "id", LONGEST_ID)
            yield read(fields, external_id, is_add_on=kind == ADD_ON)
        except ItemRefused as refusal:
            bad.append(BadItem(kind, external_id, str(refusal)))


def _fields(item: object) -> Fields:
    if not isinstance(item, Mapping):
        raise ItemRefused("The item is no object")
    return item


def _once(products: Sequence[DefinedProduct], bad: list[BadItem]) -> Sequence[DefinedProduct]:
    """Keep the first of several items with one id; the others are named in the log."""
    found: dict[str, DefinedProduct] = {}
    for product in products:
        if product.external_id in found:
            bad.append(BadItem(product.entity_kind, product.external_id, "The feed names this id twice"))
        else:
            found[product.external_id] = product
    return list(found.values())


def _type(item: Fields, external_id: str, *, is_add_on: bool) -> DefinedType:
    del is_add_on
    kind = KINDS.get(str(item.get("kind", "subscription")))
    if kind is None:
        raise ItemRefused(f"kind is none of {', '.join(KINDS)}")
    attributes = item.get("attributes", [])
    if not isinstance(attributes, list):
        raise ItemRefused("attributes is no list")
    return DefinedType(external_id, _text(item, "name", LONGEST_NAME), kind, _attributes(attributes))


def _attributes(items: Sequence[object]) -> Sequence[dict[str, Any]]:
    read: list[Characteristic] = []
    for item in items:
        found = _attribute(item)
        for error in definition_errors(found, read):
            raise ItemRefused(f"Attribute {found.id[:60]}: {error.message}")
        read.append(found)
    return [as_json(each) for each in read]


def _attribute(item: object) -> Characteristic:
    fields = _fields(item)
    data_types = [each.value for each in DataType]
    if fields.get("dataType", "text") not in data_types:
        raise ItemRefused(f"The attribute's dataType is none of {', '.join(data_types)}")
    values = fields.get("values", [])
    if not isinstance(values, list):
        raise ItemRefused("values of an attribute is no list")
    return Characteristic(
        id=_text(fields, "id", LONGEST_ID),
        name=_text(fields, "name", LONGEST_NAME),
        data_type=DataType(fields.get("dataType", "text")),
        is_required=fields.get("required") is True,
        asked_at_order=fields.get("askedAtOrder") is True,
        is_quantity_linked=fields.get("quantityLinked") is True,
        values=tuple(
            CodedValue(_text(_fields(each), "code", LONGEST_ID), _text(_fields(each), "value", LONGEST_NAME))
            for each in values
        ),
        default=_optional_text(fields, "default", LONGEST_NAME),
    )


def _product(item: Fields, external_id: str, *, is_add_on: bool) -> DefinedProduct:
    characteristics = item.get("attributes", {})
    if not isinstance(characteristics, Mapping):
        raise ItemRefused("attributes is no object")
    return DefinedProduct(
        external_id=external_id,
        type_id=_text(item, "typeId", LONGEST_ID),
        name=_text(item, "name", LONGEST_NAME),
        description=_optional_text(item, "description", LONGEST_DESCRIPTION),
        characteristics={str(name): str(value) for name, value in characteristics.items()},
        prices=_prices(item),
        upgrades_to=_ids(item, "upgradesTo"),
        parents=_ids(item, "parents"),
        is_add_on=is_add_on,
    )


def _prices(item: Fields) -> Sequence[DefinedPrice]:
    terms = item.get("terms", [])
    if not isinstance(terms, list):
        raise ItemRefused("terms is no list")
    found = [_price(term) for term in terms]
    keys = [(price.term, price.cycle, price.currency) for price in found]
    if len(set(keys)) < len(keys):
        raise ItemRefused("One term, billing cycle and currency is named twice")
    return found


def _price(item: object) -> DefinedPrice:
    if not isinstance(item, Mapping):
        raise ItemRefused("A term is no object")
    term = TERMS.get(str(item.get("term")).upper())
    cycle = CYCLES.get(str(item.get("billingCycle")))
    if term is None or cycle is None:
        raise ItemRefused(f"The term is none of {', '.join(TERMS)}, or its billing cycle none of {', '.join(CYCLES)}")
    times = 1 if Unit(term, cycle) == ONCE else instalments(term, cycle)
    if times is None:
        raise ItemRefused(f"A term of {term.value} cannot be billed {cycle.value}")
    currency = item.get("currency")
    if not isinstance(currency, str) or not is_currency(currency):
        raise ItemRefused("The currency is no ISO 4217 code")
    cost, price = _amount(item, "cost"), _amount(item, "suggestedPrice")
    return DefinedPrice(
        term, cycle, currency, per_cycle(cost, times), per_cycle(price, times), cost, price, _day(item, "validFrom")
    )


def _amount(item: Fields, name: str) -> Decimal:
    written = item.get(name)
    try:
        amount = Decimal(str(written)) if isinstance(written, str | int | float) else None
    except InvalidOperation:
        amount = None
    if amount is None or not amount.is_finite() or not 0 <= amount <= MOST_AMOUNT:
        raise ItemRefused(f"{name} is no amount from 0 to {MOST_AMOUNT}")
    return round_unit(amount)


def _day(item: Fields, name: str) -> date | None:
    written = item.get(name)
    if written is None:
        return None
    try:
        return date.fromisoformat(str(written))
    except ValueError as error:
        raise ItemRefused(f"{name} is no day such as 2026-03-01") from error


def _ids(item: Fields, name: str) -> Sequence[str]:
    listed = item.get(name, [])
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise ItemRefused(f"{name} is no list of ids")
    return tuple(dict.fromkeys(listed))


def _text(item: Fields, name: str, longest: int) -> str:
    found = _optional_text(item, name, longest)
    if not found:
        raise ItemRefused(f"{name} is missing")
    return found


def _optional_text(item: Fields, name: str, longest: int) -> str:
    written = item.get(name)
    if written is None:
        return ""
    if not isinstance(written, str | int) or isinstance(written, bool):
        raise ItemRefused(f"{name} is no text")
    found = " ".join(str(written).split())
    if len(found) > longest or not found.isprintable():
        raise ItemRefused(f"{name} is longer than {longest} characters, or cannot be shown")
    return found
