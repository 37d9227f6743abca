"""The supplier catalogue as its pages show it (RS-18, RS-19)."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from http import HTTPStatus

import pytest
from sqlalchemy import select

from app.identity.models import UserKind, UserType
from app.pricing.models import MarkupLevel, MarkupRule
from app.resellers.models import Listing, ListingRun
from tenants.context import scope
from tests.factories.pricing import Rules
from tests.factories.world import make_entry, make_product, make_user
from workers.jobs.listings import apply_listing_run

PATH = "/techsolutions/manage/listings"


@pytest.fixture
def staff(world, sign_in):
    return sign_in(world.tech.admin)


def _percents(session, world):
    with scope(world.tech.scope):
        return dict(session.execute(select(MarkupRule.product_id, MarkupRule.percent)).all())


def _listed(session, world):
    with scope(world.tech.scope):
        return set(session.scalars(select(Listing.product_id)))


def test_the_section_carries_the_distributors_name_and_shows_cost_and_price(world, session, staff):
    """RS-F47, RS-F51 (partly): counts add up; 25 % on cost 10.00 is 12.50."""
    Rules(session, world.tech).markup(MarkupLevel.PRODUCT, "25", product_id=world.seats.id)
    answer = staff.get(f"{PATH}?tab=listed")
    assert answer.status_code == HTTPStatus.OK
    assert "<h1>Nordwind Distribution</h1>" in answer.text
    assert "€10.00" in answer.text
    assert "€12.50" in answer.text
    assert '<span class="strong">25 %</span> <span class="muted">product</span>' in answer.text
    assert "20 %" in answer.text
    assert _tiles(answer) == {"All products": "3", "Listed": "3", "Unlisted": "0"}


def test_search_narrows_the_table_and_the_tiles_stay(world, staff):
    """RS-F49: one character is ignored, an unknown category is an empty table, a wrong size falls back."""
    answer = staff.get(f"{PATH}?tab=listed&q=fabrikam")
    assert "Fabrikam Tool" in answer.text
    assert "Contoso Mail" not in answer.text
    assert _tiles(answer)["All products"] == "3"
    assert "Contoso Mail" in staff.get(f"{PATH}?tab=listed&q=f").text
    assert "Nothing matches" in staff.get(f"{PATH}?tab=listed&category=no-such").text
    assert "1–3 of 3" in staff.get(f"{PATH}?tab=listed&size=7&sort=nothing&page=x").text


def test_new_is_a_tag_of_its_own(world, session, staff):
    """RS-F48: exactly what the distributor flagged."""
    with scope(world.scope):
        world.suite.is_new = True
    answer = staff.get(f"{PATH}?tab=listed&new=1")
    assert "Contoso Suite" in answer.text
    assert "Contoso Mail" not in answer.text


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_the_filter_can_be_exported(world, staff, kind):
    answer = staff.get(f"{PATH}?tab=listed&q=contoso&export={kind}")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="supplier-catalogue.{kind}"'
    if kind == "csv":
        rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
        assert [row["Name"] for row in rows] == ["Contoso Mail", "Contoso Suite"]
        assert (rows[0]["Cost"], rows[0]["Sell price"], rows[0]["Listed"]) == ("10.0000", "10.00", "yes")
        assert rows[0]["Retail price"] == ""


def test_unlisting_and_listing_again_with_and_without_a_markup(world, session, staff):
    """RS-F50 (partly): from the administration's side."""
    answer = staff.post(f"{PATH}/{world.seats.id}/unlist")
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert world.seats.id not in _listed(session, world)
    assert "Contoso Mail" in staff.get(PATH).text
    assert "0 %" in staff.get(f"{PATH}/{world.seats.id}/list").text
    answer = staff.post(f"{PATH}/{world.seats.id}/list", data={"percent": "12,5"})
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert _percents(session, world) == {world.seats.id: Decimal("12.50")}
    staff.post(f"{PATH}/{world.suite.id}/unlist")
    staff.post(f"{PATH}/{world.suite.id}/list", data={"percent": "", "trial_enabled": "y"})
    assert _percents(session, world) == {world.seats.id: Decimal("12.50")}
    assert _listed(session, world) == {product.id for product in world.products}


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("-1", "A markup cannot be negative"),
        ("1000.01", "A markup can be at most 1000 %"),
        ("abc", "Enter a number"),
        ("1.234", "Use at most 2 decimals"),
    ],
)
def test_a_markup_that_is_none_is_refused_and_nothing_is_listed(world, session, staff, typed, told):
    """RS-F52, CB-F125: the typed value survives."""
    staff.post(f"{PATH}/{world.seats.id}/unlist")
    answer = staff.post(f"{PATH}/{world.seats.id}/list", data={"percent": typed})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert told in answer.text
    assert f'value="{typed}"' in answer.text
    assert world.seats.id not in _listed(session, world)
    assert _percents(session, world) == {}


