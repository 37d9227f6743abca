"""Merging a vendor's definition into the catalogue (CB-15): who owns what, item by item.

The vendor owns the technical name, characteristics, cost, suggested price, terms and upgrade paths. The distributor owns
the display name once it was edited, category, marketing, the publish flag, list prices set by hand, and price lists.
Matched by service manager and external id; what was made by hand before under the vendor's id is taken over.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select

from app.catalogue.characteristics import as_json, characteristics_of, from_json, read_answers
from app.catalogue.models import BillingType, Product, ProductKind, ProductType
from app.catalogue.text import search_text, slugified
from app.catalogue.vendor_runs.definition import TYPE, DefinedProduct, DefinedType
from app.catalogue.vendor_runs.errors import ItemRefused
from app.catalogue.vendor_runs.models import EntryAction
from app.catalogue.vendor_runs.prices import merge_prices
from app.catalogue.vendor_runs.runs import Happened
from app.core.db import session
from app.core.ids import new_id
from tenants.context import current_scope

CODE_LENGTH = 64
NAME_LENGTH = 255
_NOT_CODE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Vendor:
    """Whose definition it is: the service manager, and how products name it."""

    service_manager_id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of a product; the caller re-prices it where a price has moved."""

    happened: Happened
    product_id: UUID
    is_price_changed: bool


def merge_type(vendor: Vendor, defined: DefinedType, *, at: datetime) -> Happened:
    """Make a product type, or bring its characteristics up to date; its name stays the distributor's."""
    found = _find_type(vendor, defined)
    if found is None:
        session.add(
            ProductType(
                id=new_id(),
                name=_free_type_name(vendor, defined.name),
                kind=defined.kind,
                vendor=vendor.name,
                service_manager_id=vendor.service_manager_id,
                external_id=defined.external_id,
                characteristics=list(defined.characteristics),
                created_at=at,
            )
        )
        session.flush()
        return Happened(TYPE, defined.external_id, EntryAction.CREATED, defined.name)
    changed = []
    if found.external_id != defined.external_id:
        found.external_id, found.service_manager_id = defined.external_id, vendor.service_manager_id
        changed.append("taken over")
    defines = _as_compared(defined, found)
    if [as_json(from_json(row)) for row in found.characteristics] != defines:
        found.characteristics = defines
        changed.append("characteristics")
    session.flush()
    action = EntryAction.UPDATED if changed else EntryAction.UNCHANGED
    return Happened(TYPE, defined.external_id, action, ", ".join(changed))


def _as_compared(defined: DefinedType, found: ProductType) -> list[dict[str, Any]]:
    """Return the vendor's definitions; what editions are compared by is the distributor's own choice."""
    compared = {row["id"] for row in found.characteristics if row.get("is_compared")}
    return [{**row, "is_compared": row["id"] in compared} for row in defined.characteristics]


def merge_product(vendor: Vendor, defined: DefinedProduct, *, today: date, at: datetime) -> Merged:
    """Make a product (inactive and unpublished), or take over what the vendor owns of it. Raises ItemRefused.

    `today` is the distributor's day: prices that begin later wait for theirs.
    """
    product_type = session.scalar(_types(vendor).where(ProductType.external_id == defined.type_id))
    if product_type is None:
        raise ItemRefused(f"There is no product type {defined.type_id}")
    values = _values(product_type, defined)
    product = _find_product(vendor, defined)
    if product is None:
        product = _new_product(vendor, defined, product_type, values, at=at)
        merge_prices(product.id, defined.prices, today=today)
        return Merged(Happened(defined.entity_kind, defined.external_id, EntryAction.CREATED, defined.name), product.id, True)  # fmt: skip
    if product.is_add_on is not defined.is_add_on:
        raise ItemRefused("It is a primary product here and an add-on there" if defined.is_add_on else "It is an add-on here and a primary product there")  # fmt: skip
    changed = _take_over(product, defined, values)
    prices = merge_prices(product.id, defined.prices, today=today)
    changed += prices
    if changed:
        product.version, product.updated_at = product.version + 1, at
    session.flush()
    action = EntryAction.UPDATED if changed else EntryAction.UNCHANGED
    return Merged(
        Happened(defined.entity_kind, defined.external_id, action, ", ".join(changed)), product.id, bool(prices)
    )


def retire_missing(vendor: Vendor, in_feed: Collection[str], *, at: datetime) -> Sequence[Happened]:
    """Mark products retired that the vendor names no more: not orderable, still renewing, never deleted."""
    gone = session.execute(
        select(Product, ProductType.id)
        .join(ProductType, _same_type())
        .where(
            Product.distributor_id == current_scope().distributor_id,
            ProductType.service_manager_id == vendor.service_manager_id,
            Product.external_id.is_not(None),
            Product.external_id.not_in(in_feed),
            Product.retired_at.is_(None),
        )
        .order_by(Product.external_id)
    ).all()
    happened = []
    for product, _ in gone:
        product.retired_at, product.updated_at, product.version = at, at, product.version + 1
        kind = "add_on" if product.is_add_on else "product"
        happened.append(Happened(kind, product.external_id or "", EntryAction.RETIRED, product.name))
    session.flush()
    return happened


def products_by_external_id(vendor: Vendor) -> Mapping[str, UUID]:
    """Return the vendor's products as the catalogue has them."""
    rows = session.execute(
        select(Product.external_id, Product.id)
        .join(ProductType, _same_type())
        .where(
            Product.distributor_id == current_scope().distributor_id,
            ProductType.service_manager_id == vendor.service_manager_id,
            Product.external_id.is_not(None),
        )
    )
    return {external_id: product_id for external_id, product_id in rows if external_id}


