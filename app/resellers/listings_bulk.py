"""Bulk changes of a reseller's catalogue: up to 100 products at once, more by a job; with a preview (RS-19, GO-08)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import insert, or_, select, update

from app.audit.services import Actor
from app.catalogue.models import Product
from app.core.clock import local_date
from app.core.db import nudge_after_commit, session
from app.core.errors import Invalid, NotFound
from app.core.ids import new_id
from app.core.queue import Nudge
from app.pricing.queries import price_list_ids_of
from app.pricing.quotes import ExplainedPrice, PriceKey, alias_buyer, explain_products
from app.resellers.jobs import APPLY_LISTING_RUN
from app.resellers.listings import ListingChange, RowResult, apply_change
from app.resellers.models import ListingRun, ListingRunRow, ListingRunState
from tenants.context import current_scope, reseller_scope, scope
from tenants.models import Storefront
from tenants.settings import storefront_settings

MAX_INLINE = 100
MAX_ROWS = 5000
LEASE = timedelta(minutes=5)
MAX_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """What came of a bulk change: results at once, or the run that works on it."""

    results: tuple[RowResult, ...] = ()
    run_id: UUID | None = None

    @property
    def done(self) -> int:
        """How many products were changed."""
        return sum(result.is_done for result in self.results)

    @property
    def skipped(self) -> tuple[RowResult, ...]:
        """Products that were left alone, with the reason."""
        return tuple(result for result in self.results if not result.is_done)


def bulk(
    change: ListingChange,
    product_ids: Sequence[UUID],
    *,
    reseller_id: UUID,
    on: date,
    actor: Actor,
    at: datetime,
) -> BulkOutcome:
    """Change many products: at once up to 100, else by a job whose progress is a `ListingRun`.

    Raises Invalid (nothing_selected, max_5000). Source: RS-19.
    """
    wanted = checked_selection(product_ids)
    if len(wanted) <= MAX_INLINE:
        return BulkOutcome(apply_change(change, wanted, reseller_id=reseller_id, on=on, actor=actor, at=at))
    run = ListingRun(
        id=new_id(),
        reseller_id=reseller_id,
        account_id=None,
        action=change.action,
        rows_total=len(wanted),
        started_by_id=actor.user_id,
        created_at=at,
    )
    session.add(run)
    session.flush()
    common = {"distributor_id": current_scope().distributor_id, "reseller_id": reseller_id, "run_id": run.id}
    rows = [
        {**common, "id": new_id(), "position": position, "product_id": product_id, "percent": change.percent}
        for position, product_id in enumerate(wanted, start=1)
    ]
    session.execute(insert(ListingRunRow), rows)
    nudge_after_commit(Nudge(APPLY_LISTING_RUN, run.id, run.distributor_id))
    return BulkOutcome(run_id=run.id)


def checked_selection(product_ids: Sequence[UUID]) -> list[UUID]:
    """Return the products of a selection once each; raises Invalid (nothing_selected, max_5000)."""
    wanted = list(dict.fromkeys(product_ids))
    if not wanted:
        raise Invalid.field("product_ids", "nothing_selected", "Choose at least one product")
    if len(wanted) > MAX_ROWS:
        raise Invalid.field("product_ids", "max_5000", f"Choose at most {MAX_ROWS} products at a time")
    return wanted


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """What a change would do to one price. `reason`: the product would be skipped. None: it has no price then."""

    product_id: UUID
    name: str
    code: str
    key: PriceKey
    before: ExplainedPrice
    after: ExplainedPrice
    reason: str | None

    @property
    def difference(self) -> Decimal:
        """How much dearer a unit becomes; negative: cheaper."""
        return self.after.unit_price - self.before.unit_price


@dataclass(frozen=True, slots=True)
class Preview:
    """The effect of a change on every price, without having made it."""

    rows: tuple[PreviewRow, ...]
    skipped: tuple[RowResult, ...]

    @property
    def raised(self) -> int:
        """How many prices would rise."""
        return sum(row.difference > 0 for row in self.rows)

    @property
    def lowered(self) -> int:
        """How many prices would fall."""
        return sum(row.difference < 0 for row in self.rows)

    @property
    def unchanged(self) -> int:
        """How many prices would stay as they are."""
        return len(self.rows) - self.raised - self.lowered


def preview(
    change: ListingChange,
    product_ids: Sequence[UUID],
    *,
    reseller_id: UUID,
    on: date,
    actor: Actor,
    at: datetime,
) -> Preview:
    """Return what a bulk change would do to each price for everybody: it is made in a savepoint and taken back."""
    wanted = checked_selection(product_ids)
    buyer = alias_buyer(reseller_id, None, on)
    before = explain_products(wanted, buyer)
    savepoint = session.begin_nested()
    try:
        results = apply_change(change, wanted, reseller_id=reseller_id, on=on, actor=actor, at=at)
        after = explain_products(wanted, buyer)
    finally:
        savepoint.rollback()
    skipped = {result.product_id: result.reason for result in results if not result.is_done}
    named = {
        product.id: product
        for product in session.scalars(
            select(Product).where(
                Product.distributor_id == current_scope().distributor_id,
                Product.id.in_({key.product_id for key in before}),
            )
        )
    }
    rows = [
        PreviewRow(
            key.product_id,
            named[key.product_id].name,
            named[key.product_id].code,
            key,
            before[key],
            after[key],
            skipped.get(key.product_id),
        )
        for key in before
    ]
    rows.sort(key=lambda row: (row.name, row.product_id, row.key.term.months, row.key.cycle.months))
    return Preview(tuple(rows), tuple(result for result in results if not result.is_done))


def get_run(run_id: UUID, *, reseller_id: UUID) -> ListingRun:
    """Return one of the reseller's bulk changes; raises NotFound."""
    found = session.scalar(
        select(ListingRun).where(
            ListingRun.distributor_id == current_scope().distributor_id,
            ListingRun.reseller_id == reseller_id,
            ListingRun.id == run_id,
        )
    )
    if found is None:
        raise NotFound("There is no such bulk change")
    return found


