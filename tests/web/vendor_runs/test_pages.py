"""The pages of vendors' catalogues: the button, the ribbon, the log."""

from __future__ import annotations

from copy import deepcopy
from http import HTTPStatus

import pytest
from sqlalchemy import func, select

from app.catalogue.vendor_runs.models import VendorRun, VendorRunState
from app.catalogue.vendor_runs.runs import claim_run, held_run
from app.core import db
from app.core.clock import utc_now
from app.core.secrets import encrypt
from app.identity.models import UserKind, UserType
from app.provisioning.models import ServiceManager
from tenants.context import distributor_scope, scope
from tests.factories.world import MONDAY_NOON, make_user, make_world
from tests.workers.vendor_runs.conftest import FEED, FeedConnector
from workers.jobs import vendor_catalogue
from workers.jobs.vendor_catalogue import read_vendor_definition


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> FeedConnector:
    connector = FeedConnector()
    monkeypatch.setattr(vendor_catalogue, "CONNECTORS", {"service_manager": lambda _settings, **_: connector})
    return connector


@pytest.fixture
def manager_id(world, session):
    with scope(world.scope):
        made = ServiceManager(
            name="Acme Cloud",
            kind="service_manager",
            base_url="https://vendor.example/api",
            api_key_encrypted=encrypt("key"),
            created_at=MONDAY_NOON,
        )
        session.add(made)
        session.commit()
        return made.id


@pytest.fixture
def staff(sign_in, world):
    return sign_in(world.bss_user)


def only_run(world) -> VendorRun:
    with scope(world.scope):
        return db.session.scalars(select(VendorRun).execution_options(populate_existing=True)).one()


def count(world) -> int:
    with scope(world.scope):
        return db.session.scalar(select(func.count()).select_from(VendorRun)) or 0


def test_the_button_returns_at_once_and_a_second_start_is_a_conflict(staff, world, vendor, manager_id) -> None:
    """CB-F42: starting a vendor sync returns at once; button disabled; progress visible; a second start answers 409."""
    before = staff.get(f"/bss/vendor-runs/of/{manager_id}").text
    assert "Get services definition" in before
    assert " disabled" not in before.split("Get services definition")[0].rsplit("<button", 1)[1]

    started = staff.post(f"/bss/vendor-runs/start/{manager_id}")
    run = only_run(world)
    assert (started.status_code, vendor.calls, run.state) == (HTTPStatus.SEE_OTHER, 0, VendorRunState.QUEUED)
    assert started.location.endswith(f"/bss/vendor-runs/{run.id}")

    with scope(world.scope):
        claim = claim_run(run.id, at=utc_now())
        assert claim is not None
        held = held_run(claim, at=utc_now())
        held.phase, held.items_total, held.items_done = "Products and prices", 8, 2
        db.session.commit()
    own_page = f"/bss/provisioning/service-managers/{manager_id}"
    for path in (own_page, f"/bss/vendor-runs/of/{manager_id}", "/bss/vendor-runs", f"/bss/vendor-runs/{run.id}"):
        shown = staff.get(path).text
        assert "Products and prices · 2 of 8 · 25 %" in shown
        assert "notice--warning" in shown
    assert " disabled" in staff.get(f"/bss/vendor-runs/of/{manager_id}").text.split("Get services definition")[0].rsplit("<button", 1)[1]  # fmt: skip
    assert "Products and prices" in staff.get(f"/bss/vendor-runs/{run.id}/ribbon").text

    second = staff.post(f"/bss/vendor-runs/start/{manager_id}", headers={"Accept": "application/json"})
    assert (second.status_code, second.json["errors"][0]["code"]) == (HTTPStatus.CONFLICT, "run_at_work")
    assert world.bss_user.full_name in second.json["errors"][0]["message"]
    assert staff.post(f"/bss/vendor-runs/start/{manager_id}").status_code == HTTPStatus.CONFLICT
    assert count(world) == 1


def test_the_button_appears_once_the_service_manager_was_saved(staff, manager_id) -> None:
    """CB-15: the button stands on the page of a saved service manager."""
    assert "Get services definition" not in staff.get("/bss/provisioning/service-managers/new").text
    assert "Get services definition" in staff.get(f"/bss/provisioning/service-managers/{manager_id}").text


