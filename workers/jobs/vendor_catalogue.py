"""Reading a vendor's services definition into the catalogue (CB-15). No transaction is open while it is asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from functools import partial
from itertools import islice
from typing import TypeVar
from uuid import UUID

from sqlalchemy.exc import DataError, IntegrityError

from app.catalogue.jobs import READ_DEFINITION
from app.catalogue.vendor_runs import runs
from app.catalogue.vendor_runs.definition import (
    TYPE,
    DefinedProduct,
    DefinedType,
    Definition,
    read_definition,
)
from app.catalogue.vendor_runs.errors import DefinitionRefused, ItemRefused, RunLost
from app.catalogue.vendor_runs.merging import (
    Merged,
    Vendor,
    merge_product,
    merge_type,
    products_by_external_id,
    retire_missing,
)
from app.catalogue.vendor_runs.models import EntryAction
from app.catalogue.vendor_runs.prices import apply_due_prices
from app.catalogue.vendor_runs.relations import merge_relations
from app.catalogue.vendor_runs.runs import Claim, Happened
from app.core.clock import local_date, utc_now
from app.core.db import nudge_after_commit, session, unit_of_work
from app.core.errors import NotFound
from app.core.queue import Nudge
from app.pricing.price_lists.repricing import reprice_products
from app.provisioning.access import ManagerAccess, access_to
from app.provisioning.claims import RecordedCall, record_calls
from app.provisioning.queries import get_service_manager
from tenants.context import current_scope
from tenants.models import Distributor
from workers.connectors.base import ConnectorError
from workers.connectors.definition import DescribesServices
from workers.connectors.registry import CONNECTORS, UnknownConnectorKind
from workers.runtime import scoped_job
from workers.vendor_access import open_connector

log = logging.getLogger(__name__)
CHUNK = 25  # items in one transaction, each in a savepoint of its own
GRACE = timedelta(seconds=10)
SECONDS_FOR_ALL = 300
TELLS_NOTHING = "This kind of service manager has no services definition"

Item = TypeVar("Item")


@scoped_job(READ_DEFINITION)
def read_vendor_definition(run_id: UUID) -> None:
    """Carry out one run: ask the vendor, then merge types, products, relations, and retire what is gone.

    Safe to run any number of times: one worker takes a queued run, and a run that was canceled or given up for silence
    stops its worker at the next item. What was merged before stays merged.
    """
    with unit_of_work():
        claim = runs.claim_run(run_id, at=utc_now())
    if claim is None:
        return
    with suppress(RunLost):
        try:
            _read(claim)
        except (ConnectorError, DefinitionRefused, NotFound) as refusal:
            _fail(claim, refusal.reason if isinstance(refusal, ConnectorError) else str(refusal))
        except RunLost:
            raise
        except Exception as error:
            log.exception("vendor_run_broke_off", extra={"run_id": str(run_id)})
            _fail(claim, f"The run broke off: {type(error).__name__}. Start it again; nothing is taken twice.")


def fail_silent_vendor_runs(at: datetime) -> None:
    """Give up runs without a heartbeat for ten minutes, and nudge those that no worker was told of."""
    runs.fail_silent_runs(at=at)
    distributor_id = current_scope().distributor_id
    for run_id in runs.queued_runs(at=at, grace=GRACE):
        nudge_after_commit(Nudge(READ_DEFINITION, run_id, distributor_id))


def begin_vendor_prices(at: datetime) -> None:
    """Let vendors' planned prices begin on their day."""
    if product_ids := apply_due_prices(today=_today(at)):
        reprice_products(tuple(product_ids))


