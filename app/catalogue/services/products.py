"""Products: created, edited, marked and deleted (CB-02)."""

from __future__ import annotations

import enum
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ARRAY, CursorResult, Uuid, any_, column, delete, func, literal, or_, select, table, update
from sqlalchemy.exc import IntegrityError

from app.audit.services import Actor, record
from app.catalogue.attachments.models import GalleryPicture, StoredImage
from app.catalogue.bundles.services import (
    is_bundle_type,
    is_publishable,
    publishing_errors,
    unpublish_bundles_of_hidden,
)
from app.catalogue.errors import ProductNotFound, ProductOffered, StillUsed
from app.catalogue.models import Audience, Product, ProductGroup, ProductPrice, SaleMode
from app.catalogue.pending_charges import tax_pending_charges
from app.catalogue.product_lists import ProductFilter
from app.catalogue.queries import get_product
from app.catalogue.services.product_details import ProductDetails, columns_of, detail_errors, slug_errors
from app.catalogue.text import search_text, slugified
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.core.ids import new_id
from app.core.versions import lock_at_version
from tenants.context import current_scope

CODE_LENGTH = 64
CODE = re.compile(r"[A-Za-z0-9._-]+")

# Who refers to products stands in domains above this one: the tables are named, their models are not imported.
USED_IN = (
    ("order_items", "orders"),
    ("subscriptions", "subscriptions"),
    ("assets", "purchases"),
    ("bundle_components", "bundles"),
)
LET_GO = ("basket_items", "price_list_entries")


@dataclass(frozen=True, slots=True)
class NewProduct:
    """A product to be made by hand. The code is unique in the catalogue, ignoring case."""

    code: str
    details: ProductDetails
    slug: str = ""  # empty: from the name
    segment: str = "Commercial"
    tags: tuple[str, ...] = ()
    plan_edition: str | None = None  # free or standard: a reseller plan (RS-04)


class ProductMark(enum.Enum):
    """What can be set on many products at once."""

    PUBLISH = "publish"
    UNPUBLISH = "unpublish"
    ACTIVATE = "activate"
    DEACTIVATE = "deactivate"
    MARK_NEW = "mark_new"
    UNMARK_NEW = "unmark_new"
    FEATURE = "feature"
    UNFEATURE = "unfeature"
    MARK_POPULAR = "mark_popular"
    UNMARK_POPULAR = "unmark_popular"


MARKS: dict[ProductMark, dict[str, Any]] = {
    ProductMark.PUBLISH: {"is_published": True},
    ProductMark.UNPUBLISH: {"is_published": False},
    ProductMark.ACTIVATE: {"is_active": True},
    ProductMark.DEACTIVATE: {"is_active": False},
    ProductMark.MARK_NEW: {"is_new": True},
    ProductMark.UNMARK_NEW: {"is_new": False},
    ProductMark.FEATURE: {"is_featured": True},
    ProductMark.UNFEATURE: {"is_featured": False},
    ProductMark.MARK_POPULAR: {"is_popular": True},
    ProductMark.UNMARK_POPULAR: {"is_popular": False},
}


def create_product(new: NewProduct, *, actor: Actor, at: datetime) -> Product:
    """Make a product; it gets its prices afterwards. Raises Invalid. Source: CB-02."""
    details, code = new.details, new.code.strip()
    errors = [*_code_errors(code), *detail_errors(details), *_group_errors(details, None)]
    errors += slug_errors(details.slug, None)
    if details.is_published and details.is_active and details.sale is not SaleMode.ENQUIRY:
        errors.append(FieldError("is_published", "no_price", "Add a price before you publish the product"))
    if errors:
        raise Invalid(*errors)
    group_name = _group_name(details.group_id)
    product = Product(
        id=new_id(),
        code=code,
        code_key=code.lower(),
        slug=details.slug or _free_slug(new.slug or details.name, code),
        search_text=search_text(name=details.name, code=code, vendor=details.vendor, group_name=group_name),
        segment=new.segment,
        tags=list(new.tags),
        plan_edition=new.plan_edition,
        published_at=at if details.is_published else None,
        created_at=at,
        updated_at=at,
        **columns_of(details),
    )
    session.add(product)
    session.flush()
    record("catalogue.product_created", actor=actor, at=at, target_kind="product", target_id=product.id,
           after={"code": product.code, "name": product.name})  # fmt: skip
    return product