def _values(product_type: ProductType, defined: DefinedProduct) -> dict[str, str | bool]:
    """Return the values of the product's characteristics, as their types want them. Raises ItemRefused."""
    known = {each.id: each for each in characteristics_of(product_type)}
    if unknown := sorted(defined.characteristics.keys() - known.keys()):
        raise ItemRefused(f"The product type has no attribute {unknown[0][:60]}")
    values, errors = read_answers(list(known.values()), defined.characteristics)
    if errors:
        raise ItemRefused(f"{errors[0].field[:60]}: {errors[0].message}")
    return values


def _take_over(product: Product, defined: DefinedProduct, values: dict[str, str | bool]) -> list[str]:
    changed: list[str] = []
    if product.external_id != defined.external_id:
        product.external_id = defined.external_id
        changed.append("taken over")
    if product.retired_at is not None:
        product.retired_at = None
        changed.append("offered again")
    if product.vendor_name != defined.name:
        if product.vendor_name in (None, product.name):  # never edited here
            product.name = defined.name
            product.search_text = search_text(name=product.name, code=product.code, vendor=product.vendor)
        product.vendor_name = defined.name
        changed.append("technical name")
    if (product.vendor_description or "") != defined.description:
        if product.short_description == (product.vendor_description or ""):
            product.short_description = defined.description
        product.vendor_description = defined.description
        changed.append("description")
    if dict(product.characteristics) != values:
        product.characteristics = values
        changed.append("characteristics")
    return changed


def _new_product(
    vendor: Vendor, defined: DefinedProduct, product_type: ProductType, values: dict[str, str | bool], *, at: datetime
) -> Product:
    code = _free_code(defined.external_id)
    product = Product(
        id=new_id(),
        code=code,
        code_key=code.lower(),
        name=defined.name,
        vendor_name=defined.name,
        slug=_free_slug(defined.name, code),
        search_text=search_text(name=defined.name, code=code, vendor=vendor.name),
        short_description=defined.description,
        vendor_description=defined.description,
        product_type_id=product_type.id,
        vendor=product_type.vendor or vendor.name,
        is_add_on=defined.is_add_on,
        billing_type=(BillingType.ON_END if product_type.kind is ProductKind.PAY_PER_USE else BillingType.ON_START),
        is_active=False,
        is_published=False,
        characteristics=values,
        external_id=defined.external_id,
        created_at=at,
        updated_at=at,
    )
    session.add(product)
    session.flush()
    return product


def _types(vendor: Vendor) -> Select[ProductType]:
    return select(ProductType).where(
        ProductType.distributor_id == current_scope().distributor_id,
        ProductType.service_manager_id == vendor.service_manager_id,
    )


def _find_type(vendor: Vendor, defined: DefinedType) -> ProductType | None:
    found = session.scalar(_types(vendor).where(ProductType.external_id == defined.external_id))
    if found is not None:
        return found
    return session.scalar(
        select(ProductType).where(
            ProductType.distributor_id == current_scope().distributor_id,
            ProductType.external_id.is_(None),
            ProductType.kind == defined.kind,
            func.lower(ProductType.name) == defined.name.lower(),
            or_(
                ProductType.service_manager_id == vendor.service_manager_id,
                ProductType.service_manager_id.is_(None),
            ),
        )
    )


def _find_product(vendor: Vendor, defined: DefinedProduct) -> Product | None:
    own = (
        select(Product)
        .join(ProductType, _same_type())
        .where(
            Product.distributor_id == current_scope().distributor_id,
            ProductType.service_manager_id == vendor.service_manager_id,
        )
        .with_for_update(of=Product)
        .execution_options(populate_existing=True)
    )
    found = session.scalar(own.where(Product.external_id == defined.external_id))
    if found is not None:
        return found
    return session.scalar(own.where(Product.external_id.is_(None), Product.code_key == defined.external_id.lower()))


def _same_type() -> ColumnElement[bool]:
    return (ProductType.distributor_id == Product.distributor_id) & (ProductType.id == Product.product_type_id)


def _free_type_name(vendor: Vendor, name: str) -> str:
    for wanted in (name, f"{name} ({vendor.name})"[:NAME_LENGTH]):
        taken = select(ProductType.id).where(
            ProductType.distributor_id == current_scope().distributor_id, func.lower(ProductType.name) == wanted.lower()
        )
        if session.scalar(taken) is None:
            return wanted
    raise ItemRefused(f"Another product type is called {name}; rename it and read the definition again")


def _free_code(external_id: str) -> str:
    code = _NOT_CODE.sub("-", external_id).strip("-")[:CODE_LENGTH] or "product"
    for number in range(1, 100):
        wanted = code if number == 1 else f"{code[: CODE_LENGTH - 3]}-{number}"
        taken = select(Product.id).where(
            Product.distributor_id == current_scope().distributor_id, Product.code_key == wanted.lower()
        )
        if session.scalar(taken) is None:
            return wanted
    raise ItemRefused(f"The code {code} is taken")


def _free_slug(name: str, code: str) -> str:
    slug = slugified(name, otherwise=code)
    taken = select(Product.id).where(Product.distributor_id == current_scope().distributor_id, Product.slug == slug)
    return slug if session.scalar(taken) is None else f"{slug}-{slugified(code, otherwise='product')}"
