"""Doing at the vendor what tasks ask for. No transaction is open while a vendor is called."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from app.core.clock import utc_now
from app.core.config import settings
from app.core.db import nudge_after_commit, session, unit_of_work
from app.core.errors import DomainError
from app.core.queue import Nudge
from app.orders import execution_outcomes as outcomes
from app.orders.execution_records import Delivery, record_deliveries
from app.provisioning import claims
from app.provisioning.claims import ClaimedTask, ManagerAccess, RecordedCall, Release
from app.provisioning.jobs import PROVISION_BATCH, PROVISION_ORDER_ITEM
from app.provisioning.models import TaskKind
from app.provisioning.pictures import CharacteristicPicture, CompanyPicture
from app.provisioning.queries import due_task_ids, get_task, next_task_after
from app.resellers.storefronts import fail_storefront, open_storefront
from tenants.context import current_scope
from workers.connectors.base import (
    AccountPicture,
    AddOnAction,
    AddOnPicture,
    Characteristic,
    Connector,
    ConnectorRejected,
    ConnectorUnavailable,
    ProvisioningRequest,
    RequestKind,
    ServiceManagerSettings,
    VendorResource,
    carry_out,
)
from workers.connectors.calls import VendorCall
from workers.connectors.registry import CONNECTORS, UnknownConnectorKind, connector_for
from workers.runtime import scoped_job

log = logging.getLogger(__name__)
BATCH = 50
RECORD_WITHIN = timedelta(seconds=2)
BATCH_CALLS_FOR = timedelta(minutes=5)  # then the rest is handed back: a lease is ten minutes
KINDS = {
    TaskKind.CREATE: RequestKind.CREATE,
    TaskKind.UPDATE: RequestKind.UPDATE,
    TaskKind.CANCEL: RequestKind.CANCEL,
    TaskKind.SUSPEND: RequestKind.SUSPEND,
    TaskKind.ACTIVATE: RequestKind.ACTIVATE,
}
NOT_SET_UP = "No service manager is set up for this product"
SWITCHED_OFF = "The service manager is switched off"


KnownAccounts = dict[tuple[UUID, UUID], str]  # what a run has learnt since it claimed: by service manager and account


@dataclass(frozen=True, slots=True)
class Done:
    """The vendor did it, or a person has to."""

    resource: VendorResource


@dataclass(frozen=True, slots=True)
class Later:
    """The vendor could not be asked, or its answer was lost."""

    reason: str
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The vendor, or our own rules, said no."""

    reason: str


Outcome = Done | Later | Refused


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a task's call, and what was said."""

    task: ClaimedTask
    outcome: Outcome
    calls: Sequence[RecordedCall]

    @property
    def is_plain(self) -> bool:
        """Whether it may be recorded together with others: a new service stands."""
        done = isinstance(self.outcome, Done) and not self.outcome.resource.needs_person
        return done and self.task.kind is TaskKind.CREATE


@scoped_job(PROVISION_ORDER_ITEM)
def provision_order_item(task_id: UUID) -> None:
    """Do one provisioning task.

    Safe to run any number of times, at once or after a crash: only one run holds the lease, a finished task is left
    alone, and the vendor gets the task's id as its idempotency key.
    """
    with unit_of_work():
        task = claims.claim_task(task_id, at=utc_now())
    if task is not None:
        provision([task], KnownAccounts(), until=math.inf)


@scoped_job(PROVISION_BATCH)
def provision_batch(distributor_id: UUID) -> None:
    """Do the due tasks of the scope's distributor, 50 at a time; what is left after five minutes, the next job does."""
    until, accounts = time.monotonic() + BATCH_CALLS_FOR.total_seconds(), KnownAccounts()
    while time.monotonic() < until:
        with unit_of_work():
            tasks = claims.claim_due_tasks(at=utc_now(), limit=BATCH)
        provision(tasks, accounts, until=until)
        if len(tasks) < BATCH:
            return
    with unit_of_work():
        if due_task_ids(utc_now(), 1):
            nudge_after_commit(Nudge(PROVISION_BATCH, distributor_id, distributor_id))


def provision(tasks: Sequence[ClaimedTask], accounts: KnownAccounts, *, until: float) -> None:
    """Carry out claimed tasks and record what came of them, several together, seconds after the call at the latest.

    `until`, on the monotonic clock, is when the tasks not begun yet are handed back.
    """
    answers: list[Answer] = []
    record_by = time.monotonic() + RECORD_WITHIN.total_seconds()
    for position, task in enumerate(tasks):
        if time.monotonic() > until:
            _hand_back(tasks[position:])
            break
        if task.kind is TaskKind.OPEN_STOREFRONT:
            _open(task)
        elif (answer := _answer(task, accounts)) is not None:
            answers.append(answer)
        if answers and time.monotonic() > record_by:
            _record_together(answers)
            answers, record_by = [], time.monotonic() + RECORD_WITHIN.total_seconds()
    _record_together(answers)