def update_product(product_id: UUID, details: ProductDetails, *, version: int, actor: Actor, at: datetime) -> Product:
    """Change a product. Its code never changes, its type only until it is sold.

    Raises ProductNotFound, StaleVersion, Invalid.
    """
    product = get_product(product_id)
    lock_at_version(product, version, name=product.name)
    errors = [*detail_errors(details), *slug_errors(details.slug, product)]
    if details.product_type_id != product.product_type_id and count_uses(product_id):
        errors.append(
            FieldError("product_type_id", "type_frozen", "The product was ordered; its type cannot change any more")
        )
    elif (details.group_id, details.product_type_id) != (product.group_id, product.product_type_id):
        errors += _group_errors(details, product_id)
    needs_price = details.is_published and details.is_active and details.sale is not SaleMode.ENQUIRY
    if needs_price and not _has_price(product_id):
        errors.append(FieldError("is_published", "no_price", "Add a price before you publish the product"))
    elif details.is_published and details.is_active and is_bundle_type(details.product_type_id):
        errors += publishing_errors(product_id)
    if errors:
        raise Invalid(*errors)
    columns = columns_of(details) | ({"slug": details.slug} if details.slug else {})
    before = {name: getattr(product, name) for name in columns}
    for name, value in columns.items():
        setattr(product, name, value)
    product.search_text = search_text(
        name=product.name, code=product.code, vendor=product.vendor, group_name=_group_name(product.group_id)
    )
    if product.is_published and product.published_at is None:
        product.published_at = at
    product.version, product.updated_at = product.version + 1, at
    changed = {name for name, value in columns.items() if before[name] != value}
    if changed & {"is_published", "is_active"}:
        session.flush()
        unpublish_bundles_of_hidden(at=at)
    if "is_taxable" in changed:
        tax_pending_charges(product)
    record("catalogue.product_changed", actor=actor, at=at, target_kind="product", target_id=product.id,
           before={name: before[name] for name in changed}, after={name: columns[name] for name in changed})  # fmt: skip
    return product


def mark_products(
    mark: ProductMark, wanted: ProductFilter, *, product_ids: Collection[UUID] | None = None, actor: Actor, at: datetime
) -> int:
    """Set a mark on chosen products, or on all a filter finds; returns how many it changed. One statement.

    Publishing and activating pass over products without a price that are not sold on request; publishing one imported for reference shows it to all.
    """
    values = dict(MARKS[mark])
    conditions = wanted.conditions()
    if product_ids is not None:
        conditions.append(Product.id == any_(literal(list(product_ids), ARRAY(Uuid))))
    if mark is ProductMark.PUBLISH:
        values["audience"] = func.coalesce(
            func.nullif(Product.audience, literal(Audience.NOBODY, Product.audience.type)),
            literal(Audience.EVERYONE, Product.audience.type),
        )
    if mark in {ProductMark.PUBLISH, ProductMark.ACTIVATE}:
        priced = select(ProductPrice.id).where(
            ProductPrice.distributor_id == Product.distributor_id, ProductPrice.product_id == Product.id
        )
        conditions.append(or_(Product.sale == SaleMode.ENQUIRY, priced.correlate(Product).exists()))
    if mark is ProductMark.PUBLISH:
        values["published_at"] = func.coalesce(Product.published_at, at)
        conditions.append(is_publishable())
    (name,) = MARKS[mark]
    result = session.execute(
        update(Product)
        .where(*conditions, getattr(Product, name) != MARKS[mark][name])
        .values(version=Product.version + 1, updated_at=at, **values)
        .execution_options(synchronize_session=False)
    )
    session.expire_all()
    if mark in {ProductMark.UNPUBLISH, ProductMark.DEACTIVATE}:
        unpublish_bundles_of_hidden(at=at)
    changed = cast("CursorResult[Any]", result).rowcount
    record(f"catalogue.products_{mark.value}", actor=actor, at=at, target_kind="product", after={"products": changed})
    return changed


