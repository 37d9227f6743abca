"""Reads of services that may be taken over (GO-06)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, func, select

from app.accounts.models import Account
from app.catalogue.models import Product
from app.core.db import session
from app.provisioning.errors import AdoptionNotFound
from app.provisioning.models import Adoption, AdoptionState
from tenants.context import current_scope


@dataclass(frozen=True, slots=True)
class AdoptionFilter:
    """What to list. `search` looks into reference, name and the vendor's account."""

    search: str = ""
    state: AdoptionState | None = None


@dataclass(frozen=True, slots=True)
class AdoptionRow:
    """A service that may be taken over, with what it is matched to."""

    adoption: Adoption
    account_name: str | None
    product_name: str | None
    currency: str | None  # the payer's

    @property
    def missing(self) -> tuple[str, ...]:
        """What has to be told before it can be taken over."""
        row = self.adoption
        wanted = {
            "account": row.account_id,
            "product": row.product_id,
            "quantity": row.quantity,
            "term": row.term,
            "billing cycle": row.cycle,
            "cost": row.unit_cost,
            "first billed day": row.billed_from,
        }
        return tuple(name for name, value in wanted.items() if value is None)


def get_adoption(adoption_id: UUID) -> AdoptionRow:
    """Return a service that may be taken over; raises AdoptionNotFound."""
    found = session.execute(_rows().where(Adoption.id == adoption_id)).one_or_none()
    if found is None:
        raise AdoptionNotFound(adoption_id)
    return AdoptionRow(*found)


def list_adoptions(
    manager_id: UUID,
    wanted: AdoptionFilter,
    *,
    only: Collection[UUID] | None = None,
    offset: int = 0,
    limit: int | None = 25,
) -> Sequence[AdoptionRow]:
    """Return services, those nobody has decided about first; `limit` None is for exports."""
    statement = (
        filtered(_rows(), manager_id, wanted)
        .order_by(Adoption.state.in_((AdoptionState.IMPORTED, AdoptionState.LEFT)), Adoption.vendor_reference)
        .offset(offset)
    )
    if only is not None:
        statement = statement.where(Adoption.id.in_(only))
    if limit is not None:
        statement = statement.limit(limit)
    return [AdoptionRow(*row) for row in session.execute(statement)]


def count_adoptions(manager_id: UUID, wanted: AdoptionFilter) -> int:
    """Return how many services the filter finds."""
    return session.scalar(select(func.count()).select_from(filtered(_rows(), manager_id, wanted).subquery())) or 0


def count_by_state(manager_id: UUID) -> Mapping[AdoptionState, int]:
    """Return how many services stand where."""
    rows = session.execute(
        select(Adoption.state, func.count())
        .where(Adoption.distributor_id == current_scope().distributor_id, Adoption.service_manager_id == manager_id)
        .group_by(Adoption.state)
    )
    counted: dict[AdoptionState, int] = dict(rows.all())
    return {state: counted.get(state, 0) for state in AdoptionState}


def managers_with_queued() -> Sequence[UUID]:
    """Return service managers with rows that wait for a worker."""
    return session.scalars(
        select(Adoption.service_manager_id)
        .where(Adoption.distributor_id == current_scope().distributor_id, Adoption.state == AdoptionState.QUEUED)
        .distinct()
    ).all()


def _rows() -> Select[Adoption, str | None, str | None, str | None]:
    here = current_scope().distributor_id
    return (
        select(Adoption, Account.name, Product.name, Account.currency)
        .outerjoin(Account, (Account.distributor_id == here) & (Account.id == Adoption.account_id))
        .outerjoin(Product, (Product.distributor_id == here) & (Product.id == Adoption.product_id))
        .where(Adoption.distributor_id == here)
        .execution_options(populate_existing=True)
    )


def filtered(statement: Select, manager_id: UUID, wanted: AdoptionFilter) -> Select:  # type: ignore[type-arg]  # any columns
    statement = statement.where(Adoption.service_manager_id == manager_id)
    if wanted.state is not None:
        statement = statement.where(Adoption.state == wanted.state)
    if words := wanted.search.strip().lower():
        found = [
            func.lower(each).contains(words, autoescape=True)
            for each in (Adoption.vendor_reference, Adoption.name, Adoption.vendor_account, Adoption.vendor_product)
        ]
        statement = statement.where(found[0] | found[1] | found[2] | found[3])
    return statement


def account_with_code(code: str) -> UUID | None:
    """Return the account of a code, whatever its case."""
    return session.scalar(
        select(Account.id).where(
            Account.distributor_id == current_scope().distributor_id, func.lower(Account.code) == code.strip().lower()
        )
    )


def product_with_code(code: str) -> UUID | None:
    """Return the product of a code, whatever its case."""
    return session.scalar(
        select(Product.id).where(
            Product.distributor_id == current_scope().distributor_id, Product.code_key == code.strip().lower()
        )
    )


def codes_of(adoption: Adoption) -> tuple[str, str]:
    """Return the codes of the account and the product a service is matched to; empty where it is not."""
    here = current_scope().distributor_id
    account = session.scalar(
        select(Account.code).where(Account.distributor_id == here, Account.id == adoption.account_id)
    )
    product = session.scalar(
        select(Product.code).where(Product.distributor_id == here, Product.id == adoption.product_id)
    )
    return account or "", product or ""