def _answer(task: ClaimedTask, accounts: KnownAccounts) -> Answer | None:
    calls: list[RecordedCall] = []
    try:
        return Answer(task, _call_vendor(task, accounts, calls), calls)
    except Exception as error:  # a time-out of the job too: the task keeps its clock and its end after 120 minutes
        log.exception("task_broke_off", extra={"task_id": str(task.id)})
        _break_off(task, error)
        return None


def _record_together(answers: Sequence[Answer]) -> None:
    """Record what is plain at once and the rest one by one; an answer that cannot be recorded does not harm others."""
    recorded: frozenset[UUID] = frozenset()
    plain = [_delivery(answer, answer.outcome) for answer in answers if answer.is_plain]
    if plain:
        try:
            with unit_of_work():
                recorded = record_deliveries(plain, at=utc_now())
        except Exception:  # one of them: it shows below which
            log.exception("not_recorded_together", extra={"task_ids": [str(each.task.id) for each in plain]})
    for answer in answers:
        if answer.task.id not in recorded:
            try:
                _record(answer.task, answer.outcome, answer.calls)
            except Exception as error:
                log.exception("task_not_recorded", extra={"task_id": str(answer.task.id)})
                _break_off(answer.task, error)


def _delivery(answer: Answer, outcome: Outcome) -> Delivery:
    assert isinstance(outcome, Done)
    return Delivery(answer.task, outcome.resource.reference, outcome.resource.message, answer.calls)


def _break_off(task: ClaimedTask, error: Exception) -> None:
    with unit_of_work():
        _release(task, f"{type(error).__name__}: {error}", None)


def _hand_back(tasks: Sequence[ClaimedTask]) -> None:
    with unit_of_work():
        for left in tasks:
            claims.hand_back(left.id, left.lease_token, at=utc_now())


def _call_vendor(task: ClaimedTask, accounts: KnownAccounts, calls: list[RecordedCall]) -> Outcome:
    if task.manager is None:
        return Refused(NOT_SET_UP)
    if not task.manager.is_active:
        return Later(SWITCHED_OFF)
    try:
        return Done(_ask(task, task.manager, accounts, _connector(task.manager, calls)))
    except ConnectorUnavailable as error:
        return Later(error.reason, error.retry_after)
    except ConnectorRejected as error:
        return Refused(error.reason)
    except (UnknownConnectorKind, ValueError) as error:  # how it is set up here, or a request no vendor must see
        return Refused(str(error))


def _ask(task: ClaimedTask, manager: ManagerAccess, accounts: KnownAccounts, connector: Connector) -> VendorResource:
    """Look first whether an earlier run has done it; check, then do it."""
    key = str(task.id)
    found = connector.find(key) if task.may_be_done else None
    if found is not None:
        return found
    request = _request(task, manager, accounts, connector)
    if manager.has_precheck:
        connector.check(request)
    return carry_out(connector, request, idempotency_key=key)


def _connector(manager: ManagerAccess, calls: list[RecordedCall]) -> Connector:
    def record(call: VendorCall) -> None:
        calls.append(
            RecordedCall(
                at=utc_now(),
                operation=f"{'check ' if call.is_check_only else ''}{call.path}"[:60],
                url=f"{call.method} {manager.base_url.rstrip('/')}/{call.path}"[:500],
                request_body=call.request_body,
                status_code=call.status,
                response_body=call.response_body or call.reason,
                duration_ms=round(call.duration.total_seconds() * 1000),
            )
        )

    return connector_for(
        ServiceManagerSettings(
            kind=manager.kind,
            base_url=manager.base_url,
            application_id=manager.application_id,
            api_key=manager.api_key,
            timeout_seconds=manager.timeout_seconds,
            has_precheck=manager.has_precheck,
        ),
        allowed_private_targets=settings().allowed_private_targets,
        record_call=record,
        connectors=CONNECTORS,
    )


