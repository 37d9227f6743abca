"""Which products need, exclude and go with others: written here, read at basket, checkout and execution.

Upgrade paths and what relations mean for what is owned already stand in `paths`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, or_, select

from app.audit.services import Actor, record
from app.catalogue.models import Product, ProductRelation, RelationKind, RequiredMode
from app.catalogue.paths import set_upgrade_targets
from app.catalogue.queries import get_product
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.core.versions import lock_at_version
from tenants.context import current_scope

MOST_RELATED = 100
DEMANDS = (RelationKind.REQUIRED, RelationKind.EXCLUSIVE)  # what may stand against an order


@dataclass(frozen=True, slots=True)
class Relations:
    """Everything a product means to others, by id. `linked_add_ons` are those whose quantity is their subscription's."""

    required: tuple[UUID, ...] = ()
    required_mode: RequiredMode = RequiredMode.ALL
    exclusive: tuple[UUID, ...] = ()
    add_ons: tuple[UUID, ...] = ()
    linked_add_ons: frozenset[UUID] = frozenset()
    upgrades: tuple[UUID, ...] = ()
    related: tuple[UUID, ...] = ()


class Relation(NamedTuple):
    """One relation: the product that has it, and the other one."""

    kind: RelationKind
    product_id: UUID
    other_id: UUID


@dataclass(frozen=True, slots=True)
class Requirements:
    """What some products need and exclude; read in one statement."""

    required: Mapping[UUID, frozenset[UUID]] = field(default_factory=dict)
    exclusive: Mapping[UUID, frozenset[UUID]] = field(default_factory=dict)

    @property
    def others(self) -> frozenset[UUID]:
        """Every product that is needed or excluded by one of them."""
        return frozenset().union(*self.required.values(), *self.exclusive.values())


def requirements_of(product_ids: Collection[UUID]) -> Requirements:
    """Return what products need and exclude; no statement for none."""
    wanted = set(product_ids)
    if not wanted:
        return Requirements()
    rows = session.execute(
        select(ProductRelation.kind, ProductRelation.product_id, ProductRelation.other_id).where(
            ProductRelation.distributor_id == current_scope().distributor_id,
            ProductRelation.kind.in_(DEMANDS),
            or_(ProductRelation.product_id.in_(wanted), ProductRelation.other_id.in_(wanted)),
        )
    )
    return requirements_among((Relation(*row) for row in rows), wanted)


def requirements_among(relations: Iterable[Relation], product_ids: Collection[UUID]) -> Requirements:
    """Return what products need and exclude, from relations that were read already."""
    wanted = set(product_ids)
    required: dict[UUID, set[UUID]] = {}
    exclusive: dict[UUID, set[UUID]] = {}
    for kind, product_id, other_id in relations:
        if kind is RelationKind.EXCLUSIVE:
            exclusive.setdefault(product_id, set()).add(other_id)
            exclusive.setdefault(other_id, set()).add(product_id)
        elif product_id in wanted:
            required.setdefault(product_id, set()).add(other_id)
    return Requirements(
        {key: frozenset(others) for key, others in required.items()},
        {key: frozenset(others) for key, others in exclusive.items() if key in wanted},
    )


def unmet(product: Product, requirements: Requirements, held: Collection[UUID]) -> frozenset[UUID]:
    """Return what a product still needs where some products are held: all that is missing, or all choices of any."""
    needed = requirements.required.get(product.id, frozenset())
    left = needed - set(held)
    is_met = not left or (product.required_mode is RequiredMode.ANY and left != needed)
    return frozenset() if is_met else left


def required_first(product_ids: Sequence[UUID], requirements: Requirements) -> list[int]:
    """Return the places of products in the order of their execution: what is required stands before what needs it."""
    done: set[int] = set()
    found: list[int] = []

    def visit(place: int) -> None:
        if place in done:
            return
        done.add(place)
        needed = requirements.required.get(product_ids[place], frozenset())
        for other, product_id in enumerate(product_ids):
            if product_id in needed:
                visit(other)
        found.append(place)

    for place in range(len(product_ids)):
        visit(place)
    return found


def relations_of(product: Product) -> Relations:
    """Return everything a product means to others, in its order."""
    rows = session.scalars(
        select(ProductRelation)
        .where(
            ProductRelation.distributor_id == product.distributor_id,
            or_(
                ProductRelation.product_id == product.id,
                (ProductRelation.kind == RelationKind.EXCLUSIVE) & (ProductRelation.other_id == product.id),
            ),
        )
        .order_by(ProductRelation.position, ProductRelation.id)
    ).all()

    def others(kind: RelationKind) -> tuple[UUID, ...]:
        return tuple(
            row.other_id if row.product_id == product.id else row.product_id for row in rows if row.kind is kind
        )

    return Relations(
        required=others(RelationKind.REQUIRED),
        required_mode=product.required_mode,
        exclusive=others(RelationKind.EXCLUSIVE),
        add_ons=others(RelationKind.ADD_ON),
        linked_add_ons=frozenset(row.other_id for row in rows if row.is_quantity_linked),
        upgrades=others(RelationKind.UPGRADE),
        related=others(RelationKind.RELATED),
    )


