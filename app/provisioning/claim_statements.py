"""The statements that take tasks, built once: due tasks are marked and all that a connector must know is read with them.

`due` of `app.provisioning.queries` says which; a task waits for the earlier ones of its subject. Each service manager
comes with one of its tasks alone.
"""

from __future__ import annotations

from typing import Any
from typing import cast as cast_type

from sqlalchemy import (
    DateTime,
    ScalarSelect,
    Select,
    Subquery,
    Table,
    Uuid,
    bindparam,
    cast,
    exists,
    func,
    select,
    update,
)
from sqlalchemy.orm import aliased

from app.provisioning.models import ProvisioningTask, ServiceManager, TaskStatus, VendorAccountLink
from app.provisioning.queries import OPEN, due
from app.subscriptions.models import SubscriptionVendorLink, SyncStatus

_HERE, _AT = bindparam("here", type_=Uuid()), bindparam("at", type_=DateTime(timezone=True))
_TASKS, MANAGERS, _ACCOUNTS, _SERVICES = (
    cast_type("Table", model.__table__)
    for model in (ProvisioningTask, ServiceManager, VendorAccountLink, SubscriptionVendorLink)
)
_TOLD = (
    "id", "kind", "subject_id", "order_id", "order_item_id", "service_manager_id", "request", "attempts",
    "vendor_reference",
)  # fmt: skip


def _statement(*, is_one: bool) -> Select[Any]:
    earlier = aliased(ProvisioningTask)
    found = (
        select(_TASKS.c.distributor_id, _TASKS.c.id, _TASKS.c.next_attempt_at)
        .where(
            _TASKS.c.distributor_id == _HERE,
            due(_AT),
            ~exists().where(
                earlier.distributor_id == _HERE,
                earlier.subject_id == _TASKS.c.subject_id,
                earlier.sequence < _TASKS.c.sequence,
                earlier.status.in_(OPEN),
            ),
        )
        .order_by(_TASKS.c.next_attempt_at, _TASKS.c.id)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True, of=_TASKS)
    )
    is_asked = _TASKS.c.id == bindparam("task_id")
    waiting = (found.where(is_asked) if is_one else found).cte("waiting")
    update_them = (
        update(_TASKS)
        .where(_TASKS.c.distributor_id == waiting.c.distributor_id, _TASKS.c.id == waiting.c.id)
        .values(
            status=TaskStatus.RUNNING,
            attempts=_TASKS.c.attempts + 1,
            first_attempt_at=func.coalesce(_TASKS.c.first_attempt_at, _AT),
            lease_token=bindparam("lease_token"),
            lease_until=bindparam("lease_until"),
            next_attempt_at=bindparam("lease_until"),
        )
        .returning(*(_TASKS.c[name] for name in _TOLD), waiting.c.next_attempt_at.label("waited_since"))
    )
    taken = (update_them.where(is_asked) if is_one else update_them).cte("taken")
    of_its_manager = func.row_number().over(partition_by=taken.c.service_manager_id)
    told = select(*taken.c, of_its_manager.label("of_its_manager")).subquery("told")
    return (
        select(
            *(told.c[name] for name in _TOLD),
            _reference_of(told, "account").label("account_reference"),
            _reference_of(told, "reseller").label("reseller_reference"),
            select(_SERVICES.c.vendor_reference)
            .where(_SERVICES.c.distributor_id == _HERE, _SERVICES.c.subscription_id == told.c.subject_id)
            .scalar_subquery()
            .label("service_reference"),
            *(column.label(f"manager_{column.name}") for column in MANAGERS.c),
        )
        .select_from(
            told.outerjoin(
                MANAGERS,
                (MANAGERS.c.distributor_id == _HERE)
                & (MANAGERS.c.id == told.c.service_manager_id)
                & (told.c.of_its_manager == 1),
            )
        )
        .order_by(told.c.waited_since, told.c.id)
    )


def _reference_of(told: Subquery, company: str) -> ScalarSelect[Any]:
    """What a task's vendor calls a company of the task's picture."""
    account_id = cast(told.c.request[company]["account_id"].astext, Uuid)
    return (
        select(_ACCOUNTS.c.vendor_reference)
        .where(
            _ACCOUNTS.c.distributor_id == _HERE,
            _ACCOUNTS.c.service_manager_id == told.c.service_manager_id,
            _ACCOUNTS.c.account_id == account_id,
            _ACCOUNTS.c.sync_status == SyncStatus.SYNCHRONISED,  # else it is made known anew
        )
        .scalar_subquery()
    )


CLAIM_ONE, CLAIM_DUE = _statement(is_one=True), _statement(is_one=False)