def _request(
    task: ClaimedTask, manager: ManagerAccess, accounts: KnownAccounts, connector: Connector
) -> ProvisioningRequest:
    """Return the complete picture; an account the vendor does not know yet is made known first."""
    picture = task.picture
    account = _account(task, manager, accounts, connector)
    reseller = _company(picture.reseller, task.reseller_reference) if picture.reseller else None
    return ProvisioningRequest(
        task_id=task.id,
        distributor_id=current_scope().distributor_id,
        kind=KINDS[task.kind],
        service_type=picture.service_type,
        product_code=picture.product_code,
        product_name=picture.product_name,
        quantity=picture.quantity,
        term=picture.term,
        billing_cycle=picture.billing_cycle,
        currency=picture.currency,
        account=account,
        reseller=reseller,
        characteristics=_characteristics(picture.characteristics),
        add_ons=tuple(
            AddOnPicture(
                product_code=add_on.product_code,
                product_name=add_on.product_name,
                quantity=add_on.quantity,
                action=AddOnAction(add_on.action),
                characteristics=_characteristics(add_on.characteristics),
            )
            for add_on in picture.add_ons
        ),
        vendor_reference=task.vendor_reference if task.kind is not TaskKind.CREATE else None,
    )


def _characteristics(values: Sequence[CharacteristicPicture]) -> tuple[Characteristic, ...]:
    return tuple(
        Characteristic(
            id=each.id,
            name=each.name,
            value=each.value,
            code=each.code,
            is_quantity_linked=each.is_quantity_linked,
        )
        for each in values
    )


def _account(
    task: ClaimedTask, manager: ManagerAccess, accounts: KnownAccounts, connector: Connector
) -> AccountPicture:
    company = task.picture.account
    reference = task.account_reference or accounts.get((manager.id, company.account_id))
    if reference is not None:
        return _company(company, reference)
    answer = connector.synchronise_account(_company(company, None), idempotency_key=f"{task.id}:account")
    if answer.reference:
        accounts[manager.id, company.account_id] = answer.reference
        with unit_of_work():
            claims.link_account(manager.id, company.account_id, answer.reference, at=utc_now())
    return _company(company, answer.reference or None)


def _company(company: CompanyPicture, reference: str | None) -> AccountPicture:
    return AccountPicture(
        code=company.code,
        name=company.name,
        email=company.email,
        country=company.country,
        vendor_reference=reference,
    )


def _record(task: ClaimedTask, outcome: Outcome, calls: Sequence[RecordedCall]) -> None:
    """Write down what came of a task, unless another run holds it by now."""
    at = utc_now()
    with unit_of_work():
        claims.record_calls(task.id, task.manager.id if task.manager else None, calls)
        match outcome:
            case Done(resource) if resource.needs_person:
                if claims.wait_for_person(task.id, task.lease_token, message=resource.message):
                    outcomes.task_waits_for_person(get_task(task.id), at=at)
            case Done(resource):
                if claims.complete_task(
                    task.id, task.lease_token, vendor_reference=resource.reference, message=resource.message, at=at
                ):
                    outcomes.task_succeeded(get_task(task.id), resource.reference, at=at)
                    _nudge_following(task)
            case Refused(reason):
                if claims.fail_task(task.id, task.lease_token, reason=reason, at=at):
                    outcomes.task_failed(get_task(task.id), reason, at=at)
            case Later(reason, retry_after):
                _release(task, reason, retry_after)


def _release(task: ClaimedTask, reason: str, retry_after: timedelta | None) -> None:
    at = utc_now()
    released, again_at = claims.release_task(task.id, task.lease_token, reason=reason, at=at, retry_after=retry_after)
    if released is Release.LATER:
        outcomes.task_delayed(get_task(task.id), again_at, at=at)
    elif released is Release.FAILED:
        outcomes.task_failed(get_task(task.id), reason, at=at)
        if task.kind is TaskKind.OPEN_STOREFRONT:
            with suppress(DomainError):
                fail_storefront(task.subject_id, reason=reason, at=at)


def _nudge_following(task: ClaimedTask) -> None:
    """Work on one subject is done strictly in order: the next task has waited for this one."""
    following = next_task_after(task.subject_id, task.id)
    if following is not None:
        nudge_after_commit(Nudge(PROVISION_ORDER_ITEM, following, current_scope().distributor_id))


def _open(task: ClaimedTask) -> None:
    """Open a reseller's storefront: our own worker is the vendor (RS-09). All of it, or nothing and again later."""
    at = utc_now()
    try:
        with unit_of_work():
            with session.begin_nested():
                open_storefront(task.subject_id, at=at)
            if claims.complete_task(task.id, task.lease_token, vendor_reference="", message="Storefront opened", at=at):
                outcomes.task_succeeded(get_task(task.id), None, at=at)
    except DomainError as refusal:
        with unit_of_work():
            if claims.fail_task(task.id, task.lease_token, reason=str(refusal), at=at):
                outcomes.task_failed(get_task(task.id), str(refusal), at=at)
                with suppress(DomainError):
                    fail_storefront(task.subject_id, reason=str(refusal), at=at)
    except Exception as error:
        log.exception("storefront_not_opened", extra={"task_id": str(task.id)})
        with unit_of_work():
            _release(task, f"{type(error).__name__}: {error}", None)
