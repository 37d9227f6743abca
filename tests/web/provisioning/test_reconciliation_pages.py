from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus

import pytest

from app.audit.models import AuditEvent
from app.core import db
from app.core.db import unit_of_work
from app.core.ids import new_id
from app.identity.models import UserKind, UserType
from app.orders.execution import process_work
from app.orders.execution_outcomes import task_succeeded
from app.provisioning.claims import claim_task, complete_task
from app.provisioning.models import (
    Adoption,
    AdoptionState,
    Drift,
    DriftKind,
    DriftState,
    ProvisioningTask,
    ReconciliationRun,
    ServiceManager,
    TaskKind,
)
from app.provisioning.reconciliation import SeenService, claim_run, complete_run, record_page
from app.subscriptions.models import Subscription
from tenants.context import scope
from tests.factories.execution import Wanted, all_of, root_order, use_service_manager
from tests.factories.world import MONDAY_NOON, make_user
from workers.jobs.adoption import adopt


@pytest.fixture
def manager(session, world) -> ServiceManager:
    """A vendor with one service of ours: five seats."""
    made = use_service_manager(session, world, kind="service_manager", base_url="https://vendor.example/api")
    placed = root_order(session, world, [Wanted(world.seats, 5, "10.00")])
    with scope(world.scope):
        with unit_of_work():
            process_work(placed.work.id, at=MONDAY_NOON)
            (task,) = all_of(db.session, ProvisioningTask)
            claimed = claim_task(task.id, at=MONDAY_NOON)
        with unit_of_work():
            complete_task(task.id, claimed.lease_token, vendor_reference="svc-1", message="", at=MONDAY_NOON)
            row = db.session.get_one(ProvisioningTask, (world.id, task.id), populate_existing=True)
            task_succeeded(row, "svc-1", at=MONDAY_NOON)
        db.session.refresh(made)
        db.session.expunge_all()
        db.session.commit()
    return made


def seen(world, reference: str, quantity: int, *, code: str = "", name: str = "Workplace Start") -> SeenService:
    return SeenService(
        reference, name, world.seats.code, quantity, True, "P1M", "monthly", None, code, f"Account {code}", None
    )  # fmt: skip


@pytest.fixture
def vendor_has(world, manager) -> Callable:
    """Do the worker's part: the vendor has these services."""

    def run(run_id, *services: SeenService) -> None:
        with scope(world.scope), unit_of_work():
            claimed = claim_run(run_id, at=MONDAY_NOON)
            assert claimed is not None
            record_page(claimed, services, asked=len(services), cursor=None, total=len(services), at=MONDAY_NOON)
            complete_run(claimed, at=MONDAY_NOON)

    return run


def rows_of(world, model) -> list:
    with scope(world.scope):
        found = all_of(db.session, model)
        db.session.commit()
        db.session.expunge_all()
        return found


def compare(client, world, manager) -> ReconciliationRun:
    answer = client.post(f"/bss/reconciliation/managers/{manager.id}")
    assert answer.status_code == HTTPStatus.SEE_OTHER
    newest = rows_of(world, ReconciliationRun)[-1]
    assert answer.location == f"/bss/reconciliation/runs/{newest.id}"
    return newest


