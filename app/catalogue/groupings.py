"""Product groups with their comparison, industries and price groups: what gathers products beside categories (CB-08)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, text

from app.audit.changes import changes_of
from app.audit.services import Actor, record
from app.catalogue.errors import GroupingNotFound, StillUsed
from app.catalogue.models import Category, Industry, PriceGroup, Product, ProductGroup
from app.catalogue.text import search_text, slugified
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.core.ids import new_id
from app.core.versions import lock_at_version
from tenants.context import current_scope

NAME_LENGTH, GROUP_NAME_LENGTH, TEXT_LENGTH = 100, 255, 4000
MOST_FEATURES, FEATURE_LENGTH, CELL_LENGTH = 100, 100, 100
MOST_POSITIONS = 100_000
# Price lists stand in a domain above this one: their table is named, its model is not imported.
_LINES_OF_GROUP = text(
    "SELECT count(*) FROM price_list_group_lines WHERE distributor_id = :here AND price_group_id = :id"
)
Listed = TypeVar("Listed", Industry, PriceGroup)
_POSITION = FieldError("position", "position_range", f"Enter a whole number up to {MOST_POSITIONS:,}")


@dataclass(frozen=True, slots=True)
class GroupDetails:
    """What a person says about a product group."""

    name: str
    description: str = ""
    vendor: str = ""
    category_id: UUID | None = None
    position: int = 0


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A group with how many products it has, and how many of them are published: without one it is hidden."""

    group: ProductGroup
    products: int
    published: int


@dataclass(frozen=True, slots=True)
class Feature:
    """A row of a comparison: what each product has of it, "yes", "no" or a text."""

    name: str
    values: Mapping[UUID, str]


def get_group(group_id: UUID) -> ProductGroup:
    """Return a product group; raises GroupingNotFound."""
    found: ProductGroup = _get(ProductGroup, group_id, "product group")
    return found


def list_group_lines(search: str = "", *, limit: int | None = None, offset: int = 0) -> Sequence[GroupLine]:
    """Return product groups by position and name, with counts. One statement."""
    distributor_id = current_scope().distributor_id
    counts = (
        select(
            Product.group_id,
            func.count().label("products"),
            func.count().filter(Product.is_published & Product.is_active).label("published"),
        )
        .where(Product.distributor_id == distributor_id)
        .group_by(Product.group_id)
        .subquery()
    )
    statement = (
        select(ProductGroup, func.coalesce(counts.c.products, 0), func.coalesce(counts.c.published, 0))
        .outerjoin(counts, counts.c.group_id == ProductGroup.id)
        .where(*_found(search))
        .order_by(ProductGroup.position, ProductGroup.name, ProductGroup.id)
        .limit(limit)
        .offset(offset)
    )
    return [GroupLine(*row) for row in session.execute(statement)]


def count_groups(search: str = "") -> int:
    """Return how many product groups a search finds."""
    return session.scalar(select(func.count()).select_from(ProductGroup).where(*_found(search))) or 0


def products_of_group(group_id: UUID) -> Sequence[Product]:
    """Return the editions of a group in their order."""
    return session.scalars(
        select(Product)
        .where(Product.distributor_id == current_scope().distributor_id, Product.group_id == group_id)
        .order_by(Product.position, Product.name, Product.id)
    ).all()


def comparison_of(group: ProductGroup) -> tuple[Feature, ...]:
    """Return a group's comparison."""
    return tuple(
        Feature(str(row["feature"]), {UUID(key): str(value) for key, value in row["values"].items()})
        for row in group.comparison
    )


def create_group(details: GroupDetails, *, actor: Actor, at: datetime) -> ProductGroup:
    """Make a product group. Raises Invalid."""
    _require_group(details, None)
    group = ProductGroup(id=new_id(), slug=_free_slug(ProductGroup, details.name), **_group_columns(details))
    session.add(group)
    session.flush()
    record("catalogue.group_created", actor=actor, at=at, target_kind="product_group", target_id=group.id,
           after={"name": group.name})  # fmt: skip
    return group


def update_group(group_id: UUID, details: GroupDetails, *, version: int, actor: Actor, at: datetime) -> ProductGroup:
    """Change a product group; its address stays. Its products are found by the new name.

    Raises GroupingNotFound, StaleVersion, Invalid.
    """
    group = get_group(group_id)
    lock_at_version(group, version, name=group.name)
    _require_group(details, group)
    before = {name: getattr(group, name) for name in _group_columns(details)}
    for name, value in _group_columns(details).items():
        setattr(group, name, value)
    group.version += 1
    if before["name"] != group.name:
        for product in products_of_group(group_id):
            product.search_text = search_text(
                name=product.name, code=product.code, vendor=product.vendor, group_name=group.name
            )
    record("catalogue.group_changed", actor=actor, at=at, target_kind="product_group", target_id=group_id,
           before=before, after=_group_columns(details))  # fmt: skip
    return group