def _read(claim: Claim) -> None:
    _begin_phase(claim, "Asking the vendor")
    with unit_of_work():  # nothing stays open while the vendor is asked
        access, name = access_to(claim.service_manager_id), get_service_manager(claim.service_manager_id).name
    definition = read_definition(_ask(access))
    vendor = Vendor(claim.service_manager_id, name)
    items = len(definition.types) + len(definition.products) + len(definition.bad)
    _begin_phase(claim, "Product types", items=items)
    _note_bad(claim, definition)
    _merge_types(claim, vendor, definition.types)
    _begin_phase(claim, "Products and prices")
    _merge_products(claim, vendor, definition.products)
    _begin_phase(claim, "Upgrade paths and add-ons")
    with unit_of_work():
        run = runs.held_run(claim, at=utc_now())
        runs.note(run, merge_relations(definition.products, products_by_external_id(vendor)), at=utc_now())
    if definition.names_all_products:
        _begin_phase(claim, "Retiring what is gone")
        with unit_of_work():
            run = runs.held_run(claim, at=utc_now())
            runs.note(run, retire_missing(vendor, definition.product_ids, at=utc_now()), at=utc_now())
    with unit_of_work():
        runs.finish_run(claim, at=utc_now())


def _begin_phase(claim: Claim, phase: str, *, items: int | None = None) -> None:
    with unit_of_work():
        run = runs.held_run(claim, at=utc_now())
        run.phase = phase
        if items is not None:
            run.items_total = items


def _note_bad(claim: Claim, definition: Definition) -> None:
    for some in _chunks(definition.bad):
        with unit_of_work():
            happened = [Happened(item.entity_kind, item.external_id, EntryAction.ERROR, item.reason) for item in some]
            runs.note(runs.held_run(claim, at=utc_now()), happened, items=len(some), at=utc_now())


def _merge_types(claim: Claim, vendor: Vendor, types: Sequence[DefinedType]) -> None:
    for some in _chunks(types):
        with unit_of_work():
            run, at = runs.held_run(claim, at=utc_now()), utc_now()
            happened = [_one(each.external_id, TYPE, partial(merge_type, vendor, each, at=at)) for each in some]
            runs.note(run, happened, items=len(some), at=at)


def _merge_products(claim: Claim, vendor: Vendor, products: Sequence[DefinedProduct]) -> None:
    for some in _chunks(products):
        with unit_of_work():
            run, at = runs.held_run(claim, at=utc_now()), utc_now()
            today, moved, happened = _today(at), [], []
            for each in some:
                merged = _one(
                    each.external_id,
                    each.entity_kind,
                    partial(merge_product, vendor, each, today=today, at=at),
                )
                if isinstance(merged, Merged):
                    happened.append(merged.happened)
                    if merged.is_price_changed:
                        moved.append(merged.product_id)
                else:
                    happened.append(merged)
            if moved:
                reprice_products(tuple(moved))
            runs.note(run, happened, items=len(some), at=at)


def _one(external_id: str, kind: str, merge: Callable[[], Item]) -> Item | Happened:
    """Merge one item in a savepoint; what is wrong with it is said in the log, and the others go on."""
    try:
        with session.begin_nested():
            return merge()
    except ItemRefused as refusal:
        return Happened(kind, external_id, EntryAction.ERROR, str(refusal))
    except (IntegrityError, DataError) as error:
        log.warning("vendor_item_refused", extra={"external_id": external_id, "reason": str(error.orig)})
        return Happened(kind, external_id, EntryAction.ERROR, "The database refuses it; the log of the worker says why")


def _fail(claim: Claim, message: str) -> None:
    session.rollback()
    with unit_of_work():
        runs.fail_run(claim, message, at=utc_now())


def _ask(access: ManagerAccess) -> object:
    calls: list[RecordedCall] = []
    try:
        connector = open_connector(access, calls, seconds_for_all=SECONDS_FOR_ALL, connectors=CONNECTORS)
        if not isinstance(connector, DescribesServices):
            raise DefinitionRefused(TELLS_NOTHING)
        return connector.definition()
    except (UnknownConnectorKind, ValueError) as error:
        raise DefinitionRefused(str(error)) from error
    finally:
        with unit_of_work():
            record_calls(None, access.id, calls)


def _today(at: datetime) -> date:
    distributor = session.get_one(Distributor, current_scope().distributor_id)
    return local_date(at, distributor.time_zone)


def _chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    waiting = iter(items)
    while some := tuple(islice(waiting, CHUNK)):
        yield some
