"""Categories as a storefront's visitor walks them: visible ones that hold something for this storefront."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from app.catalogue.models import Category, Industry
from app.core.db import session
from app.core.errors import NotFound
from tenants.changes import Kept
from tenants.context import current_scope


@dataclass(frozen=True, slots=True)
class CategoryNode:
    """A category and those below it."""

    id: UUID
    name: str
    slug: str
    icon: str
    children: tuple[CategoryNode, ...]

    @property
    def ids(self) -> tuple[UUID, ...]:
        """The category and all below it: choosing one chooses its branch."""
        return (self.id, *(found for child in self.children for found in child.ids))


_TREES: Kept[tuple[CategoryNode, ...]] = Kept(10_000, by_account=False)


def category_tree() -> tuple[CategoryNode, ...]:
    """Return the distributor's visible categories in their order. At most one statement."""
    return _TREES.of((), _read_tree)


def _read_tree() -> tuple[CategoryNode, ...]:
    rows = session.scalars(
        select(Category)
        .where(Category.distributor_id == current_scope().distributor_id, Category.is_visible)
        .order_by(Category.position, Category.name)
    ).all()

    def below(parent_id: UUID | None) -> tuple[CategoryNode, ...]:
        return tuple(
            CategoryNode(row.id, row.name, row.slug, row.icon, below(row.id))
            for row in rows
            if row.parent_id == parent_id
        )

    return below(None)


@dataclass(frozen=True, slots=True)
class IndustryChoice:
    """An industry that visitors may narrow the catalogue to."""

    id: UUID
    name: str
    slug: str


_INDUSTRIES: Kept[tuple[IndustryChoice, ...]] = Kept(10_000, by_account=False)


def industry_choices() -> tuple[IndustryChoice, ...]:
    """Return the distributor's industries in their order. At most one statement."""
    return _INDUSTRIES.of((), _read_industries)


def _read_industries() -> tuple[IndustryChoice, ...]:
    rows = session.scalars(
        select(Industry)
        .where(Industry.distributor_id == current_scope().distributor_id)
        .order_by(Industry.position, Industry.name)
    )
    return tuple(IndustryChoice(row.id, row.name, row.slug) for row in rows)


def category_by_slug(tree: Sequence[CategoryNode], slug: str) -> CategoryNode:
    """Return one category of a tree; raises NotFound."""
    for node in tree:
        if node.slug == slug:
            return node
        try:
            return category_by_slug(node.children, slug)
        except NotFound:
            continue
    raise NotFound("There is no such category")
