"""Asking vendors before something is ordered (CB-22): domain names today, whose vendors know whether they can be had.

A buyer's request writes that it asks; a job of the distributor does, and writes the answer in our own words. What the
vendor said stands in rows of the distributor alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from app.accounts.models import Account
from app.catalogue.characteristics import domain_of
from app.catalogue.models import BillingCycle, Product, ProductType, Term
from app.catalogue.queries import products_with_types
from app.core.db import nudge_after_commit, session
from app.core.errors import FieldError
from app.core.ids import new_id
from app.core.queue import Nudge
from app.orders.jobs import PRECHECK
from app.orders.prechecks.models import CheckState, ServiceCheck
from app.provisioning.complete_pictures import characteristic_pictures
from app.provisioning.pictures import ResourcePicture, company_picture
from app.subscriptions.domains.services import is_taken
from app.subscriptions.problems import clear_problem, note_problem
from tenants.context import current_scope

PATIENCE = timedelta(seconds=60)  # a vendor that has not answered by then keeps nobody from ordering
KEPT = timedelta(days=7)
ASKING = "We are asking whether the domain name can be had. Place the order in a few seconds"
TAKEN = "This name is on order or in use already"


class Checked(Protocol):
    """An item of a basket or of an order."""

    @property
    def id(self) -> UUID: ...

    @property
    def reseller_id(self) -> UUID | None: ...

    @property
    def account_id(self) -> UUID | None: ...

    @property
    def product_id(self) -> UUID: ...

    @property
    def term(self) -> Term: ...

    @property
    def cycle(self) -> BillingCycle: ...

    @property
    def characteristics(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Precheck:
    """What a worker asks a vendor: the picture of a service that nobody has ordered yet."""

    id: UUID
    manager_id: UUID
    picture: ResourcePicture


def is_checked(product_type: ProductType, characteristics: Mapping[str, Any]) -> bool:
    """Whether a vendor is asked about an item: a domain whose name is known, provisioned by machine."""
    is_automatic = product_type.service_manager_id is not None and not product_type.non_automatic
    return is_automatic and domain_of(product_type, characteristics) is not None


def ask(item: Checked, product_type: ProductType, *, receiver_id: UUID, currency: str, at: datetime) -> None:
    """Let a vendor be asked about an item, unless it was asked about the same already."""
    if not is_checked(product_type, item.characteristics):
        return
    found = _check_of(item.id)
    if found is not None and found.characteristics == dict(item.characteristics) and found.receiver_id == receiver_id:
        return
    values = {
        "receiver_id": receiver_id, "product_id": item.product_id, "term": item.term, "cycle": item.cycle,
        "currency": currency, "characteristics": dict(item.characteristics), "state": CheckState.ASKED,
        "asked_at": at, "answered_at": None,
    }  # fmt: skip
    statement = insert(ServiceCheck).values(
        distributor_id=current_scope().distributor_id, id=new_id(), reseller_id=item.reseller_id,
        account_id=item.account_id, item_id=item.id, **values,
    )  # fmt: skip
    check_id = session.scalar(
        statement.on_conflict_do_update(
            index_elements=[ServiceCheck.distributor_id, ServiceCheck.item_id], set_=values
        ).returning(ServiceCheck.id),
        execution_options={"populate_existing": True},
    )
    assert check_id is not None
    nudge_after_commit(Nudge(PRECHECK, check_id, current_scope().distributor_id))


class CheckedLine(Protocol):
    """A line whose product's type is known."""

    @property
    def item(self) -> Checked: ...

    @property
    def product_type(self) -> ProductType: ...


def ask_about(lines: Sequence[CheckedLine], *, receiver_id: UUID, currency: str, at: datetime) -> bool:
    """Let vendors be asked about the lines of a basket; returns whether one is being asked at this moment."""
    checked = [line for line in lines if is_checked(line.product_type, line.item.characteristics)]
    for line in checked:
        ask(line.item, line.product_type, receiver_id=receiver_id, currency=currency, at=at)
    return waits([line.item for line in checked], at=at)


def pending_errors(lines: Sequence[CheckedLine], *, at: datetime) -> Iterator[FieldError]:
    """Refuse an order whose vendor is being asked at this moment."""
    checked = [line.item for line in lines if is_checked(line.product_type, line.item.characteristics)]
    if waits(checked, at=at):
        yield FieldError("domain", "check_pending", ASKING)