@dataclass(frozen=True, slots=True)
class RunRow:
    """One product of a run, for its report."""

    product_id: UUID
    name: str
    code: str
    result: str | None
    reason: str | None


def list_run_rows(run: ListingRun, *, only_skipped: bool = False, limit: int = MAX_ROWS) -> Sequence[RunRow]:
    """Return what came of a run's products, in the order they were chosen."""
    row = ListingRunRow
    statement = (
        select(row.product_id, Product.name, Product.code, row.result, row.reason)
        .join(Product, (Product.distributor_id == row.distributor_id) & (Product.id == row.product_id))
        .where(row.distributor_id == run.distributor_id, row.run_id == run.id)
        .order_by(row.position)
        .limit(limit)
    )
    if only_skipped:
        statement = statement.where(row.result == "skipped")
    return [RunRow(*found) for found in session.execute(statement)]


def claim_run(run_id: UUID, *, at: datetime) -> bool:
    """Take a run for the length of a lease, in the distributor's scope. False: done, or another worker has it."""
    run = session.scalar(
        select(ListingRun)
        .where(
            ListingRun.distributor_id == current_scope().distributor_id,
            ListingRun.id == run_id,
            ListingRun.state.in_([ListingRunState.QUEUED, ListingRunState.RUNNING]),
            or_(ListingRun.lease_until.is_(None), ListingRun.lease_until < at),
        )
        .with_for_update(skip_locked=True)
    )
    if run is None:
        return False
    run.attempts += 1
    run.lease_until = at + LEASE
    if run.attempts > MAX_ATTEMPTS:
        run.state, run.finished_at = ListingRunState.FAILED, at
        return False
    run.state = ListingRunState.RUNNING
    return True


def continue_run(run_id: UUID, *, at: datetime) -> bool:
    """Change the next products of a claimed run and write down what came of them; False when none is left.

    Results and changes are one transaction, so a run that breaks off goes on where it stopped and adds no points twice.
    """
    run = session.scalar(
        select(ListingRun)
        .where(ListingRun.distributor_id == current_scope().distributor_id, ListingRun.id == run_id)
        .with_for_update()
    )
    if run is None or run.state is not ListingRunState.RUNNING or run.reseller_id is None:
        return False
    with scope(reseller_scope(run.distributor_id, run.reseller_id)):
        lists = price_list_ids_of(run.reseller_id)
    with scope(reseller_scope(run.distributor_id, run.reseller_id).with_price_lists(lists)):
        rows = session.scalars(
            select(ListingRunRow)
            .where(
                ListingRunRow.distributor_id == run.distributor_id,
                ListingRunRow.run_id == run.id,
                ListingRunRow.result.is_(None),
            )
            .order_by(ListingRunRow.position)
            .limit(MAX_INLINE)
        ).all()
        if rows:
            actor = Actor(run.started_by_id, "Bulk change", reseller_id=run.reseller_id)
            on = local_date(at, _time_zone(run.reseller_id))
            change = ListingChange(run.action, rows[0].percent)
            by_product = {row.product_id: row for row in rows}
            results = apply_change(change, list(by_product), reseller_id=run.reseller_id, on=on, actor=actor, at=at)
            _note(run, results, by_product)
    if len(rows) < MAX_INLINE:
        run.state, run.finished_at, run.lease_until = ListingRunState.COMPLETED, at, None
        return False
    run.lease_until = at + LEASE
    return True


def _note(run: ListingRun, results: Sequence[RowResult], rows: dict[UUID, ListingRunRow]) -> None:
    values = [
        {
            "distributor_id": run.distributor_id,
            "id": rows[result.product_id].id,
            "result": "done" if result.is_done else "skipped",
            "reason": result.reason,
        }
        for result in results
    ]
    session.execute(update(ListingRunRow), values)
    done = sum(result.is_done for result in results)
    run.rows_done += done
    run.rows_skipped += len(results) - done


def _time_zone(reseller_id: UUID) -> str:
    storefront_id = session.scalar(
        select(Storefront.id).where(
            Storefront.distributor_id == current_scope().distributor_id, Storefront.reseller_id == reseller_id
        )
    )
    return storefront_settings(storefront_id).time_zone if storefront_id else "UTC"
