"""One row of a product file, typed by the mapping; what cannot be read is said, field by field (CB-14)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import select

from app.catalogue.characteristics import Characteristic, characteristics_of, checked_value, fixed_of
from app.catalogue.models import (
    BillingCycle,
    Category,
    Industry,
    PriceGroup,
    Product,
    ProductGroup,
    ProductType,
    Term,
)
from app.catalogue.product_files.fields import KINDS, price_key, units_of
from app.catalogue.product_files.models import ProductFile
from app.catalogue.product_files.tables import TableRow
from app.catalogue.services.product_details import (
    MAX_QUANTITY,
    MAX_TRIAL_DAYS,
    MAX_TRIAL_MONTHS,
    NAME_LENGTH,
    TAX_CODE_LENGTH,
)
from app.catalogue.services.products import CODE, CODE_LENGTH
from app.catalogue.units import Unit
from app.core.db import session
from app.core.ids import parse_id
from app.core.money import round_unit
from tenants.context import current_scope

MOST_AMOUNT = Decimal("99999999.9999")
VENDOR_LENGTH, UNIT_LENGTH, TAG_LENGTH, DESCRIPTION_LENGTH = 200, 40, 60, 4000
YES, NO = frozenset({"yes", "y", "true", "1", "x"}), frozenset({"no", "n", "false", "0", ""})

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DraftPrice:
    """Prices of one term and cycle, per unit and cycle; None: the row says nothing."""

    term: Term
    cycle: BillingCycle
    list_price: Decimal | None
    cost: Decimal | None
    setup_fee: Decimal | None


@dataclass(slots=True)
class Draft:
    """What a row says. A missing key of `columns` means that the row says nothing about it."""

    number: int
    code: str = ""
    name: str = ""
    type_id: UUID | None = None
    columns: dict[str, Any] = field(default_factory=dict)
    characteristics: dict[str, str | bool] = field(default_factory=dict)
    prices: list[DraftPrice] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Lookups:
    """What cells may name, by lower-case name; read once per chunk."""

    types: Mapping[str, ProductType]
    categories: Mapping[str, UUID]
    groups: Mapping[str, UUID]
    industries: Mapping[str, UUID]
    price_groups: Mapping[str, UUID]
    fixed: Mapping[str, Sequence[Characteristic]]  # of a type, by its lower-case name
    default_type: ProductType | None
    units: Sequence[Unit]
    group_types: Mapping[UUID, UUID]  # the type of what stands in a group


def lookups_for(file: ProductFile) -> Lookups:
    """Read what the cells of a file may name."""
    here = current_scope().distributor_id
    types = session.scalars(select(ProductType).where(ProductType.distributor_id == here)).all()
    default_id = parse_id(str(file.defaults.get("product_type_id") or ""))
    return Lookups(
        types={each.name.casefold(): each for each in types},
        categories=_names(Category),
        groups=_names(ProductGroup),
        industries=_names(Industry),
        price_groups=_names(PriceGroup),
        fixed={each.name.casefold(): fixed_of(each) for each in types if each.characteristics or each.inherits_from_id},
        default_type=next((each for each in types if each.id == default_id), None),
        units=units_of(file.charge_type),
        group_types=_group_types(),
    )


def read_row(row: TableRow, file: ProductFile, known: Lookups) -> Draft:
    """Read one row by the file's mapping; an empty cell says nothing."""
    return _Reader(row, file, known).draft()