def set_relations(product_id: UUID, wanted: Relations, *, version: int, actor: Actor, at: datetime) -> None:
    """Write what a product means to others, in the place of what it meant before. Needs the distributor's scope.

    Raises ProductNotFound, StaleVersion, and Invalid at `required`, `exclusive`, `add_ons`, `upgrades` or `related`.
    Source: CB-09, CB-10, CB-25, CB-27.
    """
    product = get_product(product_id)
    lock_at_version(product, version, name=product.name)
    before = relations_of(product)
    known = _products({*wanted.required, *wanted.exclusive, *wanted.add_ons, *wanted.upgrades, *wanted.related})
    if errors := [*_errors(product, wanted, known)]:
        raise Invalid(*errors)
    product.version += 1
    kinds = (RelationKind.REQUIRED, RelationKind.EXCLUSIVE, RelationKind.ADD_ON, RelationKind.RELATED)
    session.execute(
        delete(ProductRelation)
        .where(
            ProductRelation.distributor_id == product.distributor_id,
            ProductRelation.kind.in_(kinds),
            or_(
                ProductRelation.product_id == product_id,
                (ProductRelation.kind == RelationKind.EXCLUSIVE) & (ProductRelation.other_id == product_id),
            ),
        )
        .execution_options(synchronize_session="fetch")
    )
    for kind, others in (
        (RelationKind.REQUIRED, wanted.required),
        (RelationKind.EXCLUSIVE, wanted.exclusive),
        (RelationKind.ADD_ON, wanted.add_ons),
        (RelationKind.RELATED, wanted.related),
    ):
        for position, other_id in enumerate(dict.fromkeys(others)):
            first, second = product_id, other_id
            if kind is RelationKind.EXCLUSIVE:  # written once, the smaller id first
                first, second = sorted((product_id, other_id))
            linked = kind is RelationKind.ADD_ON and other_id in wanted.linked_add_ons
            session.add(
                ProductRelation(
                    kind=kind, product_id=first, other_id=second, position=position, is_quantity_linked=linked
                )
            )
    product.required_mode, product.updated_at = wanted.required_mode, at
    session.flush()
    set_upgrade_targets(product_id, wanted.upgrades, actor=actor, at=at)
    record("catalogue.relations_set", actor=actor, at=at, target_kind="product", target_id=product_id,
           before=_words(before), after=_words(wanted))  # fmt: skip


def _errors(product: Product, wanted: Relations, known: Mapping[UUID, Product]) -> Iterable[FieldError]:
    lists = {
        "required": wanted.required,
        "exclusive": wanted.exclusive,
        "add_ons": wanted.add_ons,
        "upgrades": wanted.upgrades,
        "related": wanted.related,
    }
    for name, others in lists.items():
        if len(others) > MOST_RELATED:
            yield FieldError(name, "too_many", f"Choose at most {MOST_RELATED} products")
        if product.id in others:
            yield FieldError(name, "itself", "A product cannot stand beside itself")
        if any(other not in known for other in others):
            yield FieldError(name, "product_unknown", "Choose products of the catalogue")
    yield from _required_errors(product, wanted, known)
    yield from _add_on_errors(product, wanted, known)


def _required_errors(product: Product, wanted: Relations, known: Mapping[UUID, Product]) -> Iterable[FieldError]:
    for other_id in wanted.required:
        other = known.get(other_id)
        if other is not None and not other.is_active:
            yield FieldError("required", "required_inactive", f"{other.name} is not active; nobody could buy it")
        if other is not None and other_id in wanted.exclusive:
            yield FieldError("exclusive", "required_exclusive", f"{other.name} is required; it cannot be excluded")
    if (ring := _ring(product.id, wanted.required)) is not None:
        name = known[ring].name if ring in known else "It"
        yield FieldError("required", "required_cycle", f"{name} itself needs {product.name}")


def _add_on_errors(product: Product, wanted: Relations, known: Mapping[UUID, Product]) -> Iterable[FieldError]:
    for other_id in wanted.add_ons:
        other = known.get(other_id)
        if other is not None and not other.is_add_on:
            yield FieldError("add_ons", "not_an_add_on", f"{other.name} is not an add-on")
        elif other is not None and other.product_type_id != product.product_type_id:
            yield FieldError("add_ons", "add_on_type", f"{other.name} is of another product type than {product.name}")
    if wanted.add_ons and product.is_add_on:
        yield FieldError("add_ons", "add_on_of_add_on", "An add-on has no add-ons of its own")


def _ring(product_id: UUID, required: Iterable[UUID]) -> UUID | None:
    """Return the required product that leads back to the product, if one does."""
    rows = session.execute(
        select(ProductRelation.product_id, ProductRelation.other_id).where(
            ProductRelation.distributor_id == current_scope().distributor_id,
            ProductRelation.kind == RelationKind.REQUIRED,
            ProductRelation.product_id != product_id,
        )
    )
    needs: dict[UUID, set[UUID]] = {}
    for from_id, to_id in rows:
        needs.setdefault(from_id, set()).add(to_id)
    for first in required:
        seen, waiting = set(), [first]
        while waiting:
            here = waiting.pop()
            if here == product_id:
                return first
            if here not in seen:
                seen.add(here)
                waiting += needs.get(here, ())
    return None


def _products(product_ids: Collection[UUID]) -> Mapping[UUID, Product]:
    if not product_ids:
        return {}
    found = session.scalars(
        select(Product).where(Product.distributor_id == current_scope().distributor_id, Product.id.in_(product_ids))
    )
    return {each.id: each for each in found}


def _words(relations: Relations) -> dict[str, object]:
    return {
        "required": [str(each) for each in relations.required],
        "required_mode": relations.required_mode.value,
        "exclusive": [str(each) for each in relations.exclusive],
        "add_ons": [str(each) for each in relations.add_ons],
        "upgrades": [str(each) for each in relations.upgrades],
        "related": [str(each) for each in relations.related],
    }
