"""Upgrade paths and parents of add-ons, as the vendor says (CB-15, CB-25, CB-27)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import delete, or_, select

from app.catalogue.models import ProductRelation, RelationKind
from app.catalogue.vendor_runs.definition import DefinedProduct
from app.catalogue.vendor_runs.models import EntryAction
from app.catalogue.vendor_runs.runs import Happened
from app.core.db import session
from app.core.ids import new_id
from tenants.context import current_scope

WORDS = {RelationKind.UPGRADE: "upgrade path", RelationKind.ADD_ON: "add-on"}
Edge = tuple[RelationKind, UUID, UUID]


def merge_relations(products: Sequence[DefinedProduct], ids: Mapping[str, UUID]) -> Sequence[Happened]:
    """Make the relations among a vendor's own products what its feed says; relations to others stay the distributor's.

    `products` are the readable ones of the feed, `ids` all of the vendor's products by external id. Paths of products
    that could not be read stay as they are.
    """
    read = {ids[product.external_id] for product in products if product.external_id in ids}
    wanted, happened = _wanted(products, ids)
    present = {
        (row.kind, row.product_id, row.other_id): row
        for row in session.scalars(
            select(ProductRelation).where(
                ProductRelation.distributor_id == current_scope().distributor_id,
                ProductRelation.kind.in_(WORDS),
                ProductRelation.product_id.in_(ids.values()),
                ProductRelation.other_id.in_(ids.values()),
                or_(ProductRelation.product_id.in_(read), ProductRelation.other_id.in_(read)),
            )
        )
    }
    names = {product_id: external_id for external_id, product_id in ids.items()}
    for edge in sorted(wanted.keys() - present.keys(), key=str):
        kind, product_id, other_id = edge
        session.add(ProductRelation(id=new_id(), kind=kind, product_id=product_id, other_id=other_id))
        happened.append(_told(edge, names, EntryAction.CREATED))
    gone = [
        row.id for edge, row in present.items() if edge not in wanted and (edge[1] if edge[0] is RelationKind.UPGRADE else edge[2]) in read
    ]  # fmt: skip
    session.execute(
        delete(ProductRelation).where(
            ProductRelation.distributor_id == current_scope().distributor_id, ProductRelation.id.in_(gone)
        )
    )
    happened += [
        _told(edge, names, EntryAction.UPDATED, "removed") for edge, row in present.items() if row.id in set(gone)
    ]
    session.flush()
    return happened


def _wanted(products: Sequence[DefinedProduct], ids: Mapping[str, UUID]) -> tuple[dict[Edge, None], list[Happened]]:
    wanted: dict[Edge, None] = {}
    happened: list[Happened] = []
    for product in products:
        own = ids.get(product.external_id)
        if own is None:  # it was refused; the log says why
            continue
        for kind, others in ((RelationKind.UPGRADE, product.upgrades_to), (RelationKind.ADD_ON, product.parents)):
            for other in others:
                target = ids.get(other)
                if target is None or target == own:
                    reason = f"{WORDS[kind].capitalize()}: there is no product {other}"
                    happened.append(Happened(product.entity_kind, product.external_id, EntryAction.ERROR, reason))
                    continue
                wanted[(kind, own, target) if kind is RelationKind.UPGRADE else (kind, target, own)] = None
    return wanted, happened


def _told(edge: Edge, names: Mapping[UUID, str], action: EntryAction, word: str = "") -> Happened:
    kind, product_id, other_id = edge
    message = " ".join(filter(None, (f"{names[product_id]} → {names[other_id]}", word)))
    return Happened(WORDS[kind], names[product_id], action, message)
