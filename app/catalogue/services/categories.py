"""The category tree, three levels deep, and the import's rules that sort rows into it (CB-08, decisions section 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from app.audit.services import Actor, record
from app.catalogue.errors import CategoryNotFound, StillUsed
from app.catalogue.imports.models import CategoryRule
from app.catalogue.models import Category, Product
from app.catalogue.queries import CategoryLine, category_lines, get_category
from app.catalogue.text import slugified
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.core.versions import lock_at_version
from tenants.context import current_scope

NAME_LENGTH = 100
RULE_LENGTH = 100
MAX_DEPTH = 3
ICONS = (
    "box", "grid", "layers", "cloud", "shield", "mail", "users", "phone", "settings", "activity", "star", "tag", "folder",
    "file", "lock", "building",
)  # fmt: skip
RULE_FIELDS = ("publisher", "tag", "title")


@dataclass(frozen=True, slots=True)
class CategoryDetails:
    """What a person says about a category. `parent_id` None is the top level."""

    name: str
    parent_id: UUID | None = None
    icon: str = "box"
    position: int = 0
    is_visible: bool = True


@dataclass(frozen=True, slots=True)
class RuleDetails:
    """Rows of a sheet whose publisher, tag or title contains some text belong to a category."""

    field: str
    contains: str
    category_id: UUID


def create_category(details: CategoryDetails, *, actor: Actor, at: datetime) -> Category:
    """Make a category. Raises Invalid: name taken among siblings, or below the third level."""
    name = details.name.strip()
    _require_valid(details, None)
    category = Category(
        name=name,
        parent_id=details.parent_id,
        slug=_free_slug(name),
        icon=details.icon,
        position=details.position,
        is_visible=details.is_visible,
    )
    session.add(category)
    session.flush()
    record("catalogue.category_created", actor=actor, at=at, target_kind="category", target_id=category.id,
           after={"name": category.name})  # fmt: skip
    return category


def update_category(
    category_id: UUID, details: CategoryDetails, *, version: int, actor: Actor, at: datetime
) -> Category:
    """Rename a category, or move it below another parent; its address keeps.

    Raises CategoryNotFound, StaleVersion, Invalid.
    """
    category = get_category(category_id)
    lock_at_version(category, version, name=category.name)
    _require_valid(details, category)
    before = {
        "name": category.name,
        "parent": category.parent_id,
        "icon": category.icon,
        "visible": category.is_visible,
    }
    category.name, category.parent_id = details.name.strip(), details.parent_id
    category.icon, category.position, category.is_visible = details.icon, details.position, details.is_visible
    category.version += 1
    after = {"name": category.name, "parent": category.parent_id, "icon": category.icon, "visible": category.is_visible}
    record("catalogue.category_changed", actor=actor, at=at, target_kind="category", target_id=category.id,
           before=before, after=after)  # fmt: skip
    return category


def move_category(category_id: UUID, parent_id: UUID | None, *, actor: Actor, at: datetime) -> Category:
    """Put a category below another parent, or at the top. Raises CategoryNotFound, Invalid."""
    category = get_category(category_id)
    details = CategoryDetails(category.name, parent_id, category.icon, category.position, category.is_visible)
    return update_category(category_id, details, version=category.version, actor=actor, at=at)


def delete_category(category_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Delete an empty category with its rules. Raises CategoryNotFound, StillUsed for products or children."""
    category = get_category(category_id)
    scope_id = current_scope().distributor_id
    products = session.scalar(
        select(func.count())
        .select_from(Product)
        .where(Product.distributor_id == scope_id, Product.category_id == category_id)
    )
    if products:
        raise StillUsed(category.name, products, "products", "Move them to another category first.")
    children = session.scalar(
        select(func.count())
        .select_from(Category)
        .where(Category.distributor_id == scope_id, Category.parent_id == category_id)
    )
    if children:
        raise StillUsed(category.name, children, "categories below it", "Move or delete them first.")
    for rule in session.scalars(
        select(CategoryRule).where(CategoryRule.distributor_id == scope_id, CategoryRule.category_id == category_id)
    ):
        session.delete(rule)
    session.flush()
    session.delete(category)
    session.flush()
    record("catalogue.category_deleted", actor=actor, at=at, target_kind="category", target_id=category_id,
           before={"name": category.name})  # fmt: skip