def set_comparison(group_id: UUID, features: Sequence[Feature], *, version: int, actor: Actor, at: datetime) -> None:
    """Write a group's comparison. Raises GroupingNotFound, StaleVersion, Invalid at `features`."""
    group = get_group(group_id)
    lock_at_version(group, version, name=group.name)
    own = {product.id for product in products_of_group(group_id)}
    errors: list[FieldError] = []
    names = [feature.name.strip().lower() for feature in features]
    if len(features) > MOST_FEATURES:
        errors.append(FieldError("features", "too_many", f"Compare at most {MOST_FEATURES} features"))
    if len(set(names)) < len(names):
        errors.append(FieldError("features", "feature_twice", "A feature stands there twice"))
    if any(not 0 < len(feature.name.strip()) <= FEATURE_LENGTH for feature in features):
        errors.append(FieldError("features", "feature_length", f"A feature has 1 to {FEATURE_LENGTH} characters"))
    if any(len(value) > CELL_LENGTH for feature in features for value in feature.values.values()):
        errors.append(FieldError("features", "value_length", f"A value has at most {CELL_LENGTH} characters"))
    if errors:
        raise Invalid(*errors)
    group.version += 1
    group.comparison = [
        {
            "feature": feature.name.strip(),
            "values": {
                str(key): value.strip() for key, value in feature.values.items() if key in own and value.strip()
            },
        }
        for feature in features
    ]
    record("catalogue.comparison_set", actor=actor, at=at, target_kind="product_group", target_id=group_id,
           after={"features": len(features)})  # fmt: skip


