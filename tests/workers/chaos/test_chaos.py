"""Orders while everything breaks: none is lost, none is doubled (GO-02). `make chaos ORDERS=1000` is the large run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psycopg
import pytest
from sqlalchemy import select, update

from app.accounts.models import Account
from app.audit.services import SYSTEM
from app.core import db
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.secrets import encrypt
from app.local.surroundings import free_ports
from app.notifications.models import MailSettings
from app.orders.repairs import retry
from app.provisioning.models import ProvisioningTask, ServiceManager, TaskStatus
from tenants.context import direct_business_scope, reseller_scope, scope
from tests.factories.execution import use_service_manager
from tests.factories.world import World, make_world
from tests.fakes.demo_vendor import API_KEY
from tests.workers.chaos import audit
from tests.workers.chaos.report import write_report
from tests.workers.chaos.shoppers import Answers, customers_of, order_all
from tests.workers.chaos.storm import Post, Storm, superuser
from tests.workers.processes.machine import Machine, eventually, machine_of_its_own

ORDERS = int(os.environ.get("CHAOS_ORDERS", "40"))
SEED = int(os.environ.get("CHAOS_SEED", "2026"))
REPORT = os.environ.get("CHAOS_REPORT")
RESTARTS = max(1, ORDERS // 250)
PATIENCE = 60 + ORDERS  # seconds until everything must have come to an end

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes"), pytest.mark.timeout(600 + 4 * ORDERS)]

WAITING = """
SELECT (SELECT count(*) FROM order_works WHERE state = 'pending')
     + (SELECT count(*) FROM provisioning_tasks WHERE status IN ('pending', 'running', 'at_vendor'))
     + (SELECT count(*) FROM outbound_mails WHERE state = 'pending')
"""


@dataclass
class Stage:
    """A machine, its world and its mail server."""

    machine: Machine
    world: World
    post: Post
    vendor_book: Path


@pytest.fixture
def stage(database: None, tmp_path: Path) -> Iterator[Stage]:
    (port,) = free_ports(1)
    post = Post(Random(SEED))
    server = post.serve(port)
    with machine_of_its_own(tmp_path) as machine:
        machine.targets.append(f"127.0.0.1:{port}")
        server.start()
        try:
            world = make_world(db.session())
            _prepare(world, machine, port)
            yield Stage(machine, world, post, tmp_path / "vendor.sqlite3")
        finally:
            db.session.remove()
            server.stop()


def _prepare(world: World, machine: Machine, mail_port: int) -> None:
    """A vendor for all services, a mail server for all three sellers, and customers who need no approval."""
    use_service_manager(db.session, world, kind="service_manager", base_url=f"{machine.vendor.url}/api")
    with scope(world.scope), unit_of_work():
        manager = db.session.scalars(select(ServiceManager)).one()
        manager.application_id, manager.api_key_encrypted = "galleria-chaos", encrypt(API_KEY)
        manager.timeout_seconds = 5
        db.session.execute(update(Account).values(approval_required=False))
    owners = [(None, direct_business_scope(world.id))]
    owners += [(shop.id, reseller_scope(world.id, shop.id)) for shop in (world.tech, world.cloudia)]
    for reseller_id, entered in owners:
        with scope(entered), unit_of_work():
            db.session.add(
                MailSettings(
                    reseller_id=reseller_id,
                    sender_name="Shop",
                    sender_email="shop@nordwind.example",
                    host="127.0.0.1",
                    port=mail_port,
                    encryption="none",
                    updated_at=utc_now(),
                )
            )
    db.session.expunge_all()
    db.session.remove()


def waiting(machine: Machine) -> int:
    """How much is still on its way; one at least while the database is away."""
    try:
        with closing(superuser(machine)) as connection:
            row = connection.execute(WAITING).fetchone()
    except psycopg.OperationalError:
        return 1
    assert row is not None
    return int(row[0])


def everything_has_ended(stage: Stage, storm: Storm) -> None:
    eventually(
        lambda: waiting(stage.machine) == 0,
        PATIENCE,
        lambda: f"{waiting(stage.machine)} still wait; {dict(storm.counts)}\n{stage.machine.words()[-4000:]}",
    )


def by_hand(world: World) -> int:
    """What a person does about failed tasks: start each of them again. Returns how many there were."""
    with scope(world.scope):
        failed = db.session.scalars(
            select(ProvisioningTask.id).where(ProvisioningTask.status == TaskStatus.FAILED)
        ).all()
        db.session.rollback()
        for task_id in failed:
            with unit_of_work():
                retry(task_id, actor=SYSTEM, at=utc_now())
    db.session.remove()
    return len(failed)


def found_wrong(stage: Stage, answers: Answers) -> list[str]:
    with closing(superuser(stage.machine)) as connection:
        return audit.problems(connection, stage.vendor_book, answers.numbers, stage.post.taken)


def test_no_order_is_lost_and_none_is_doubled_while_everything_breaks(stage: Stage) -> None:
    """GO-02: killed workers, an emptied Redis, a restarted database, a vendor that fails and acts without answering."""
    began, answers = time.monotonic(), Answers()
    customers = customers_of(stage.world)
    storm = Storm(stage.machine, seed=SEED, restarts=RESTARTS, share_done=lambda: len(answers.numbers) / ORDERS)
    stage.machine.start_workers()
    storm.start()
    try:
        order_all(customers, ORDERS, seed=SEED, answers=answers)
        _until(lambda: waiting(stage.machine) <= ORDERS // 10, seconds=10 + ORDERS / 5)
        storm.calm()
        everything_has_ended(stage, storm)
        assert found_wrong(stage, answers) == []
        refused = by_hand(stage.world)
        everything_has_ended(stage, storm)
        assert found_wrong(stage, answers) == []
        with closing(superuser(stage.machine)) as connection:
            books = audit.books(connection, stage.vendor_book, stage.post.taken)
    finally:
        storm.stop()
    assert books.orders == len(answers.numbers) == ORDERS
    assert books.services == books.subscriptions == ORDERS - books.with_people
    assert storm.counts["workers killed"] > 0
    assert storm.counts["database restarts"] > 0
    if REPORT:
        write_report(
            Path(REPORT),
            seed=SEED,
            books=books,
            answers=answers,
            storm=storm,
            post=stage.post,
            vendor_book=stage.vendor_book,
            refused=refused,
            seconds=time.monotonic() - began,
        )


def _until(condition: Callable[[], bool], *, seconds: float) -> None:
    """Wait for a condition, but no longer than so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.2)
