"""What the distributor's people do for a customer shows in its history, and in its reseller's: without their names."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text, update

from app.audit.models import AuditEvent
from app.audit.services import Actor
from app.audit.shown import PROVIDER
from app.catalogue.models import Product, ProductType
from app.changes.effects import NewChange
from app.changes.requests import reject_change, submit_change, withdraw_change
from app.changes.switches import rename, set_auto_renew
from app.changes.trials import extend_trial
from app.core.clock import utc_now
from app.core.db import Base, BoundSession, unit_of_work
from app.core.ids import new_id
from app.identity.models import User
from app.orders.models import Order, OrderEvent, OrderStatus
from app.orders.schedule import cancel_scheduled, reschedule
from app.pricing.quotes import root_buyer
from app.subscriptions.jobs import OPEN_TRIAL
from app.subscriptions.models import ChangeKind, ChangeTiming, Subscription, SubscriptionEvent
from app.subscriptions.trials import NewTrial, request_trial
from tenants.context import direct_business_scope, reseller_scope, scope
from tenants.days import distributors_day
from tenants.scoping import Shared
from tests.web.conftest import signed_in_browser
from tests.web.leaks.conftest import Bought, run_job
from tests.web.leaks.test_canaries import crawl

STAFF = "Zaunkoenig"


@pytest.fixture
def staff(bought: Bought) -> Actor:
    return Actor(bought.world.bss_user.id, f"Rosa {STAFF}")


@pytest.fixture
def looked_after(bought: Bought, session: BoundSession, staff: Actor) -> Bought:
    """All that the back office does to a customer's subscriptions and orders, by somebody whose name would be noticed."""
    world, at = bought.world, utc_now()
    with scope(world.scope):
        running = session.scalars(
            select(Subscription.id).where(Subscription.account_id == world.tech.customers[0].id)
        ).one()
        product = session.get_one(Product, (world.id, world.seats.id))
        session.get_one(ProductType, (world.id, product.product_type_id)).allows_suspension = True
        waiting = session.scalars(select(Order).where(Order.status == OrderStatus.PENDING_RESELLER_APPROVAL)).all()
        for order in waiting or session.scalars(select(Order)).all()[-1:]:
            order.status, order.execute_on = OrderStatus.SCHEDULED, distributors_day(at)
        scheduled = session.scalars(select(Order.number).where(Order.status == OrderStatus.SCHEDULED)).all()
        session.commit()

    def ask(kind: ChangeKind, timing: ChangeTiming = ChangeTiming.NOW, **of: object) -> object:
        wanted = NewChange(subscription_id=running, kind=kind, request_key=new_id(), timing=timing, **of)  # type: ignore[arg-type]
        return submit_change(wanted, actor=staff, at=at).id

    with scope(world.scope), unit_of_work():
        set_auto_renew(running, is_on=False, actor=staff, at=at)
        set_auto_renew(running, is_on=True, actor=staff, at=at)
        rename(running, "Renamed by staff", actor=staff, at=at)
        withdraw_change(ask(ChangeKind.QUANTITY, ChangeTiming.PERIOD_END, quantity_to=3), actor=staff, at=at)  # type: ignore[arg-type]
        ask(ChangeKind.SUSPENSION)
        ask(ChangeKind.ACTIVATION)
    with scope(world.scope), unit_of_work():
        wanted = NewChange(
            subscription_id=running, kind=ChangeKind.QUANTITY, request_key=new_id(), timing=ChangeTiming.PERIOD_END,
            quantity_to=2, is_from_storefront=True,
        )  # fmt: skip
        asked = submit_change(wanted, actor=Actor(world.tech.buyers[0].id, "Ada Customer"), at=at)
        reject_change(asked.id, "Not before the end of the term", actor=staff, at=at)
    with scope(world.scope), unit_of_work():
        for number in scheduled:
            reschedule(number, distributors_day(at) + timedelta(days=3), actor=staff, at=at)
            cancel_scheduled(number, actor=staff, at=at)
    with scope(world.scope), unit_of_work():
        tried = session.scalars(
            select(Product).where(Product.id != world.seats.id, Product.plan_edition.is_(None))
        ).first()
        assert tried is not None
        tried.trial_days, tried.trial_max_quantity = 30, 5
        new = NewTrial(world.direct, world.direct.id, tried.id, 1, "Tried", None, "a@people.example", staff)
        trial = request_trial(new, buyer=root_buyer(world.direct, distributors_day(at)), at=at)
        trial_id = trial.id
    run_job(OPEN_TRIAL, trial_id, world.id)
    with scope(world.scope), unit_of_work():
        opened = session.scalars(select(Subscription.id).where(Subscription.trial_ends_on.is_not(None))).one()
        extend_trial(opened, 5, by_administrator=True, actor=staff, at=at)
    return bought


