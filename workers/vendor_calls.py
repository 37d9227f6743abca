"""Asking a vendor for what a claimed task wants, and telling what came of it. No transaction is open meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.provisioning import account_links
from app.provisioning.access import ManagerAccess
from app.provisioning.claims import ClaimedTask, RecordedCall
from app.provisioning.models import TaskKind
from app.provisioning.pictures import CharacteristicPicture, CompanyPicture, ResourcePicture
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
    VendorResource,
    WorksLater,
    carry_out,
)
from workers.connectors.registry import ConnectorFactory, UnknownConnectorKind
from workers.vendor_access import open_connector
from workers.vendor_slots import slot_at

SECONDS_FOR_ALL = 200  # all calls of one task; a job has 300, a lease ten minutes
NOT_LOOKED_AT = "This service manager does not tell how accepted work stands"
KINDS = {
    TaskKind.CREATE: RequestKind.CREATE,
    TaskKind.UPDATE: RequestKind.UPDATE,
    TaskKind.CANCEL: RequestKind.CANCEL,
    TaskKind.SUSPEND: RequestKind.SUSPEND,
    TaskKind.ACTIVATE: RequestKind.ACTIVATE,
    TaskKind.SCHEDULE: RequestKind.SCHEDULE,
    TaskKind.WITHDRAW: RequestKind.WITHDRAW,
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


@dataclass(frozen=True, slots=True)
class UnderWay:
    """The vendor accepted it and goes on with it."""

    resource: VendorResource


@dataclass(frozen=True, slots=True)
class Busy:
    """As many calls as the service manager may get at once are under way: nothing was asked."""


Outcome = Done | UnderWay | Busy | Later | Refused


def call_vendor(
    task: ClaimedTask,
    accounts: KnownAccounts,
    calls: list[RecordedCall],
    *,
    connectors: Mapping[str, ConnectorFactory],
) -> Outcome:
    """Carry out one task; `calls` receives what was said, also where this raises. Nothing is recorded here."""
    if task.manager is None:
        return Refused(NOT_SET_UP)
    if not task.manager.is_active:
        return Later(SWITCHED_OFF)
    outcome: Outcome
    try:
        connector = open_connector(task.manager, calls, seconds_for_all=SECONDS_FOR_ALL, connectors=connectors)
        with slot_at(task.manager.id, task.manager.max_parallel_calls, seconds=SECONDS_FOR_ALL) as has_slot:
            outcome = _outcome(_ask(task, task.manager, accounts, connector)) if has_slot else Busy()
    except ConnectorUnavailable as error:
        outcome = Later(error.reason, error.retry_after)
    except ConnectorRejected as error:
        outcome = Refused(error.reason)
    except (UnknownConnectorKind, ValueError) as error:  # how it is set up here, or a request no vendor must see
        outcome = Refused(str(error))
    return outcome


def _outcome(resource: VendorResource) -> Outcome:
    return Done(resource) if resource.progress is None else UnderWay(resource)


def _ask(task: ClaimedTask, manager: ManagerAccess, accounts: KnownAccounts, connector: Connector) -> VendorResource:
    """Look first whether an earlier run has done it; check, then do it."""
    key = str(task.id)
    if task.operation is not None:
        if not isinstance(connector, WorksLater):
            raise ConnectorRejected("not_offered", NOT_LOOKED_AT)
        request = _request(task, manager, accounts, connector)
        return connector.look(request, task.operation.vendor_reference, task.operation.operation)
    found = connector.find(key) if task.may_be_done else None
    if found is not None:
        return found
    request = _request(task, manager, accounts, connector)
    if manager.has_precheck and task.kind.value not in manager.unchecked_kinds:
        connector.check(request)
    return carry_out(connector, request, idempotency_key=key)


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
        effective_on=picture.effective_on,
    )


def checked_request(picture: ResourcePicture, *, check_id: UUID, account_reference: str | None) -> ProvisioningRequest:
    """Return the request of a pre-check of something that was not ordered yet."""
    return ProvisioningRequest(
        task_id=check_id,
        distributor_id=current_scope().distributor_id,
        kind=RequestKind.CREATE,
        service_type=picture.service_type,
        product_code=picture.product_code,
        product_name=picture.product_name,
        quantity=picture.quantity,
        term=picture.term,
        billing_cycle=picture.billing_cycle,
        currency=picture.currency,
        account=_company(picture.account, account_reference),
        reseller=None,
        characteristics=_characteristics(picture.characteristics),
        add_ons=(),
        vendor_reference=None,
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
    """Return the account as the vendor knows it; one it does not know yet is made known, with what the vendor asks for."""
    company = task.picture.account
    reference = task.account_reference or accounts.get((manager.id, company.account_id))
    if reference is not None:
        return _company(company, reference)
    if not manager.synchronises_accounts:
        return _company(company, company.code)
    options, existing = _told(manager, company)
    try:
        if existing is not None:
            _require_own(manager, company, existing)
        answer = connector.synchronise_account(
            _company(company, existing, options), idempotency_key=f"{task.id}:account"
        )
        if existing is not None:
            _require_own(manager, company, answer.reference)
    except ConnectorRejected as refusal:
        with unit_of_work():
            account_links.account_refused(manager.id, company.account_id, refusal.reason, at=utc_now())
        raise
    if answer.reference:
        accounts[manager.id, company.account_id] = answer.reference
        with unit_of_work():
            account_links.link_account(manager.id, company.account_id, answer.reference, at=utc_now())
    return _company(company, answer.reference or None)


def _require_own(manager: ManagerAccess, company: CompanyPicture, reference: str) -> None:
    """Refuse an account at the vendor that is somebody else's here, whoever named it: ConnectorRejected."""
    with unit_of_work():
        if account_links.is_anothers(manager.id, company.account_id, reference):
            raise ConnectorRejected("account_taken", account_links.TAKEN)


def _told(manager: ManagerAccess, company: CompanyPicture) -> tuple[tuple[tuple[str, str], ...], str | None]:
    """Return the details beside the account's own, and what it is called there already where its owner says so.

    ConnectorRejected where the vendor needs a detail nobody has told.
    """
    if not manager.asks_for_options:
        return (), None
    with unit_of_work():
        known = account_links.at_vendor(manager.id, company.account_id)
        told = tuple((option.id, option.value) for option in known.options if option.value)
        missing = ", ".join(option.name for option in known.missing)
        existing = known.existing_reference
    if missing:
        raise ConnectorRejected("missing_details", f"The service manager must know of {company.name}: {missing}")
    return told, existing


def _company(
    company: CompanyPicture, reference: str | None, options: tuple[tuple[str, str], ...] = ()
) -> AccountPicture:
    return AccountPicture(
        code=company.code,
        name=company.name,
        email=company.email,
        country=company.country,
        vendor_reference=reference,
        options=options,
    )
