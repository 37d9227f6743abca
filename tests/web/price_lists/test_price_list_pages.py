"""Price lists in BSS, and the price lists of an account."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from http import HTTPStatus
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from app.core import db
from app.core.ids import new_id
from app.identity.models import UserKind, UserType
from app.pricing.models import PriceList, PriceListEntry, PriceRule
from app.pricing.queries import price_list_ids_of
from app.subscriptions.models import SubscriptionCost
from tenants.context import scope
from tests.factories.subscriptions import make_running
from tests.factories.world import MONDAY_NOON, make_product, make_user


@pytest.fixture
def staff(sign_in, world):
    return sign_in(world.bss_user)


@pytest.fixture
def gold(world, session) -> PriceList:
    with scope(world.scope):
        made = PriceList(name="Gold", currency="EUR", valid_from=date(2026, 1, 1), created_at=MONDAY_NOON)
        session.add(made)
        session.flush()
    return made


def prices(world, price_list: PriceList) -> list[Decimal]:
    with scope(world.scope):
        return list(
            db.session.scalars(
                select(PriceListEntry.price)
                .where(PriceListEntry.price_list_id == price_list.id)
                .order_by(PriceListEntry.price)
            )
        )


def lists_of(world, account) -> list[UUID]:
    with scope(world.scope):
        return list(price_list_ids_of(account.id))


def test_a_list_is_made_and_then_filled(staff, world) -> None:
    data = {"name": "Silver", "currency": "EUR", "valid_from": "2026-01-01", "is_active": "y"}
    answer = staff.post("/bss/price-lists/new", data=data)
    with scope(world.scope):
        made = db.session.scalars(select(PriceList).where(PriceList.name == "Silver")).one()
    assert (answer.status_code, answer.location) == (HTTPStatus.SEE_OTHER, f"/bss/price-lists/{made.id}/add")
    assert "Silver" in staff.get("/bss/price-lists").text
    assert "Contoso Mail" in staff.get(answer.location).text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "Enter a name"),
        ({"name": "PARTNERS"}, "Another price list has this name"),
        ({"valid_to": "2025-01-01"}, "The last day lies before the first"),
        ({"valid_from": "soon"}, "Not a valid date value"),
    ],
)
def test_a_refused_list_is_told_at_its_field(staff, world, changes, words) -> None:
    data = {"name": "Silver", "currency": "EUR", "valid_from": "2026-01-01", "is_active": "y", **changes}
    answer = staff.post("/bss/price-lists/new", data=data)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in answer.text
    with scope(world.scope):
        assert db.session.scalar(select(func.count()).select_from(PriceList)) == 1


def test_ticked_products_are_added_by_a_rule(staff, world, gold) -> None:
    """CB-F14 (partly): 15 % on a cost of 8.00 is 9.20, through the page."""
    data = {"rule": "markup", "value": "15", "selected": [str(world.seats.id)]}
    assert staff.post(f"/bss/price-lists/{gold.id}/add", data=data).status_code == HTTPStatus.SEE_OTHER
    assert prices(world, gold) == [Decimal("9.2000")]
    shown = staff.get(f"/bss/price-lists/{gold.id}").text
    assert "€9.20" in shown
    assert "Markup on the vendor cost, %" in shown


def test_all_that_match_are_added(staff, world, gold) -> None:
    data = {"rule": "discount", "value": "50", "all_matching": "1"}
    assert staff.post(f"/bss/price-lists/{gold.id}/add?q=contoso", data=data).status_code == HTTPStatus.SEE_OTHER
    assert prices(world, gold) == [Decimal("6.0000"), Decimal("12.0000")]


def test_a_product_without_a_price_in_the_currency_is_refused(staff, world, session) -> None:
    """CB-F15: 422 with the product's name, and nothing is added."""
    with scope(world.scope):
        dollars = PriceList(name="Dollars", currency="USD", valid_from=date(2026, 1, 1), created_at=MONDAY_NOON)
        session.add(dollars)
        session.flush()
    data = {"rule": "same", "selected": [str(world.seats.id)]}
    answer = staff.post(f"/bss/price-lists/{dollars.id}/add", data=data)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Contoso Mail: no price in USD" in answer.text
    assert prices(world, dollars) == []


def test_nothing_ticked_adds_nothing(staff, world, gold) -> None:
    answer = staff.post(f"/bss/price-lists/{gold.id}/add", data={"rule": "same"})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Tick at least one product" in answer.text
    assert prices(world, gold) == []


