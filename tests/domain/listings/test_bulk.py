"""Bulk changes: inline, by a job, and as a preview (RS-19, GO-08)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from app.audit.models import AuditEvent
from app.core.errors import Invalid, NotFound
from app.core.ids import new_id
from app.pricing.models import MarkupLevel, MarkupRule
from app.resellers.jobs import APPLY_LISTING_RUN
from app.resellers.listings import ListingChange
from app.resellers.listings_bulk import (
    MAX_ATTEMPTS,
    bulk,
    claim_run,
    continue_run,
    get_run,
    list_run_rows,
    preview,
)
from app.resellers.models import Listing, ListingAction, ListingRun, ListingRunRow, ListingRunState
from tenants.context import scope
from tests.factories.world import MONDAY_NOON, make_entry, make_product
from workers.jobs.listings import apply_listing_run

LIST_AT_25 = ListingChange(ListingAction.LIST, Decimal(25))


@pytest.fixture
def many(world, session):
    """105 products, the last of which has no price."""
    with scope(world.scope):
        made = [make_product(session, world.product_type, f"Bulk {number:03}") for number in range(105)]
        for product in made[:-1]:
            make_entry(session, world.price_list, product, "10.00")
    return [product.id for product in made]


@pytest.fixture
def started(session, staff, who, many):
    with scope(staff):
        run_id = bulk(LIST_AT_25, many, **who).run_id
    assert run_id is not None
    return run_id


def _count(session, model):
    return session.scalar(select(func.count()).select_from(model))


def test_up_to_a_hundred_products_are_changed_at_once(world, session, staff, who, many):
    """RS-F54 (partly): a skipped row is reported and the others are done."""
    with scope(staff):
        outcome = bulk(LIST_AT_25, [*many[:99], many[-1]], **who)
        assert (outcome.done, outcome.run_id) == (99, None)
        assert [(row.product_id, row.reason) for row in outcome.skipped] == [(many[-1], "not_available")]
        assert (_count(session, Listing), _count(session, ListingRun)) == (99, 0)


def test_more_become_a_run_that_a_job_works_through(world, session, staff, who, many, started):
    with scope(staff):
        assert session.info["nudges"][-1].job is APPLY_LISTING_RUN
        assert session.info["nudges"][-1].row_id == started
        assert get_run(started, reseller_id=world.tech.id).state is ListingRunState.QUEUED
        assert _count(session, Listing) == 0
    session.commit()
    apply_listing_run(str(started), distributor_id=str(world.id))
    with scope(staff):
        run = get_run(started, reseller_id=world.tech.id)
        assert (run.state, run.rows_total, run.rows_done, run.rows_skipped) == (ListingRunState.COMPLETED, 105, 104, 1)
        assert (_count(session, Listing), _count(session, MarkupRule)) == (104, 104)
        (skipped,) = list_run_rows(run, only_skipped=True)
        assert (skipped.product_id, skipped.reason) == (many[-1], "not_available")
        assert len(list_run_rows(run)) == 105


def test_running_the_job_twice_changes_nothing_more(world, session, staff, who, many, started):
    session.commit()
    for _ in range(2):
        apply_listing_run(str(started), distributor_id=str(world.id))
    with scope(staff):
        points = bulk(ListingChange(ListingAction.ADD_POINTS, Decimal(5)), many, **who).run_id
        assert points is not None
    session.commit()
    for _ in range(2):
        apply_listing_run(str(points), distributor_id=str(world.id))
    with scope(staff):
        assert set(session.scalars(select(MarkupRule.percent))) == {Decimal(30)}


def test_a_run_that_broke_off_goes_on_where_it_stopped(world, session, staff, many, started):
    with scope(world.scope):
        assert claim_run(started, at=MONDAY_NOON)
        assert continue_run(started, at=MONDAY_NOON)
        assert not claim_run(started, at=MONDAY_NOON), "the lease is held"
        later = MONDAY_NOON + timedelta(minutes=6)
        assert claim_run(started, at=later)
        assert not continue_run(started, at=later)
        assert not claim_run(started, at=later + timedelta(days=1)), "it is done"
    with scope(staff):
        run = get_run(started, reseller_id=world.tech.id)
        assert (run.rows_done, run.rows_skipped, run.state) == (104, 1, ListingRunState.COMPLETED)


def test_a_run_that_keeps_breaking_off_fails_visibly(world, session, staff, started):
    with scope(world.scope):
        at = MONDAY_NOON
        for _ in range(MAX_ATTEMPTS):
            assert claim_run(started, at=at)
            at += timedelta(minutes=6)
        assert not claim_run(started, at=at)
    with scope(staff):
        assert get_run(started, reseller_id=world.tech.id).state is ListingRunState.FAILED
        assert _count(session, Listing) == 0


def test_the_distributor_sees_the_progress_but_not_the_markup(world, session, started):
    """Decisions 3: markups are reseller-private, so are the rows of a run."""
    session.expunge_all()
    with scope(world.scope):
        assert _count(session, ListingRun) == 1
        assert _count(session, ListingRunRow) == 0
    assert "percent" not in ListingRun.__table__.columns


def test_a_run_of_another_reseller_is_not_found(world, session, started):
    session.expunge_all()
    with scope(world.cloudia.scope), pytest.raises(NotFound):
        get_run(started, reseller_id=world.cloudia.id)


@pytest.mark.parametrize(("number", "code"), [(0, "nothing_selected"), (5001, "max_5000")])
def test_selections_have_a_least_and_a_greatest_size(session, staff, who, number, code):
    with scope(staff):
        with pytest.raises(Invalid) as refusal:
            bulk(LIST_AT_25, [new_id() for _ in range(number)], **who)
        assert refusal.value.codes == (code,)
        assert _count(session, ListingRun) == 0


def test_a_preview_tells_the_effect_on_each_price_and_makes_none(world, session, staff, who, change, markups, rules):
    change(ListingChange(ListingAction.LIST, Decimal(25)), world.seats, world.suite)
    rules.special(world.suite, "30.00", term="P1Y")
    with scope(world.scope):
        world.tool.is_published = False
        session.flush()
    selection = [product.id for product in world.products]
    with scope(staff):
        before = _count(session, MarkupRule)
        effect = preview(ListingChange(ListingAction.SET_MARKUP, Decimal(10)), selection, **who)
        assert (_count(session, MarkupRule), _count(session, Listing)) == (before, 2)
    with scope(world.scope):
        assert session.scalars(select(AuditEvent.action)).all().count("listings.changed") == 1
    prices = {row.name: (row.before.unit_price, row.after.unit_price, row.reason) for row in effect.rows}
    assert prices == {
        "Contoso Mail": (Decimal("12.50"), Decimal("11.00"), None),
        "Contoso Suite": (Decimal("30.00"), Decimal("30.00"), None),
        "Fabrikam Tool": (Decimal("50.00"), Decimal("50.00"), "not_listed"),
    }
    assert (effect.raised, effect.lowered, effect.unchanged) == (0, 1, 2)
    assert [(row.product_id, row.reason) for row in effect.skipped] == [(world.tool.id, "not_listed")]
    assert markups()[world.seats.id] == Decimal(25)
    assert effect.rows[0].difference == Decimal("-1.50")


def test_a_preview_of_listing_shows_what_each_product_would_cost(world, staff, who, rules):
    rules.markup(MarkupLevel.DEFAULT, "5")
    with scope(staff):
        effect = preview(LIST_AT_25, [world.seats.id], **who)
    (row,) = effect.rows
    assert (row.before.unit_price, row.after.unit_price, row.after.cost) == (
        Decimal("10.50"), Decimal("12.50"), Decimal("10.00"),
    )  # fmt: skip