def add_rule(details: RuleDetails, *, actor: Actor, at: datetime) -> CategoryRule:
    """Save a rule of the import; it is tried after those that exist. Raises Invalid."""
    contains = details.contains.strip()
    errors: list[FieldError] = []
    if details.field not in RULE_FIELDS:
        errors.append(FieldError("field", "field_unknown", "Choose publisher, tag or title"))
    if not contains or len(contains) > RULE_LENGTH:
        errors.append(FieldError("contains", "contains_length", f"Enter 1 to {RULE_LENGTH} characters"))
    if not any(line.category.id == details.category_id for line in category_lines()):
        errors.append(FieldError("category_id", "category_unknown", "Choose a category"))
    if errors:
        raise Invalid(*errors)
    last = session.scalar(
        select(func.max(CategoryRule.position)).where(CategoryRule.distributor_id == current_scope().distributor_id)
    )
    rule = CategoryRule(
        position=(last or 0) + 1, field=details.field, contains=contains, category_id=details.category_id
    )
    session.add(rule)
    session.flush()
    record("catalogue.category_rule_added", actor=actor, at=at, target_kind="category", target_id=rule.category_id,
           after={"field": rule.field, "contains": rule.contains})  # fmt: skip
    return rule


def delete_rule(rule_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Forget a rule; products keep the category it gave them. Raises CategoryNotFound."""
    rule = session.scalar(
        select(CategoryRule).where(
            CategoryRule.distributor_id == current_scope().distributor_id, CategoryRule.id == rule_id
        )
    )
    if rule is None:
        raise CategoryNotFound(rule_id)
    session.delete(rule)
    record("catalogue.category_rule_deleted", actor=actor, at=at, target_kind="category", target_id=rule.category_id,
           before={"field": rule.field, "contains": rule.contains})  # fmt: skip


def _require_valid(details: CategoryDetails, category: Category | None) -> None:
    errors: list[FieldError] = []
    name = details.name.strip()
    lines = category_lines()
    if not name or len(name) > NAME_LENGTH:
        errors.append(FieldError("name", "name_length", f"Enter a name of 1 to {NAME_LENGTH} characters"))
    elif any(
        line.category.parent_id == details.parent_id
        and line.category.name.casefold() == name.casefold()
        and (category is None or line.category.id != category.id)
        for line in lines
    ):
        errors.append(FieldError("name", "name_taken", "Another category beside it has this name"))
    if details.icon not in ICONS:
        errors.append(FieldError("icon", "icon_unknown", "Choose an icon"))
    if details.parent_id is not None:
        errors += _parent_errors(details.parent_id, category, lines)
    if errors:
        raise Invalid(*errors)


def _parent_errors(parent_id: UUID, category: Category | None, lines: Sequence[CategoryLine]) -> list[FieldError]:
    parent = next((line for line in lines if line.category.id == parent_id), None)
    if parent is None:
        return [FieldError("parent_id", "parent_unknown", "Choose a category")]
    below = _branch(category.id, lines) if category is not None else []
    if category is not None and (parent_id == category.id or any(line.category.id == parent_id for line in below)):
        return [FieldError("parent_id", "own_child", "A category cannot stand below itself")]
    own_depth = next((line.depth for line in lines if category is not None and line.category.id == category.id), 1)
    height = max((line.depth for line in below), default=own_depth) - own_depth
    if parent.depth + 1 + height > MAX_DEPTH:
        return [FieldError("parent_id", "too_deep", f"The tree has at most {MAX_DEPTH} levels")]
    return []


def _branch(category_id: UUID, lines: Sequence[CategoryLine]) -> list[CategoryLine]:
    """Return what stands below a category: the lines after its own that are deeper."""
    start = next(number for number, line in enumerate(lines) if line.category.id == category_id)
    depth = lines[start].depth
    found: list[CategoryLine] = []
    for line in lines[start + 1 :]:
        if line.depth <= depth:
            break
        found.append(line)
    return found


def _free_slug(name: str) -> str:
    slug = slugified(name, otherwise="category")[:90]
    taken = set(
        session.scalars(
            select(Category.slug).where(
                Category.distributor_id == current_scope().distributor_id,
                Category.slug.startswith(slug, autoescape=True),
            )
        )
    )
    if slug not in taken:
        return slug
    return next(found for number in range(2, len(taken) + 3) if (found := f"{slug}-{number}") not in taken)