def delete_product(product_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Delete a product nobody has ever ordered, with its prices. Raises ProductNotFound, StillUsed, ProductOffered (CB-F7)."""
    product = get_product_for_update(product_id)
    for table_name, words in USED_IN:
        if count := _count(table_name, product_id):
            raise StillUsed(product.name, count, words, "Deactivate it instead: it leaves the catalogue at once.")
    name, code = product.name, product.code
    shown = (GalleryPicture.distributor_id == product.distributor_id, GalleryPicture.product_id == product_id)
    image_ids = [*session.scalars(select(GalleryPicture.image_id).where(*shown)), product.image_id]
    try:
        with session.begin_nested():
            for table_name in LET_GO:
                referring = _table(table_name)
                session.execute(
                    delete(referring).where(
                        referring.c.distributor_id == product.distributor_id, referring.c.product_id == product_id
                    )
                )
            session.delete(product)
            session.flush()
            images = (StoredImage.distributor_id == product.distributor_id, StoredImage.id.in_(filter(None, image_ids)))
            session.execute(delete(StoredImage).where(*images))
    except IntegrityError as error:  # rows of a reseller, which row security hides from us and the foreign key does not
        raise ProductOffered(name) from error
    record("catalogue.product_deleted", actor=actor, at=at, target_kind="product", target_id=product_id,
           before={"code": code, "name": name})  # fmt: skip


def count_uses(product_id: UUID) -> int:
    """Return how many order items, subscriptions and assets refer to a product."""
    return sum(_count(table_name, product_id) for table_name, _ in USED_IN)


def get_product_for_update(product_id: UUID) -> Product:
    """Return a product, locked until the caller commits; raises ProductNotFound."""
    found = session.scalar(
        select(Product)
        .where(Product.distributor_id == current_scope().distributor_id, Product.id == product_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise ProductNotFound(product_id)
    return found


def _code_errors(code: str) -> list[FieldError]:
    if not CODE.fullmatch(code) or len(code) > CODE_LENGTH:
        message = f"Enter 1 to {CODE_LENGTH} letters, digits, dots, dashes or underscores"
        return [FieldError("code", "code_invalid", message)]
    taken = select(Product.id).where(
        Product.distributor_id == current_scope().distributor_id, Product.code_key == code.lower()
    )
    if session.scalar(taken) is not None:
        return [FieldError("code", "code_taken", "Another product has this code")]
    return []


def _group_errors(details: ProductDetails, product_id: UUID | None) -> list[FieldError]:
    """Say that a group holds products of another type: its editions are compared by what one type selects (SF-19)."""
    if details.group_id is None:
        return []
    other = select(Product.id).where(
        Product.distributor_id == current_scope().distributor_id,
        Product.group_id == details.group_id,
        Product.product_type_id != details.product_type_id,
    )
    if product_id is not None:
        other = other.where(Product.id != product_id)
    if session.scalar(other.limit(1)) is None:
        return []
    return [FieldError("group_id", "group_other_type", "Products of another type stand in this group; choose another")]


def _has_price(product_id: UUID) -> bool:
    statement = select(ProductPrice.id).where(
        ProductPrice.distributor_id == current_scope().distributor_id, ProductPrice.product_id == product_id
    )
    return session.scalar(statement.limit(1)) is not None


def _group_name(group_id: UUID | None) -> str:
    if group_id is None:
        return ""
    statement = select(ProductGroup.name).where(
        ProductGroup.distributor_id == current_scope().distributor_id, ProductGroup.id == group_id
    )
    return session.scalar(statement) or ""


def _free_slug(wanted: str, code: str) -> str:
    slug = slugified(wanted, otherwise=code)
    taken = select(Product.id).where(Product.distributor_id == current_scope().distributor_id, Product.slug == slug)
    if session.scalar(taken) is None:
        return slug
    return f"{slug}-{slugified(code, otherwise='product')}"


def _table(name: str) -> Any:
    return table(name, column("distributor_id", Uuid()), column("product_id", Uuid()))


def _count(table_name: str, product_id: UUID) -> int:
    referring = _table(table_name)
    statement = select(func.count()).where(
        referring.c.distributor_id == current_scope().distributor_id, referring.c.product_id == product_id
    )
    return session.scalar(statement.select_from(referring)) or 0
