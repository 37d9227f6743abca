"""Terms a buyer must accept, and the log that proves it did (SF-20)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy import select

from app.accounts.models import Account
from app.catalogue.attachments.models import TermsDocument
from app.catalogue.models import Product, ProductGroup
from app.core.db import session
from app.orders.basket_lines import BasketLine
from app.orders.models import Order, TermsAcceptance
from tenants.context import current_scope


class Signatory(Protocol):
    """Who accepts terms: a signed-in person, or one that a program names."""

    @property
    def first_name(self) -> str: ...

    @property
    def last_name(self) -> str: ...

    @property
    def email(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where an acceptance of terms came from (SF-20)."""

    url: str
    address: str  # IP address
    browser: str


@dataclass(frozen=True, slots=True)
class Terms:
    """A document the buyer must accept, with the products it is about."""

    document: TermsDocument
    products: tuple[str, ...]


def terms_of(
    lines: Iterable[BasketLine], group_terms: Mapping[UUID | None, UUID | None] | None = None
) -> Sequence[Terms]:
    """Return the terms documents of products and of their groups, each once (SF-20). At most two statements.

    `group_terms` are the documents' ids by group, where they were read already.
    """
    products = [line.product for line in lines]
    groups = _group_terms(products) if group_terms is None else group_terms
    wanted: dict[UUID, list[str]] = {}
    for product in products:
        for document_id in (product.terms_document_id, groups.get(product.group_id)):
            if document_id is not None:
                wanted.setdefault(document_id, []).append(product.name)
    if not wanted:
        return ()
    documents = session.scalars(
        select(TermsDocument).where(
            TermsDocument.distributor_id == current_scope().distributor_id, TermsDocument.id.in_(wanted)
        )
    )
    return [Terms(document, tuple(wanted[document.id])) for document in documents]


def _group_terms(products: Sequence[Product]) -> dict[UUID | None, UUID | None]:
    ids = {product.group_id for product in products if product.group_id is not None}
    if not ids:
        return {}
    rows = session.execute(
        select(ProductGroup.id, ProductGroup.terms_document_id).where(
            ProductGroup.distributor_id == current_scope().distributor_id, ProductGroup.id.in_(ids)
        )
    )
    return {row.id: row.terms_document_id for row in rows}


def log_acceptance(
    terms: Sequence[Terms], order: Order, user: Signatory, recipient: Account, evidence: Evidence, *, at: datetime
) -> None:
    """Record who accepted which text, for which product, from where: one row for each (SF-20)."""
    for each in terms:
        for product_name in each.products:
            session.add(
                TermsAcceptance(
                    reseller_id=order.reseller_id,
                    account_id=order.account_id,
                    order_id=order.id,
                    order_number=order.number,
                    product_name=product_name,
                    document_id=each.document.id,
                    document_version=each.document.version,
                    document_digest=hashlib.sha256(each.document.body_html.encode()).hexdigest(),
                    account_name=recipient.name,
                    first_name=user.first_name,
                    last_name=user.last_name,
                    email=user.email,
                    url=evidence.url[:500],
                    address=evidence.address[:45],
                    browser=evidence.browser[:300],
                    accepted_at=at,
                )
            )