class _Reader:
    def __init__(self, row: TableRow, file: ProductFile, known: Lookups) -> None:
        self.row, self.file, self.known = row, file, known
        self.found = Draft(row.number)

    def draft(self) -> Draft:
        found = self.found
        found.code, found.name = self.cell("code"), " ".join(self.cell("name").split())
        self.check(bool(CODE.fullmatch(found.code)) and len(found.code) <= CODE_LENGTH, "Code: 1 to 64 letters, digits, dots, dashes or underscores")  # fmt: skip
        self.check(0 < len(found.name) <= NAME_LENGTH, "Name: 1 to 255 characters")
        self._type()
        self._texts()
        self._numbers()
        self.named("category", "category_id", self.known.categories)
        self.named("group", "group_id", self.known.groups)
        self._group()
        self.named("industry", "industry_id", self.known.industries)
        self.named("price_group", "price_group_id", self.known.price_groups)
        self._prices()
        self._characteristics()
        return found

    def cell(self, key: str) -> str:
        column = self.file.mapping.get(key)
        return self.row.cells.get(column, "") if column is not None else ""

    def check(self, is_right: bool, problem: str) -> None:  # noqa: FBT001 - an assertion
        if not is_right:
            self.found.problems.append(problem)

    def named(self, key: str, column: str, names: Mapping[str, UUID]) -> None:
        text = self.cell(key)
        if not text:
            return
        if (row_id := names.get(text.casefold())) is None:
            self.check(False, f"There is no {key.replace('_', ' ')} “{text[:60]}”")
        else:
            self.found.columns[column] = row_id

    def read(self, key: str, column: str, convert: Callable[[str], T | None], problem: str) -> None:
        text = self.cell(key)
        if not text:
            return
        value = convert(text)
        if value is None:
            self.check(False, problem)
        else:
            self.found.columns[column] = value

    def _type(self) -> None:
        text = self.cell("type")
        product_type = self.known.types.get(text.casefold()) if text else self.known.default_type
        if product_type is None:
            self.check(False, f"There is no product type “{text[:60]}”" if text else "Product type is empty")
            return
        if product_type.kind is not KINDS[self.file.charge_type]:
            self.check(False, f"{product_type.name} is not charged as this file says")
        other = self.known.default_type
        mixes = other is not None and other.id != product_type.id
        if mixes and (characteristics_of(product_type) or (other is not None and characteristics_of(other))):
            self.check(False, "Products of types with characteristics need a file of their own")
        self.found.type_id = product_type.id

    def _group(self) -> None:
        group_id, type_id = self.found.columns.get("group_id"), self.found.type_id
        if isinstance(group_id, UUID) and type_id is not None:
            others = self.known.group_types.get(group_id, type_id)
            self.check(others == type_id, "Product group: holds products of another type")

    def _texts(self) -> None:
        self.read(
            "description", "short_description", _text(DESCRIPTION_LENGTH), "Description: at most 4,000 characters"
        )
        self.read("vendor", "vendor", _text(VENDOR_LENGTH), "Vendor: at most 200 characters")
        self.read("unit_of_measure", "unit_of_measure", _text(UNIT_LENGTH), "Unit: at most 40 characters")
        self.read("tax_code", "tax_code", _text(TAX_CODE_LENGTH), f"Tax code: at most {TAX_CODE_LENGTH} characters")
        self.read("tags", "tags", _tags, "Tags: at most 60 characters each")
        self.read("is_add_on", "is_add_on", _yes_or_no, "Add-on: yes or no")

    def _numbers(self) -> None:
        words = "a whole number from 1 to 1,000,000"
        for key, label in (("min_quantity", "Smallest quantity"), ("max_quantity", "Largest quantity"), ("step_quantity", "Step")):  # fmt: skip
            self.read(key, key, _whole(MAX_QUANTITY), f"{label}: {words}")
        self.read("trial_days", "trial_days", _whole(MAX_TRIAL_DAYS), f"Trial days: 1 to {MAX_TRIAL_DAYS}")
        words = f"Trial months: 1 to {MAX_TRIAL_MONTHS}"
        self.read("trial_months", "trial_months", _whole(MAX_TRIAL_MONTHS), words)
        given = {"trial_days", "trial_months"} & self.found.columns.keys()
        self.check(len(given) <= 1, "Trial: days or months, not both")
        if given:  # the other way to say it ends
            self.found.columns = {"trial_days": None, "trial_months": None, **self.found.columns}
        lowest, highest = self.found.columns.get("min_quantity", 1), self.found.columns.get("max_quantity")
        self.check(highest is None or lowest <= highest, "Largest quantity: below the smallest one")

    def _prices(self) -> None:
        for unit in self.known.units:
            amounts = [self._amount(price_key(kind, unit.term, unit.cycle)) for kind in ("list", "cost", "setup")]
            if any(amount is not None for amount in amounts):
                self.found.prices.append(DraftPrice(unit.term, unit.cycle, *amounts))

    def _amount(self, key: str) -> Decimal | None:
        text = self.cell(key).replace(" ", "")
        if not text:
            return None
        try:
            amount = Decimal(text)
        except InvalidOperation:
            amount = Decimal(-1)
        if not amount.is_finite() or not 0 <= amount <= MOST_AMOUNT:
            self.check(False, f"{self.file.mapping[key][:60]}: an amount from 0 to 99,999,999.9999")
            return None
        return round_unit(amount)

    def _characteristics(self) -> None:
        product_type = self.known.default_type
        if product_type is None:
            return
        for each in self.known.fixed.get(product_type.name.casefold(), ()):
            text = self.cell(f"characteristic:{each.id}")
            try:
                value = checked_value(each, text)
            except ValueError as error:
                self.check(False, f"{each.name}: {error}")
                continue
            if value is not None:
                self.found.characteristics[each.id] = value


def _text(longest: int) -> Callable[[str], str | None]:
    return lambda text: text if len(text) <= longest else None


def _whole(highest: int) -> Callable[[str], int | None]:
    def read(text: str) -> int | None:
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= highest else None  # noqa: PLR2004 - digits of a million

    return read


def _tags(text: str) -> list[str] | None:
    tags = list(dict.fromkeys(tag.strip() for tag in text.split(";") if tag.strip()))
    return tags if all(len(tag) <= TAG_LENGTH for tag in tags) else None


def _yes_or_no(text: str) -> bool | None:
    word = text.casefold()
    return True if word in YES else False if word in NO else None


def _group_types() -> dict[UUID, UUID]:
    rows = session.execute(
        select(Product.group_id, Product.product_type_id)
        .where(Product.distributor_id == current_scope().distributor_id, Product.group_id.is_not(None))
        .distinct()
    )
    return {group_id: type_id for group_id, type_id in rows if group_id is not None}


def _names(model: Any) -> dict[str, UUID]:
    rows = session.execute(
        select(model.name, model.id).where(model.distributor_id == current_scope().distributor_id).order_by(model.id)
    )
    found: dict[str, UUID] = {}
    for name, row_id in rows:
        found.setdefault(name.casefold(), row_id)
    return found