def test_a_value_that_does_not_suit_the_rule_is_told_at_its_field(staff, world) -> None:
    data = {"rule": "discount", "value": "101", "all_matching": "1", "action": "rule"}
    answer = staff.post(f"/bss/price-lists/{world.price_list.id}/entries", data=data)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Enter at most 100" in answer.text
    assert prices(world, world.price_list) == [Decimal(10), Decimal(20), Decimal(50)]


def test_a_rule_is_applied_to_all_that_match(staff, world) -> None:
    data = {"rule": "fixed", "value": "7.77", "all_matching": "1", "action": "rule"}
    staff.post(f"/bss/price-lists/{world.price_list.id}/entries?vendor=Contoso", data=data)
    assert prices(world, world.price_list) == [Decimal("7.7700"), Decimal("7.7700"), Decimal("50.0000")]


def test_ticked_prices_are_removed(staff, world) -> None:
    with scope(world.scope):
        entry_id = db.session.scalar(select(PriceListEntry.id).where(PriceListEntry.product_id == world.tool.id))
    staff.post(
        f"/bss/price-lists/{world.price_list.id}/entries", data={"action": "remove", "selected": [str(entry_id)]}
    )
    assert prices(world, world.price_list) == [Decimal(10), Decimal(20)]


def test_nothing_ticked_removes_nothing(staff, world) -> None:
    staff.post(f"/bss/price-lists/{world.price_list.id}/entries", data={"action": "remove"})
    assert len(prices(world, world.price_list)) == 3


def test_entries_are_searched_and_exported(staff, world) -> None:
    shown = staff.get(f"/bss/price-lists/{world.price_list.id}?q=fabrikam").text
    assert "Fabrikam Tool" in shown
    assert "Contoso Mail" not in shown
    exported = staff.get(f"/bss/price-lists/{world.price_list.id}?q=contoso&format=csv").text
    assert exported.count("\n") == 3
    assert "20.0000" in exported


def test_a_stale_form_is_a_conflict(staff, world) -> None:
    data = {"name": "Mine", "currency": "EUR", "valid_from": "2026-01-01", "version": "0"}
    answer = staff.post(f"/bss/price-lists/{world.price_list.id}/edit", data=data)
    assert answer.status_code == HTTPStatus.CONFLICT
    assert "Partners" in staff.get(f"/bss/price-lists/{world.price_list.id}").text


def test_a_list_that_accounts_pay_by_is_not_deleted(staff, world, gold) -> None:
    assert staff.post(f"/bss/price-lists/{world.price_list.id}/delete").status_code == HTTPStatus.CONFLICT
    assert len(prices(world, world.price_list)) == 3
    assert staff.post(f"/bss/price-lists/{gold.id}/delete").status_code == HTTPStatus.SEE_OTHER
    assert staff.get(f"/bss/price-lists/{gold.id}").status_code == HTTPStatus.NOT_FOUND


def test_lists_are_assigned_ordered_and_taken_away(staff, world, gold) -> None:
    page = f"/bss/accounts/{world.direct.id}/price-lists"
    assert staff.post(page, data={"price_list": str(gold.id)}).status_code == HTTPStatus.SEE_OTHER
    assert lists_of(world, world.direct) == [world.price_list.id, gold.id]
    shown = staff.get(page).text
    assert shown.index("Partners") < shown.index("Gold")
    order = {"order": [str(world.price_list.id), str(gold.id)], "move": f"up:{gold.id}"}
    assert staff.post(f"{page}/order", data=order).status_code == HTTPStatus.SEE_OTHER
    assert lists_of(world, world.direct) == [gold.id, world.price_list.id]
    staff.post(f"{page}/{world.price_list.id}/withdraw")
    assert lists_of(world, world.direct) == [gold.id]
    assert "Direct Trading" in staff.get(f"/bss/price-lists/{gold.id}/accounts").text


def test_an_end_customer_shows_whose_lists_it_pays_by(staff, world) -> None:
    customer = world.tech.customers[0]
    shown = staff.get(f"/bss/accounts/{customer.id}/price-lists").text
    assert "pays by the price lists of its reseller" in shown
    answer = staff.post(f"/bss/accounts/{customer.id}/price-lists", data={"price_list": str(world.price_list.id)})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert lists_of(world, customer) == []