def test_a_bulk_markup_asks_previews_and_applies(world, session, staff):
    """RS-F54: two rows change, the withdrawn one is reported."""
    with scope(world.scope):
        world.tool.is_published = False
    chosen = {"action": "set_markup", "selected": [str(product.id) for product in world.products]}
    asked = staff.post(f"{PATH}/bulk?tab=listed", data=chosen)
    assert "3 products chosen" in asked.text
    shown = staff.post(f"{PATH}/bulk?tab=listed", data={**chosen, "step": "preview", "percent": "25"})
    assert "€12.50" in shown.text
    assert "Fabrikam Tool: Not available" in shown.text
    assert _percents(session, world) == {}
    refused = staff.post(f"{PATH}/bulk?tab=listed", data={**chosen, "step": "apply", "percent": "-3"})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert _percents(session, world) == {}
    applied = staff.post(f"{PATH}/bulk?tab=listed", data={**chosen, "step": "apply", "percent": "25"})
    assert applied.status_code == HTTPStatus.SEE_OTHER
    assert _percents(session, world) == {world.seats.id: Decimal(25), world.suite.id: Decimal(25)}
    told = staff.get(applied.location).text
    assert "2 products changed." in told
    assert "1 skipped. Fabrikam Tool: Not available: withdrawn, or not in your price list." in told
    staff.post(f"{PATH}/bulk", data={**chosen, "action": "add_points", "step": "apply", "percent": "-2.5"})
    assert _percents(session, world)[world.seats.id] == Decimal("22.50")


def test_what_needs_no_percentage_is_done_at_once(world, session, staff):
    staff.post(f"{PATH}/bulk", data={"action": "unlist", "selected": [str(world.seats.id), "nonsense"]})
    assert _listed(session, world) == {world.suite.id, world.tool.id}


def test_nothing_chosen_is_told_and_changes_nothing(world, session, staff):
    for data in ({"action": "unlist"}, {"action": "explode", "selected": [str(world.seats.id)]}):
        answer = staff.post(f"{PATH}/bulk?tab=listed", data=data)
        assert answer.status_code == HTTPStatus.SEE_OTHER
        assert "notice--warning" in staff.get(answer.location).text
    assert len(_listed(session, world)) == 3


def test_all_matching_of_a_large_filter_becomes_a_run_one_can_watch(world, session, staff):
    with scope(world.scope):
        for number in range(101):
            product = make_product(session, world.product_type, f"Mass {number:03}", vendor="Mass")
            make_entry(session, world.price_list, product, "10.00")
    data = {"action": "list", "all_matching": "1", "step": "apply", "percent": "15"}
    answer = staff.post(f"{PATH}/bulk?q=mass", data=data)
    assert answer.status_code == HTTPStatus.SEE_OTHER
    waiting = staff.get(answer.location).text
    assert "Waiting for its turn" in waiting
    assert "data-poll-url" in waiting
    with scope(world.scope):
        run_id = session.scalars(select(ListingRun.id)).one()
    session.commit()
    apply_listing_run(str(run_id), distributor_id=str(world.id))
    done = staff.get(answer.location).text
    assert "101 done, 0 skipped" in done
    assert "data-poll-url" not in staff.get(f"{answer.location}?fragment=1").text
    assert staff.get(f"{answer.location}?export=csv").text.count("done") == 101
    assert _tiles(staff.get(PATH)) == {"All products": "104", "Listed": "104", "Unlisted": "0"}


def test_the_trial_of_a_listed_product_can_be_switched(world, session, staff):
    with scope(world.scope):
        world.seats.trial_days = 30
    staff.post(f"{PATH}/{world.seats.id}/trial", data={"enabled": "0"})
    with scope(world.tech.scope):
        (is_on,) = session.scalars(select(Listing.trial_enabled).where(Listing.product_id == world.seats.id))
    assert not is_on
    assert "Offer" in staff.get(f"{PATH}?tab=listed").text


def test_another_resellers_run_and_an_unknown_product_are_not_found(world, session, staff, client):
    assert staff.get(f"{PATH}/{world.tech.id}/list").status_code == HTTPStatus.NOT_FOUND
    assert staff.post(f"{PATH}/{world.tech.id}/unlist").status_code == HTTPStatus.NOT_FOUND
    assert staff.get(f"{PATH}/runs/{world.tech.id}").status_code == HTTPStatus.NOT_FOUND


def test_without_the_right_the_section_is_closed_and_nothing_changes(world, session, sign_in):
    with scope(world.scope):
        agent = make_user(
            session,
            world.tech.account,
            kind=UserKind.RESELLER,
            realms=(world.root.id, world.tech.storefront.id),
            type=UserType.USER,
            roles=("billing_agent",),
        )
    browser = sign_in(agent)
    assert browser.get(PATH).status_code == HTTPStatus.FORBIDDEN
    assert browser.post(f"{PATH}/{world.seats.id}/unlist").status_code == HTTPStatus.FORBIDDEN
    assert world.seats.id in _listed(session, world)


def test_end_customers_and_visitors_never_reach_cost(world, sign_in, client):
    assert client.get(PATH).status_code == HTTPStatus.SEE_OTHER
    buyer = sign_in(world.tech.buyers[0])
    answer = buyer.get(PATH)
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert "10.00" not in answer.text


def _tiles(answer):
    found = re.findall(
        r'stat__label">(?:<svg.*?</svg>)?([^<]+)</span><span class="stat__value[^"]*">(\d+)', answer.text, re.DOTALL
    )
    return dict(found)