def answers_of(items: Sequence[Checked]) -> Mapping[UUID, CheckState]:
    """Return what came of the checks of items, by item; of other values than they have now, nothing. One statement."""
    by_id = {item.id: item for item in items}
    if not by_id:
        return {}
    rows = session.scalars(
        select(ServiceCheck)
        .where(ServiceCheck.distributor_id == current_scope().distributor_id, ServiceCheck.item_id.in_(by_id))
        .execution_options(populate_existing=True)
    )
    return {row.item_id: row.state for row in rows if row.characteristics == dict(by_id[row.item_id].characteristics)}


def refusal(
    product_type: ProductType, item: Checked, states: Mapping[UUID, CheckState], *, field: str
) -> Iterator[FieldError]:
    """Say that a vendor does not take what an item asks for."""
    if states.get(item.id) is CheckState.REFUSED:
        name = domain_of(product_type, item.characteristics)
        yield FieldError(field, "domain_unavailable", f"{name} cannot be had this way; choose another name")


def waits(items: Sequence[Checked], *, at: datetime) -> bool:
    """Whether a vendor is being asked about one of the items at this moment."""
    if not items:
        return False
    found = session.scalar(
        select(ServiceCheck.id).where(
            ServiceCheck.distributor_id == current_scope().distributor_id,
            ServiceCheck.item_id.in_([item.id for item in items]),
            ServiceCheck.state == CheckState.ASKED,
            ServiceCheck.asked_at > at - PATIENCE,
        )
    )
    return found is not None


def find_precheck(check_id: UUID) -> Precheck | None:
    """Return what a vendor is to be asked; None: it was answered, or there is nobody to ask. Writes what needs no vendor."""
    row = session.scalar(
        select(ServiceCheck)
        .where(
            ServiceCheck.distributor_id == current_scope().distributor_id,
            ServiceCheck.id == check_id,
            ServiceCheck.state == CheckState.ASKED,
        )
        .with_for_update(skip_locked=True)
    )
    if row is None:
        return None
    product, product_type = products_with_types([row.product_id])[row.product_id]
    name = domain_of(product_type, row.characteristics)
    if name is not None and is_taken(name, apart_from=row.item_id):
        note_problem(row.item_id, TAKEN)
        row.state, row.answered_at = CheckState.REFUSED, row.asked_at
        return None
    receiver = session.get_one(Account, (row.distributor_id, row.receiver_id))
    if product_type.service_manager_id is None:
        row.state = CheckState.UNANSWERED
        return None
    return Precheck(row.id, product_type.service_manager_id, _picture(row, product, product_type, receiver))


def answer(check_id: UUID, state: CheckState, *, words: str = "", at: datetime) -> None:
    """Keep what a vendor said; of a refusal its words too, where staff reads them. Raises nothing where it is gone."""
    row = session.get(ServiceCheck, (current_scope().distributor_id, check_id), with_for_update=True)
    if row is None or row.state is not CheckState.ASKED:
        return
    row.state, row.answered_at = state, at
    if state is CheckState.REFUSED:
        note_problem(row.item_id, words)
    else:
        clear_problem(row.item_id)


def forget_old(at: datetime) -> None:
    """Delete checks of a week ago."""
    session.execute(
        delete(ServiceCheck)
        .where(ServiceCheck.distributor_id == current_scope().distributor_id, ServiceCheck.asked_at < at - KEPT)
        .execution_options(synchronize_session="fetch")
    )


def _check_of(item_id: UUID) -> ServiceCheck | None:
    return session.scalar(
        select(ServiceCheck)
        .where(ServiceCheck.distributor_id == current_scope().distributor_id, ServiceCheck.item_id == item_id)
        .execution_options(populate_existing=True)
    )


def _picture(row: ServiceCheck, product: Product, product_type: ProductType, receiver: Account) -> ResourcePicture:
    return ResourcePicture(
        service_type=product_type.external_id or product_type.name,
        product_code=product.vendor_code,
        product_name=product.name,
        quantity=1,
        term=row.term.value,
        billing_cycle=row.cycle.value,
        currency=row.currency,
        account=company_picture(receiver),
        characteristics=characteristic_pictures(product_type, {**product.characteristics, **row.characteristics}),
    )