def words(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def test_a_comparison_is_started_once_followed_and_reported(world, manager, vendor_has, sign_in):
    """GO-03: progress while it runs, a second click shows the same run, then a report with filters and a file."""
    client = sign_in(world.bss_user)
    assert "Never" in client.get("/bss/reconciliation").text
    run = compare(client, world, manager)
    again = client.post(f"/bss/reconciliation/managers/{manager.id}")
    assert again.location == f"/bss/reconciliation/runs/{run.id}"
    assert len(rows_of(world, ReconciliationRun)) == 1
    assert "Waiting for a worker" in client.get(f"/bss/reconciliation/runs/{run.id}").text
    assert "data-poll-url" in client.get(f"/bss/reconciliation/runs/{run.id}/progress").text

    vendor_has(run.id, seen(world, "svc-1", 60), seen(world, "=stray", 4, code="T-9"))
    assert "data-reload" in client.get(f"/bss/reconciliation/runs/{run.id}/progress").text
    report = words(client.get(f"/bss/reconciliation/runs/{run.id}"))
    assert "Quantity differs" in report
    assert "Unknown here" in report
    only = client.get(f"/bss/reconciliation/runs/{run.id}?kind=quantity").text
    assert "svc-1" in only
    assert "=stray" not in only
    assert "Nothing differs" in client.get(f"/bss/reconciliation/runs/{run.id}?q=no-such").text
    csv = client.get(f"/bss/reconciliation/runs/{run.id}?format=csv&kind=unknown_here").text
    assert "'=stray" in csv  # no formula for a spreadsheet
    assert "svc-1" not in csv
    assert "2" in words(client.get("/bss/reconciliation"))


def test_a_repair_is_looked_at_first_and_applied_once(world, manager, vendor_has, sign_in):
    """GO-03: choose rows, dry run, apply; a second submit makes no second task."""
    client = sign_in(world.bss_user)
    run = compare(client, world, manager)
    vendor_has(run.id, seen(world, "svc-1", 60))
    (drift,) = rows_of(world, Drift)
    path = f"/bss/reconciliation/runs/{run.id}"
    dry = client.post(f"{path}/preview", data={"action": "send_ours", "selected": str(drift.id)})
    assert "The vendor is asked for a quantity of 5" in dry.text
    assert rows_of(world, Drift)[0].state is DriftState.OPEN

    for _ in range(2):
        answer = client.post(f"{path}/repair", data={"repair": "send_ours", "selected": str(drift.id)})
        assert answer.status_code == HTTPStatus.SEE_OTHER
    (drift,) = rows_of(world, Drift)
    assert (drift.state, drift.repair) == (DriftState.REPAIRING, "send_ours")
    assert [task.kind for task in rows_of(world, ProvisioningTask)] == [TaskKind.CREATE, TaskKind.UPDATE]
    assert "Being repaired" in client.get(path).text
    assert [event.action for event in rows_of(world, AuditEvent)].count("drift.repaired") == 1


def test_all_of_a_filter_take_over_the_vendors_quantity(world, manager, vendor_has, sign_in):
    client = sign_in(world.bss_user)
    run = compare(client, world, manager)
    vendor_has(run.id, seen(world, "svc-1", 60), seen(world, "stray", 4))
    path = f"/bss/reconciliation/runs/{run.id}"
    dry = client.post(f"{path}/preview?kind=quantity", data={"action": "take_theirs", "all_matching": "1"})
    shown = re.findall(r'name="selected" value="([^"]+)"', dry.text)
    assert len(shown) == 1
    client.post(f"{path}/repair", data={"repair": "take_theirs", "selected": shown})
    assert [each.quantity for each in rows_of(world, Subscription)] == [60]
    assert {each.kind: each.state for each in rows_of(world, Drift)} == {
        DriftKind.QUANTITY: DriftState.REPAIRED, DriftKind.UNKNOWN_HERE: DriftState.OPEN,
    }  # fmt: skip


@pytest.mark.parametrize(
    "data", [{}, {"action": "explode"}, {"action": "send_ours"}, {"action": "leave", "selected": "x"}]
)
def test_a_repair_without_rows_or_of_no_kind_changes_nothing(world, manager, vendor_has, sign_in, data):
    client = sign_in(world.bss_user)
    run = compare(client, world, manager)
    vendor_has(run.id, seen(world, "svc-1", 60))
    for step in ("preview", "repair"):
        answer = client.post(
            f"/bss/reconciliation/runs/{run.id}/{step}", data={**data, "repair": data.get("action", "")}
        )
        assert answer.status_code == HTTPStatus.SEE_OTHER
    assert {each.state for each in rows_of(world, Drift)} == {DriftState.OPEN}
    assert len(rows_of(world, ProvisioningTask)) == 1


def test_services_are_taken_over_from_the_page(world, manager, vendor_has, sign_in):
    """GO-06: matched by code, completed by hand, looked at, imported by a worker, listed and exported."""
    client = sign_in(world.bss_user)
    run = compare(client, world, manager)
    vendor_has(
        run.id, seen(world, "svc-1", 5), seen(world, "svc-2", 3, code=world.direct.code), seen(world, "svc-3", 4)
    )
    listing = f"/bss/adoption/{manager.id}"
    assert "by our code" in client.get(listing).text
    by_reference = {row.vendor_reference: row for row in rows_of(world, Adoption)}
    assert set(by_reference) == {"svc-2", "svc-3"}

    path = f"/bss/adoption/services/{by_reference['svc-3'].id}"
    wrong = client.post(path, data={"account_id": "NOBODY", "quantity": "4", "term": "P1M", "cycle": "monthly"})
    assert wrong.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "There is no account with this code" in wrong.text
    assert rows_of(world, Adoption)[0].account_id in (None, world.direct.id)
    good = {
        "account_id": world.basic.account.code.lower(), "product_id": world.seats.code, "quantity": "4", "term": "P1M",
        "cycle": "monthly", "unit_cost": "7.5", "unit_price": "", "billed_from": "2099-01-15",
    }  # fmt: skip
    assert client.post(path, data=good).status_code == HTTPStatus.SEE_OTHER

    dry = client.post(f"{listing}/choose", data={"action": "preview", "all_matching": "1"})
    shown = re.findall(r'name="selected" value="([^"]+)"', dry.text)
    assert len(shown) == 2
    assert "7.50" in dry.text
    assert len(rows_of(world, Subscription)) == 1
    for _ in range(2):
        client.post(f"{listing}/import", data={"selected": shown})
    adopt(str(manager.id), distributor_id=str(world.id))

    assert {row.state for row in rows_of(world, Adoption)} == {AdoptionState.IMPORTED}
    made = [each for each in rows_of(world, Subscription) if each.order_item_id is None]
    assert sorted((each.quantity, each.account_id) for each in made) == sorted(
        [(3, world.direct.id), (4, world.basic.id)]
    )
    (row,) = [each for each in rows_of(world, Adoption) if each.subscription_id == made[0].id]
    assert made[0].code in client.get(f"/bss/adoption/services/{row.id}").text
    assert "Taken over" in client.get(f"{listing}?state=imported").text
    assert "svc-3" in client.get(f"{listing}?format=csv").text


def test_services_may_be_left_at_the_vendor(world, manager, vendor_has, sign_in):
    client = sign_in(world.bss_user)
    run = compare(client, world, manager)
    vendor_has(run.id, seen(world, "svc-1", 5), seen(world, "svc-3", 4))
    (row,) = rows_of(world, Adoption)
    client.post(f"/bss/adoption/{manager.id}/choose", data={"action": "leave", "selected": str(row.id)})
    assert rows_of(world, Adoption)[0].state is AdoptionState.LEFT
    nothing = client.post(f"/bss/adoption/{manager.id}/choose", data={"action": "preview"}, follow_redirects=True)
    assert "Tick the services first" in nothing.text


def test_who_may_only_look_changes_nothing(world, manager, vendor_has, sign_in):
    client = sign_in(world.bss_user)
    run = compare(client, world, manager)
    vendor_has(run.id, seen(world, "svc-1", 60), seen(world, "stray", 1))
    (adoption,) = rows_of(world, Adoption)
    with scope(world.scope), unit_of_work():
        reader = make_user(
            db.session, None, kind=UserKind.BSS, realms=(world.id,), type=UserType.USER, roles=("read_only",)
        )
    client = sign_in(reader)
    for path in (
        f"/bss/reconciliation/managers/{manager.id}",
        f"/bss/reconciliation/runs/{run.id}/preview",
        f"/bss/reconciliation/runs/{run.id}/repair",
        f"/bss/adoption/{manager.id}/choose",
        f"/bss/adoption/{manager.id}/import",
        f"/bss/adoption/services/{adoption.id}",
    ):
        assert client.post(path, data={}).status_code == HTTPStatus.FORBIDDEN
    page = client.get(f"/bss/reconciliation/runs/{run.id}")
    assert page.status_code == HTTPStatus.OK
    assert "Leave as it is" not in page.text
    assert {each.state for each in rows_of(world, Drift)} == {DriftState.OPEN}


def test_what_is_not_there_is_not_found(world, manager, sign_in):
    client, nobody = sign_in(world.bss_user), new_id()
    for path in (
        f"/bss/reconciliation/runs/{nobody}",
        f"/bss/reconciliation/runs/{nobody}/progress",
        f"/bss/adoption/{nobody}",
        f"/bss/adoption/services/{nobody}",
    ):
        assert client.get(path).status_code == HTTPStatus.NOT_FOUND
    for path in (f"/bss/reconciliation/managers/{nobody}", f"/bss/reconciliation/runs/{nobody}/repair"):
        assert client.post(path, data={}).status_code == HTTPStatus.NOT_FOUND
    assert rows_of(world, ReconciliationRun) == []