def test_no_history_holds_the_name_of_one_of_the_distributors_people(
    looked_after: Bought, session: BoundSession
) -> None:
    """RS-F59 (partly): shared rows say “Your provider”; the name stands in the distributor's audit."""
    with scope(looked_after.world.scope):
        lines = [(event.kind, event.actor_name) for event in session.scalars(select(SubscriptionEvent))]
        lines += [(event.kind, event.actor_name) for event in session.scalars(select(OrderEvent))]
        audited = {
            event.action
            for event in session.scalars(select(AuditEvent))
            if event.actor_id == looked_after.world.bss_user.id
        }
    assert [line for line in lines if STAFF in (line[1] or "")] == []
    by_provider = {kind for kind, name in lines if name == PROVIDER}
    assert {
        "auto_renew", "renamed", "request_scheduled", "request_withdrawn", "suspended", "reactivated", "trial",
        "trial_extended", "rescheduled", "canceled",
    } <= by_provider  # fmt: skip
    assert {"subscription.renamed", "trial.requested", "trial.extended", "order.rescheduled"} <= audited


def test_no_row_that_customers_or_resellers_may_read_holds_the_name(
    looked_after: Bought, session: BoundSession
) -> None:
    """RS-F59 (partly): whatever a page, an API or an export of theirs reads; in every shared table there is."""
    world = looked_after.world
    found = []
    shared = {mapper.local_table.name for mapper in Base.registry.mappers if issubclass(mapper.class_, Shared)}
    for entered in (reseller_scope(world.id, world.tech.account.id), direct_business_scope(world.id)):
        with scope(entered):
            for table in sorted(shared):
                found += [
                    f"{table}: {row}" for row in session.scalars(text(f"SELECT t::text FROM {table} t")) if STAFF in row
                ]
    assert len(shared) > 20
    assert found == []


def test_staff_reads_who_of_its_people_asked_and_decided(
    client: FlaskClient, looked_after: Bought, session: BoundSession
) -> None:
    world = looked_after.world
    with scope(world.scope):
        session.execute(update(User).where(User.id == world.bss_user.id).values(last_name=STAFF))
        session.commit()
    browser = client.application.test_client()
    browser.host = world.host  # type: ignore[attr-defined]
    signed_in_browser(browser, world, world.bss_user)

    assert STAFF in browser.get("/bss/subscriptions/requests").text.partition("<main")[2]


def test_no_page_of_customers_or_resellers_names_the_distributors_people(
    client: FlaskClient, looked_after: Bought
) -> None:
    """RS-F59 (partly): crawled as the end customer, the reseller's Admin in its admin area, and the direct customer."""
    world = looked_after.world
    for person, start, below in (
        (world.tech.buyers[0], "/techsolutions/billing/subscriptions", "/techsolutions"),
        (world.tech.admin, "/techsolutions/manage/", "/techsolutions/manage"),
        (world.direct_buyer, "/billing", "/billing"),
    ):
        browser = client.application.test_client()
        browser.host = world.host  # type: ignore[attr-defined]
        signed_in_browser(browser, world, person)
        pages = crawl(browser, [start], below)
        assert len(pages) > 3
        assert {path for path, words in pages.items() if STAFF in words} == set()
        assert any(PROVIDER in words for words in pages.values()), below