def test_a_run_with_errors_names_the_item_in_its_log(staff, world, vendor, manager_id) -> None:
    """CB-F43: a sync with one bad item ends "Completed with errors" and the log names the item; the others are saved."""
    vendor.feed = deepcopy(FEED)
    vendor.feed["products"][1]["terms"][0]["currency"] = "EURO"
    vendor.feed["products"][0]["name"] = "=cmd|calc"
    staff.post(f"/bss/vendor-runs/start/{manager_id}")
    run = only_run(world)
    read_vendor_definition(str(run.id), distributor_id=str(world.id))

    shown = staff.get(f"/bss/vendor-runs/{run.id}").text
    assert "Completed with errors" in shown
    assert "The currency is no ISO 4217 code" in shown
    assert "data-reload" in staff.get(f"/bss/vendor-runs/{run.id}/ribbon").text
    errors = staff.get(f"/bss/vendor-runs/{run.id}?level=error").text
    assert "MAIL-L" in errors
    assert "ARCHIVE" not in errors
    found = staff.get(f"/bss/vendor-runs/{run.id}?q=archive").text
    assert "ARCHIVE" in found
    assert "EURO" not in found
    exported = staff.get(f"/bss/vendor-runs/{run.id}?format=csv").text
    assert "error,product,MAIL-L,error,The currency is no ISO 4217 code" in exported
    assert ",'=cmd|calc" in exported
    assert staff.get(f"/bss/vendor-runs/{run.id}?format=xlsx").status_code == HTTPStatus.OK
    assert "vendor catalogue was not read in full" in staff.get("/bss/").text
    assert "Completed with errors" in staff.get("/bss/vendor-runs").text


def test_retired_products_are_marked_and_can_be_listed(staff, world, vendor, manager_id) -> None:
    """CB-F44 (partly): a product that is gone from the feed is shown as retired."""
    for feed in (FEED, {**FEED, "products": FEED["products"][1:]}):
        vendor.feed = deepcopy(feed)
        staff.post(f"/bss/vendor-runs/start/{manager_id}")
        with scope(world.scope):
            queued = db.session.scalars(select(VendorRun.id).where(VendorRun.state == VendorRunState.QUEUED)).one()
        read_vendor_definition(str(queued), distributor_id=str(world.id))
    listed = staff.get("/bss/products?state=retired").text
    assert "Mail Small" in listed
    assert "Mail Large" not in listed
    assert "Retired" in listed


def test_a_run_can_be_canceled(staff, world, vendor, manager_id) -> None:
    staff.post(f"/bss/vendor-runs/start/{manager_id}")
    run = only_run(world)
    assert staff.post(f"/bss/vendor-runs/{run.id}/cancel").status_code == HTTPStatus.SEE_OTHER
    read_vendor_definition(str(run.id), distributor_id=str(world.id))
    assert (only_run(world).state, vendor.calls) == (VendorRunState.CANCELED, 0)
    assert staff.post(f"/bss/vendor-runs/{run.id}/cancel").status_code == HTTPStatus.CONFLICT


def test_who_may_read_definitions(sign_in, world, manager_id, session) -> None:
    """CB-15, permissions: operations, product managers with the right, administrators."""
    with scope(world.scope):
        people = {
            role: make_user(
                session,
                None,
                kind=UserKind.BSS,
                type=UserType.USER,
                realms=(world.id,),
                first_name=role,
                roles=(role,),
            )
            for role in ("operations", "product_manager", "sales", "read_only")
        }
        session.commit()
    answers = {}
    for role, user in people.items():
        browser = sign_in(user)
        answers[role] = browser.get("/bss/vendor-runs").status_code
    assert answers == {
        "operations": HTTPStatus.OK,
        "product_manager": HTTPStatus.OK,
        "sales": HTTPStatus.FORBIDDEN,
        "read_only": HTTPStatus.FORBIDDEN,
    }
    assert sign_in(people["sales"]).post(f"/bss/vendor-runs/start/{manager_id}").status_code == HTTPStatus.FORBIDDEN
    assert count(world) == 0


def test_another_distributors_run_does_not_exist(staff, world, session, manager_id) -> None:
    other = make_world(session, name="Other", host="cloud.other.example")
    with scope(distributor_scope(other.id)):
        manager = ServiceManager(
            name="Theirs", kind="service_manager", base_url="https://x.example", created_at=MONDAY_NOON
        )
        session.add(manager)
        session.flush()
        run = VendorRun(
            service_manager_id=manager.id, manager_name="Theirs", heartbeat_at=MONDAY_NOON, created_at=MONDAY_NOON
        )
        session.add(run)
        session.commit()
        ids = (manager.id, run.id)
    for path in (f"/of/{ids[0]}", f"/{ids[1]}", f"/{ids[1]}/ribbon"):
        assert staff.get(f"/bss/vendor-runs{path}").status_code == HTTPStatus.NOT_FOUND
    assert staff.post(f"/bss/vendor-runs/start/{ids[0]}").status_code == HTTPStatus.NOT_FOUND
    assert staff.post(f"/bss/vendor-runs/{ids[1]}/cancel").status_code == HTTPStatus.NOT_FOUND
    assert count(world) == 0


@pytest.mark.parametrize("columns", [{"is_active": False}, {"kind": "manual"}])
def test_a_service_manager_that_cannot_tell_is_not_asked(staff, world, session, manager_id, columns) -> None:
    with scope(world.scope):
        manager = session.scalars(select(ServiceManager).where(ServiceManager.id == manager_id)).one()
        for name, value in columns.items():
            setattr(manager, name, value)
        session.commit()
    assert staff.post(f"/bss/vendor-runs/start/{manager_id}").status_code == HTTPStatus.CONFLICT
    assert count(world) == 0
