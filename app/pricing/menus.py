"""What a storefront's menus list for a buyer: filled shelves, and categories that hold something (SF-07, SF-23)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, literal, select

from app.catalogue.models import Product
from app.catalogue.navigation import CategoryNode, category_tree
from app.core.db import session
from app.pricing.buyers import Buyer
from app.pricing.catalogue_page import new_since
from app.pricing.levels import ONE, parameters, usable_lists
from app.pricing.offered import Shape, Shelf, offered_conditions, on_shelf
from tenants.changes import Kept
from tenants.context import current_scope


@cache
def _counts_statement(shape: Shape) -> Select[UUID | None, int]:
    counted = select(Product.category_id, func.count()).where(*offered_conditions(shape, usable_lists()))
    return counted.where(Product.category_id.is_not(None)).group_by(Product.category_id)


_COUNTS: Kept[Mapping[UUID, int]] = Kept(2_000, by_account=False)  # the key names who pays: its lists decide


def offered_counts(buyer: Buyer) -> Mapping[UUID, int]:
    """Return how many products the buyer's storefront offers in each category itself; one statement, kept (SF-23)."""
    shape = Shape(is_alias=buyer.reseller_id is not None, is_reseller=buyer.buys_as_reseller, is_list=True)
    given = parameters(buyer, current_scope().distributor_id)

    def read() -> Mapping[UUID, int]:
        rows = session.execute(_counts_statement(shape), given)
        return {category_id: number for category_id, number in rows if category_id is not None}

    return _COUNTS.of(_assortment_key(shape, buyer), read)


MENU = (Shelf.FEATURED, Shelf.NEW, Shelf.POPULAR, Shelf.PROMOTED)


@cache
def _shelves_statement(shape: Shape) -> Select[Any]:
    conditions = offered_conditions(shape, usable_lists())
    found: list[ColumnElement[Any]] = [
        select(literal(1)).where(*conditions, on_shelf(shelf, shape)).limit(ONE).scalar_subquery().is_not(None)
        for shelf in MENU
    ]
    return select(*found)


_SHELVES: Kept[Sequence[Shelf]] = Kept(2_000, by_account=False)  # as the counts


def filled_shelves(buyer: Buyer) -> Sequence[Shelf]:
    """Return the shelves that hold something for this buyer, in the menu's order; one statement, kept (SF-F33)."""
    shape = Shape(is_alias=buyer.reseller_id is not None, is_reseller=buyer.buys_as_reseller, is_list=True)
    given = parameters(buyer, current_scope().distributor_id) | {"new_since": new_since(buyer)}

    def read() -> Sequence[Shelf]:
        row = session.execute(_shelves_statement(shape), given).one()
        return [shelf for shelf, is_filled in zip(MENU, row, strict=True) if is_filled]

    return _SHELVES.of(_assortment_key(shape, buyer), read)


def _assortment_key(shape: Shape, buyer: Buyer) -> Hashable:
    return (shape, buyer.payer_id, buyer.currency, buyer.on, buyer.lists_on, buyer.restrict_to_lists)


@dataclass(frozen=True, slots=True)
class StockedTree:
    """The categories that hold something for a buyer, and how many products stand in each one's branch."""

    nodes: tuple[CategoryNode, ...]
    counts: Mapping[UUID, int]


def stocked_tree(buyer: Buyer) -> StockedTree:
    """Return the visible categories without those that lead to an empty page (SF-23); what it reads is kept."""
    own, counts = offered_counts(buyer), {}

    def stocked(nodes: Sequence[CategoryNode]) -> tuple[CategoryNode, ...]:
        found = []
        for node in nodes:
            counts[node.id] = sum(own.get(each, 0) for each in node.ids)
            if counts[node.id]:
                found.append(replace(node, children=stocked(node.children)))
        return tuple(found)

    return StockedTree(stocked(category_tree()), counts)
