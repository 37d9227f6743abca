"""Product types in BSS: kind is enough, switches, refund policies, characteristics with inheritance (CB-01)."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from sqlalchemy import func, select

from app.audit.services import SYSTEM
from app.catalogue.characteristics import Characteristic, DataType, characteristics_of, missing
from app.catalogue.models import BillingCycle, ProductKind, ProductType, Term
from app.catalogue.queries import get_product_type
from app.catalogue.services import ProductTypeDetails, add_characteristic, create_product_type
from app.core import db
from app.subscriptions.models import Subscription, SubscriptionStatus
from tenants.context import scope
from tests.factories.world import MONDAY_NOON

NEW = "/bss/product-types/new"


@pytest.fixture
def staff(sign_in, world):
    return sign_in(world.bss_user)


def one(world, name) -> ProductType:
    with scope(world.scope):
        return db.session.scalars(
            select(ProductType).where(ProductType.name == name).execution_options(populate_existing=True)
        ).one()


def ask(world, type_id, **fields) -> None:
    with scope(world.scope):
        add_characteristic(type_id, Characteristic(**fields), actor=SYSTEM, at=MONDAY_NOON)
        db.session.commit()


def test_name_and_kind_are_enough_for_a_type(staff, world):
    """CB-F1: a root type with name and kind alone; orders of it are executed by machine."""
    response = staff.post(NEW, data={"name": "Backup", "kind": "subscription"})

    assert response.status_code == HTTPStatus.SEE_OTHER
    made = one(world, "Backup")
    assert (made.inherits_from_id, made.non_automatic) == (None, False)


def test_a_preset_answers_all_questions_of_a_refund_policy(staff, world):
    """CB-29: NCE is a full refund within 24 hours, by the hour until 168, each batch by itself."""
    staff.post(NEW, data={"name": "Seats", "kind": "subscription", "refund_preset": "nce", "refund_full_hours": "99"})

    assert one(world, "Seats").refund_policy == {
        "allowed": "within", "within_hours": 168, "full_hours": 24, "then": "hour", "per_batch": True,
        "includes_setup": False, "whole_only": False, "immediate_only": False,
    }  # fmt: skip


def test_a_policy_of_ones_own_and_every_switch_is_kept_and_shown_again(staff, world):
    fields = {
        "name": "Own", "kind": "subscription", "refund_preset": "custom", "refund_allowed": "within",
        "refund_within_hours": "48", "refund_full_hours": "12", "refund_then": "none", "refund_includes_setup": "y",
        "automatic_cancellation": "y", "cancellation_cap": "250.50", "early_termination_percent": "40",
        "one_per_customer": "y", "return_days": "14", "min_quantity": "2", "max_quantity": "9", "tax_code": "S-1",
        "terms_url": "https://vendor.example/terms",
    }  # fmt: skip
    staff.post(NEW, data=fields)

    made = one(world, "Own")
    assert (made.refund_policy["within_hours"], made.refund_policy["then"]) == (48, "none")
    assert (str(made.cancellation_cap), made.return_days, made.tax_code) == ("250.5000", 14, "S-1")
    assert (made.allows_upgrade, made.one_per_customer, made.min_quantity) == (False, True, 2)
    shown = staff.get(f"/bss/product-types/{made.id}").text
    assert 'value="48"' in shown
    assert "https://vendor.example/terms" in shown


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("cancellation_cap", "-1", "Enter an amount of 0 or more"),
        ("early_termination_percent", "101", "Enter 0 to 100 %"),
        ("return_days", "400", "Enter 0 to 365 days"),
        ("terms_url", "javascript:alert(1)", "begins with https://"),
        ("min_quantity", "0", "Enter a whole number"),
    ],
)
def test_a_switch_out_of_range_is_refused_at_its_field(staff, world, field, value, words):
    """CB-01: 422 at the field, and nothing is stored."""
    response = staff.post(NEW, data={"name": "Wrong", "kind": "subscription", field: value})

    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in response.text
    with scope(world.scope):
        assert db.session.scalar(select(func.count()).where(ProductType.name == "Wrong")) == 0


def test_an_heir_shows_the_characteristics_of_its_root(staff, world):
    """CB-F2: what the root defines stands on the heir's page and on its products' page."""
    ask(world, world.product_type.id, id="region", name="Region")
    staff.post(NEW, data={"name": "Heir", "kind": "subscription", "inherits_from_id": str(world.product_type.id)})
    heir = one(world, "Heir")
    with scope(world.scope):
        world.seats.product_type_id = heir.id
        db.session.merge(world.seats)
        db.session.commit()

    assert "Region" in staff.get(f"/bss/product-types/{heir.id}/characteristics").text
    assert "Region" in staff.get(f"/bss/products/{world.seats.id}/characteristics").text
    again = staff.post(f"/bss/product-types/{heir.id}/characteristics/new", data={"id": "REGION", "name": "Another"})
    assert again.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Another characteristic has this id" in again.text


def test_an_heir_cannot_be_inherited_from_nor_a_type_from_itself(staff, world):
    with scope(world.scope):
        details = ProductTypeDetails("Heir", ProductKind.SUBSCRIPTION, inherits_from_id=world.product_type.id)
        heir = create_product_type(details, actor=SYSTEM, at=MONDAY_NOON)
        db.session.commit()

    response = staff.post(NEW, data={"name": "Third", "kind": "subscription", "inherits_from_id": str(heir.id)})

    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY


def test_a_list_is_defined_with_coded_values_and_changed(staff, world):
    path = f"/bss/product-types/{world.product_type.id}/characteristics"
    fields = {"id": "region", "name": "Region", "data_type": "list", "values": "eu = Europe\nus", "default": "eu",
              "asked_at_order": "1", "is_required": "y", "is_visible": "y", "usage": "metered"}  # fmt: skip

    assert staff.post(f"{path}/new", data=fields).status_code == HTTPStatus.SEE_OTHER

    (found,) = one(world, world.product_type.name).characteristics
    assert found["values"] == [{"code": "eu", "value": "Europe"}, {"code": "us", "value": "us"}]
    assert (found["data_type"], found["usage"], found["default"]) == ("list", "metered", "eu")
    assert "eu = Europe" in staff.get(f"{path}/region").text
    changed = staff.save(f"{path}/region", data={**fields, "name": "Data region"})
    assert changed.status_code == HTTPStatus.SEE_OTHER
    assert one(world, world.product_type.name).characteristics[0]["name"] == "Data region"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": "a b"}, "letters, digits"),
        ({"data_type": "list"}, "at least one value"),
        ({"data_type": "list", "values": "\n".join(f"v{n}" for n in range(501))}, "at most 500 values"),
        ({"data_type": "list", "values": "a\na"}, "same code"),
        ({"data_type": "list", "values": "a", "default": "b"}, "Choose one of the values"),
        ({"data_type": "number", "default": "many"}, "Enter a number"),
        ({"is_quantity_linked": "y"}, "Only a number can follow"),
        ({"data_type": "list", "values": "= words"}, "no code"),
    ],
)
def test_a_wrong_definition_is_refused_at_its_field(staff, world, changes, words):
    path = f"/bss/product-types/{world.product_type.id}/characteristics/new"

    response = staff.post(path, data={"id": "size", "name": "Size", "data_type": "text", **changes})

    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in response.text
    assert one(world, world.product_type.name).characteristics == []


def test_a_characteristic_of_an_active_subscription_cannot_be_deleted(staff, world):
    """CB-01: a conflict while a live one has it; gone once it is canceled."""
    ask(world, world.product_type.id, id="region", name="Region", asked_at_order=True)
    path = f"/bss/product-types/{world.product_type.id}/characteristics/region/delete"
    with scope(world.scope):
        live = Subscription(
            code="SUB-T1", account_id=world.direct.id, payer_id=world.direct.id, product_id=world.seats.id,
            friendly_name="Team", quantity=1, term=Term.P1M, cycle=BillingCycle.MONTHLY, unit_price=None, currency="EUR",
            status=SubscriptionStatus.ACTIVE, characteristics={"region": "eu"}, created_at=MONDAY_NOON,
        )  # fmt: skip
        db.session.add(live)
        db.session.commit()
        live_id = live.id

    response = staff.post(path, headers={"Referer": f"http://{world.host}/bss/product-types"})

    assert response.status_code == HTTPStatus.SEE_OTHER
    assert one(world, world.product_type.name).characteristics
    with scope(world.scope):
        db.session.get_one(Subscription, (world.id, live_id)).status = SubscriptionStatus.CANCELED
        db.session.commit()
    staff.post(path)
    assert one(world, world.product_type.name).characteristics == []


def test_a_domain_asks_for_its_name_and_a_transfer_for_its_code(session, world):
    """CB-01: what every domain has needs no definition."""
    with scope(world.scope):
        details = ProductTypeDetails("Domains", ProductKind.DOMAIN)
        made = create_product_type(details, actor=SYSTEM, at=MONDAY_NOON)

        names = [each.id for each in characteristics_of(get_product_type(made.id))]
        left = {each.id for each in missing(made, world.seats, {"action": "transfer"})}

    assert names == ["domain", "action", "auth_code"]
    assert left == {"domain", "auth_code"}


def test_missing_names_what_has_no_answer_no_default_and_no_fixed_value(session, world):
    """CB-F3 (partly): required and asked at order time, without default."""
    with scope(world.scope):
        for fields in (
            {"id": "region", "name": "Region", "is_required": True, "asked_at_order": True},
            {"id": "size", "name": "Size", "is_required": True, "asked_at_order": True, "default": "m"},
            {"id": "note", "name": "Note", "asked_at_order": True},
            {"id": "count", "name": "Count", "is_required": True, "data_type": DataType.NUMBER},
        ):
            add_characteristic(world.product_type.id, Characteristic(**fields), actor=SYSTEM, at=MONDAY_NOON)
        product_type = get_product_type(world.product_type.id)

        assert [each.id for each in missing(product_type, world.seats, {})] == ["region"]
        assert missing(product_type, world.seats, {"region": "eu"}) == ()


def test_the_terms_of_a_type_are_linked_from_its_products(sign_in, world, session) -> None:
    """CB-01: what is typed on the type is read by who buys."""
    client, page = sign_in(world.direct_buyer), f"/product/{world.seats.slug}"
    assert "Terms of use" not in client.get(page).text
    with scope(world.scope):
        session.get_one(
            ProductType, (world.id, world.product_type.id)
        ).terms_url = "https://contoso.example/terms?a=1&b=2"
        session.commit()
    assert 'href="https://contoso.example/terms?a=1&amp;b=2"' in client.get(page).text
