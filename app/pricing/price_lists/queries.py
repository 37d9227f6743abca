"""Reads of price lists in BSS: lists, their entries, who pays by them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from app.accounts.models import Account
from app.catalogue.models import Product, ProductPrice, VendorCost
from app.catalogue.product_lists import ProductFilter
from app.core.db import session
from app.pricing.models import PriceList, PriceListAssignment, PriceListEntry, PriceRule
from app.pricing.price_lists.errors import PriceListNotFound
from tenants.context import current_scope

EXPORT_CHUNK = 500
EVERY_PRODUCT = ProductFilter()


@dataclass(frozen=True, slots=True)
class ListLine:
    """A price list with what it holds and who pays by it."""

    price_list: PriceList
    entries: int
    accounts: int


@dataclass(frozen=True, slots=True)
class EntryLine:
    """An entry beside the prices its rule rests on."""

    entry: PriceListEntry
    product: Product
    list_price: Decimal | None
    vendor_cost: Decimal | None


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries of one list: those of some products, and of one rule."""

    price_list_id: UUID
    products: ProductFilter = EVERY_PRODUCT
    rule: PriceRule | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the filter as conditions on `PriceListEntry`."""
        found: list[ColumnElement[bool]] = [
            PriceListEntry.distributor_id == current_scope().distributor_id,
            PriceListEntry.price_list_id == self.price_list_id,
        ]
        if self.products != EVERY_PRODUCT:
            found.append(PriceListEntry.product_id.in_(select(Product.id).where(*self.products.conditions())))
        if self.rule is not None:
            found.append(PriceListEntry.rule == self.rule)
        return found


def get_price_list(price_list_id: UUID) -> PriceList:
    """Return a price list; raises PriceListNotFound."""
    found = session.scalar(_lists().where(PriceList.id == price_list_id))
    if found is None:
        raise PriceListNotFound(price_list_id)
    return found


def list_price_lists(search: str = "") -> Sequence[ListLine]:
    """Return the distributor's price lists by name, the default ones first."""
    entries = _count(PriceListEntry, PriceListEntry.price_list_id)
    accounts = _count(PriceListAssignment, PriceListAssignment.price_list_id)
    statement = select(PriceList, entries, accounts).where(PriceList.distributor_id == current_scope().distributor_id)
    if search.strip():
        statement = statement.where(PriceList.name.icontains(search.strip(), autoescape=True))
    rows = session.execute(statement.order_by(PriceList.is_default.desc(), PriceList.name))
    return [ListLine(*row) for row in rows]


def list_entries(wanted: EntryFilter, *, limit: int, offset: int = 0) -> Sequence[EntryLine]:
    """Return one page of a list's entries by product name."""
    return [EntryLine(*row) for row in session.execute(_entries(wanted).limit(limit).offset(offset))]


def count_entries(wanted: EntryFilter) -> int:
    """Return how many entries the filter finds."""
    statement = select(func.count()).select_from(PriceListEntry).where(*wanted.conditions())
    return session.scalar(statement) or 0


def export_entries(wanted: EntryFilter) -> Iterator[EntryLine]:
    """Return every entry of the filter, some hundred at a time."""
    for row in session.execute(_entries(wanted).execution_options(yield_per=EXPORT_CHUNK)):
        yield EntryLine(*row)


@dataclass(frozen=True, slots=True)
class AssignedList:
    """A list an account pays by, in the order they are asked."""

    assignment: PriceListAssignment
    price_list: PriceList
    entries: int


def lists_of_account(payer_id: UUID) -> Sequence[AssignedList]:
    """Return the lists assigned to an account, by priority; the distributor's default list comes after them."""
    entries = _count(PriceListEntry, PriceListEntry.price_list_id)
    rows = session.execute(
        select(PriceListAssignment, PriceList, entries)
        .join(
            PriceList,
            and_(
                PriceList.distributor_id == PriceListAssignment.distributor_id,
                PriceList.id == PriceListAssignment.price_list_id,
            ),
        )
        .where(
            PriceListAssignment.distributor_id == current_scope().distributor_id,
            PriceListAssignment.payer_id == payer_id,
        )
        .order_by(PriceListAssignment.priority, PriceList.name)
    )
    return [AssignedList(*row) for row in rows]


def default_list(currency: str) -> PriceList | None:
    """Return the default list of a currency, or None."""
    return session.scalar(_lists().where(PriceList.is_default, PriceList.currency == currency))


def assignable_lists(payer_id: UUID, currency: str, on: date) -> Sequence[PriceList]:
    """Return the lists of a currency an account does not pay by yet, by name: active ones that have not expired."""
    assigned = select(PriceListAssignment.price_list_id).where(
        PriceListAssignment.distributor_id == current_scope().distributor_id, PriceListAssignment.payer_id == payer_id
    )
    statement = _lists().where(
        PriceList.currency == currency,
        PriceList.is_active,
        or_(PriceList.valid_to.is_(None), PriceList.valid_to >= on),
        PriceList.id.not_in(assigned),
    )
    return session.scalars(statement.order_by(PriceList.name)).all()


@dataclass(frozen=True, slots=True)
class PayingAccount:
    """An account that pays by a list, and at which place it is asked."""

    account: Account
    priority: int


def accounts_of_list(price_list_id: UUID, *, limit: int = 500) -> Sequence[PayingAccount]:
    """Return the accounts that pay by a list, by name."""
    rows = session.execute(
        select(Account, PriceListAssignment.priority)
        .join(
            PriceListAssignment,
            and_(
                PriceListAssignment.distributor_id == Account.distributor_id,
                PriceListAssignment.payer_id == Account.id,
            ),
        )
        .where(
            Account.distributor_id == current_scope().distributor_id,
            PriceListAssignment.price_list_id == price_list_id,
        )
        .order_by(Account.name, Account.id)
        .limit(limit)
    )
    return [PayingAccount(*row) for row in rows]


def _lists() -> Select[PriceList]:
    return select(PriceList).where(PriceList.distributor_id == current_scope().distributor_id)


def _count(model: Any, column: Any) -> Any:
    return (
        select(func.count())
        .select_from(model)
        .where(model.distributor_id == PriceList.distributor_id, column == PriceList.id)
        .scalar_subquery()
    )


def _entries(wanted: EntryFilter) -> Any:
    return (
        select(PriceListEntry, Product, ProductPrice.list_price, VendorCost.vendor_cost)
        .join(PriceList, and_(PriceList.distributor_id == PriceListEntry.distributor_id,
                              PriceList.id == PriceListEntry.price_list_id))
        .join(Product, and_(Product.distributor_id == PriceListEntry.distributor_id,
                            Product.id == PriceListEntry.product_id))
        .outerjoin(ProductPrice, same_key(ProductPrice))
        .outerjoin(VendorCost, same_key(VendorCost))
        .where(*wanted.conditions())
        .order_by(Product.name, Product.id, PriceListEntry.term, PriceListEntry.cycle)
    )  # fmt: skip


def same_key(amounts: Any) -> ColumnElement[bool]:
    """Return the join of list prices or vendor costs to entries: product, term, cycle and the list's currency."""
    return and_(
        amounts.distributor_id == PriceListEntry.distributor_id,
        amounts.product_id == PriceListEntry.product_id,
        amounts.term == PriceListEntry.term,
        amounts.cycle == PriceListEntry.cycle,
        amounts.currency == PriceList.currency,
    )