def delete_group(group_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Delete a group without products. Raises GroupingNotFound, StillUsed."""
    group = get_group(group_id)
    if products := _count_products(Product.group_id == group_id):
        raise StillUsed(group.name, products, "products", "Move them to another group first.")
    session.delete(group)
    record("catalogue.group_deleted", actor=actor, at=at, target_kind="product_group", target_id=group_id,
           before={"name": group.name})  # fmt: skip


def list_industries() -> Sequence[Industry]:
    """Return the distributor's industries in their order."""
    return session.scalars(
        select(Industry)
        .where(Industry.distributor_id == current_scope().distributor_id)
        .order_by(Industry.position, Industry.name)
    ).all()


def list_price_groups() -> Sequence[PriceGroup]:
    """Return the distributor's price groups by name."""
    return session.scalars(
        select(PriceGroup).where(PriceGroup.distributor_id == current_scope().distributor_id).order_by(PriceGroup.name)
    ).all()


def add_industry(name: str, position: int, *, actor: Actor, at: datetime) -> Industry:
    """Make an industry. Raises Invalid."""
    _require_industry(name, position, None)
    made = Industry(id=new_id(), slug=_free_slug(Industry, name), name=name.strip(), position=position)
    session.add(made)
    return _saved(made, "industry", actor=actor, at=at)


def get_industry(industry_id: UUID) -> Industry:
    """Return an industry; raises GroupingNotFound."""
    found: Industry = _get(Industry, industry_id, "industry")
    return found


def change_industry(
    industry_id: UUID, name: str, position: int, *, version: int, actor: Actor, at: datetime
) -> Industry:
    """Rename an industry; its address stays. Raises GroupingNotFound, StaleVersion, Invalid."""
    industry = get_industry(industry_id)
    lock_at_version(industry, version, name=industry.name)
    _require_industry(name, position, industry)
    industry.name, industry.position, industry.version = name.strip(), position, industry.version + 1
    return _saved(industry, "industry", actor=actor, at=at)


def delete_industry(industry_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Delete an industry no product has. Raises GroupingNotFound, StillUsed."""
    _delete(Industry, industry_id, "industry", Product.industry_id == industry_id, actor=actor, at=at)


def add_price_group(name: str, *, actor: Actor, at: datetime) -> PriceGroup:
    """Make a price group. Raises Invalid."""
    _require_name(PriceGroup, name, None, NAME_LENGTH)
    made = PriceGroup(id=new_id(), name=name.strip())
    session.add(made)
    return _saved(made, "price_group", actor=actor, at=at)


def get_price_group(price_group_id: UUID) -> PriceGroup:
    """Return a price group; raises GroupingNotFound."""
    found: PriceGroup = _get(PriceGroup, price_group_id, "price group")
    return found


def change_price_group(price_group_id: UUID, name: str, *, version: int, actor: Actor, at: datetime) -> PriceGroup:
    """Rename a price group. Raises GroupingNotFound, StaleVersion, Invalid."""
    group = get_price_group(price_group_id)
    lock_at_version(group, version, name=group.name)
    _require_name(PriceGroup, name, group, NAME_LENGTH)
    group.name, group.version = name.strip(), group.version + 1
    return _saved(group, "price_group", actor=actor, at=at)


def delete_price_group(price_group_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Delete a price group no product has, and no price list a line for. Raises GroupingNotFound, StillUsed."""
    used = {"here": current_scope().distributor_id, "id": price_group_id}
    if lines := session.scalar(_LINES_OF_GROUP, used):
        name = _get(PriceGroup, price_group_id, "price group").name
        raise StillUsed(name, lines, "lines of price lists", "Take them out first.")
    _delete(PriceGroup, price_group_id, "price group", Product.price_group_id == price_group_id, actor=actor, at=at)


def products_by_grouping(column: Any) -> Mapping[UUID, int]:
    """Return how many products have each value of a column of `Product`. One statement."""
    rows = session.execute(
        select(column, func.count())
        .where(Product.distributor_id == current_scope().distributor_id, column.is_not(None))
        .group_by(column)
    )
    return {key: count for key, count in rows}  # noqa: C416 - a row is no pair to mypy


def _get(model: Any, row_id: UUID, words: str) -> Any:
    found = session.scalar(
        select(model).where(model.distributor_id == current_scope().distributor_id, model.id == row_id)
    )
    if found is None:
        raise GroupingNotFound(words, row_id)
    return found


def _saved(row: Listed, kind: str, *, actor: Actor, at: datetime) -> Listed:
    before, after = changes_of(row)
    session.flush()
    record(f"catalogue.{kind}_saved", actor=actor, at=at, target_kind=kind, target_id=row.id,
           before=before, after=after)  # fmt: skip
    return row


def _require_industry(name: str, position: int, industry: Industry | None) -> None:
    _require_name(Industry, name, industry, NAME_LENGTH)
    if not -MOST_POSITIONS <= position <= MOST_POSITIONS:
        raise Invalid(_POSITION)


def _delete(model: Any, row_id: UUID, words: str, uses: ColumnElement[bool], *, actor: Actor, at: datetime) -> None:
    found = _get(model, row_id, words)
    if products := _count_products(uses):
        raise StillUsed(found.name, products, "products", "Take it off them first.")
    session.delete(found)
    kind = words.replace(" ", "_")
    record(f"catalogue.{kind}_deleted", actor=actor, at=at, target_kind=kind, target_id=row_id,
           before={"name": found.name})  # fmt: skip


def _count_products(condition: ColumnElement[bool]) -> int:
    statement = select(func.count()).select_from(Product)
    return session.scalar(statement.where(Product.distributor_id == current_scope().distributor_id, condition)) or 0


def _require_group(details: GroupDetails, group: ProductGroup | None) -> None:
    errors: list[FieldError] = []
    try:
        _require_name(ProductGroup, details.name, group, GROUP_NAME_LENGTH)
    except Invalid as refusal:
        errors += refusal.errors
    if len(details.description) > TEXT_LENGTH:
        errors.append(FieldError("description", "description_length", f"Enter at most {TEXT_LENGTH} characters"))
    if not -MOST_POSITIONS <= details.position <= MOST_POSITIONS:
        errors.append(_POSITION)
    if details.category_id is not None and not session.scalar(
        select(Category.id).where(
            Category.distributor_id == current_scope().distributor_id, Category.id == details.category_id
        )
    ):
        errors.append(FieldError("category_id", "category_unknown", "Choose a category"))
    if errors:
        raise Invalid(*errors)


def _require_name(model: Any, name: str, own: Any, length: int) -> None:
    wanted = name.strip()
    if not 0 < len(wanted) <= length:
        raise Invalid.field("name", "name_length", f"Enter a name of 1 to {length} characters")
    statement = select(model.id).where(
        model.distributor_id == current_scope().distributor_id, func.lower(model.name) == wanted.lower()
    )
    if own is not None:
        statement = statement.where(model.id != own.id)
    if session.scalar(statement.limit(1)) is not None:
        raise Invalid.field("name", "name_taken", "Another one has this name")


def _free_slug(model: Any, name: str) -> str:
    slug = slugified(name, otherwise="group")[:90]
    taken = select(model.id).where(model.distributor_id == current_scope().distributor_id, model.slug == slug)
    return slug if session.scalar(taken) is None else f"{slug}-{new_id().hex[-8:]}"


def _group_columns(details: GroupDetails) -> dict[str, Any]:
    return {
        "name": details.name.strip(),
        "description": details.description.strip() or None,
        "vendor": details.vendor.strip()[:200] or None,
        "category_id": details.category_id,
        "position": details.position,
    }


def _found(search: str) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [ProductGroup.distributor_id == current_scope().distributor_id]
    if words := search.strip():
        found.append(
            or_(
                ProductGroup.name.icontains(words, autoescape=True),
                ProductGroup.vendor.icontains(words, autoescape=True),
            )
        )
    return found