def test_who_may_only_read_changes_nothing(sign_in, world, session, gold) -> None:
    with scope(world.scope):
        user = make_user(session, None, kind=UserKind.BSS, realms=(world.id,), roles=("read_only",), type=UserType.USER)
    reader = sign_in(user)
    assert reader.get("/bss/price-lists").status_code == HTTPStatus.OK
    shown = reader.get(f"/bss/price-lists/{world.price_list.id}").text
    assert "Vendor cost" not in shown
    for path in (f"/bss/price-lists/{gold.id}/add", f"/bss/accounts/{world.direct.id}/price-lists"):
        answer = reader.post(path, data={"rule": "same", "all_matching": "1", "price_list": str(gold.id)})
        assert answer.status_code == HTTPStatus.FORBIDDEN
    assert prices(world, gold) == []
    assert lists_of(world, world.direct) == [world.price_list.id]


def test_lists_of_others_are_not_found(staff) -> None:
    for path in ("", "/edit", "/add", "/accounts"):
        assert staff.get(f"/bss/price-lists/{new_id()}{path}").status_code == HTTPStatus.NOT_FOUND


def test_a_list_of_many_products_is_paged(staff, world, session, gold) -> None:
    with scope(world.scope):
        for number in range(30):
            make_product(session, world.product_type, f"Bulk {number:02}")
    data = {"rule": PriceRule.SAME.value, "all_matching": "1"}
    staff.post(f"/bss/price-lists/{gold.id}/add?q=bulk", data=data)
    first, second = (staff.get(f"/bss/price-lists/{gold.id}?page={number}").text for number in (1, 2))
    assert first.count("Bulk ") > 25
    assert "Bulk 29" not in first
    assert "Bulk 29" in second


def test_an_account_manager_assigns_lists_but_does_not_edit_them(sign_in, world, session, gold) -> None:
    with scope(world.scope):
        user = make_user(session, None, kind=UserKind.BSS, realms=(world.id,), roles=("sales",), type=UserType.USER)
    seller = sign_in(user)
    answer = seller.post(f"/bss/accounts/{world.direct.id}/price-lists", data={"price_list": str(gold.id)})
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert lists_of(world, world.direct) == [world.price_list.id, gold.id]
    edited = seller.post(f"/bss/price-lists/{gold.id}/add", data={"rule": "same", "all_matching": "1"})
    assert edited.status_code == HTTPStatus.FORBIDDEN
    assert prices(world, gold) == []


def test_a_list_in_use_is_deactivated_only_with_a_tick(staff, world, gold, session) -> None:
    """CB-05 (partly): the form says how many subscriptions pay by a list before it is deactivated."""
    with scope(world.scope):
        running = make_running(session, world, world.direct, world.seats)
        session.execute(update(SubscriptionCost).values(price_list_id=gold.id))
        session.commit()
    assert running.code
    address, data = f"/bss/price-lists/{gold.id}/edit", {
        "name": "Gold", "currency": "EUR", "valid_from": "2026-01-01", "version": "1", "owner_id": str(world.bss_user.id),
    }  # fmt: skip
    assert "1 subscription pays by this list" in staff.get(address).text
    refused = staff.post(address, data=data)
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'id="is_agreed-error"' in refused.text
    assert staff.post(address, data={**data, "is_agreed": "y"}).status_code == HTTPStatus.SEE_OTHER
    with scope(world.scope):
        found = db.session.get_one(PriceList, (world.id, gold.id))
        assert (found.is_active, found.owner_id) == (False, world.bss_user.id)
    assert f"looked after by {world.bss_user.full_name}" in staff.get(f"/bss/price-lists/{gold.id}").text


def test_assigning_a_list_twice_says_that_nothing_has_changed(staff, world, gold) -> None:
    """BC-21: duplicate assignment is a no-op with a message."""
    address = f"/bss/accounts/{world.direct.id}/price-lists"
    for _ in range(2):
        assert staff.post(address, data={"price_list": str(gold.id)}).status_code == HTTPStatus.SEE_OTHER
    assert "Nothing has changed" in staff.get(address).text
    assert lists_of(world, world.direct).count(gold.id) == 1


def test_one_list_can_be_saved_after_another(staff, world) -> None:
    data = {"currency": "EUR", "valid_from": "2026-01-01", "is_active": "y", "then": "another"}
    for name in ("Silver", "Bronze"):
        answer = staff.post("/bss/price-lists/new", data={**data, "name": name})
        assert (answer.status_code, answer.location) == (HTTPStatus.SEE_OTHER, "/bss/price-lists/new")
    assert {"Silver", "Bronze"} <= set(staff.get("/bss/price-lists").text.replace("<", ">").split(">"))
