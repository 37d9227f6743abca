"""The sections of a product in BSS: charges with tiers and options, characteristics, related products, bundles."""

from __future__ import annotations

from decimal import Decimal
from http import HTTPStatus

import pytest
from sqlalchemy import func, select

from app.audit.services import SYSTEM
from app.catalogue.bundles.models import BundleComponent
from app.catalogue.characteristics import Characteristic, DataType
from app.catalogue.models import (
    BillingType,
    PriceScheme,
    Product,
    ProductKind,
    ProductPrice,
    ProductRelation,
    ProductType,
    RelationKind,
    Term,
    VendorCost,
)
from app.catalogue.services import add_characteristic
from app.core import db
from app.core.ids import new_id
from app.identity.models import UserKind, UserType
from app.pricing.models import PriceListEntry
from tenants.context import scope
from tests.factories.world import MONDAY_NOON, make_entry, make_product, make_user

TIERS = {
    "tiers-0-from_quantity": "1", "tiers-0-to_quantity": "10", "tiers-0-percent": "10",
    "tiers-1-from_quantity": "11", "tiers-1-percent": "30",
}  # fmt: skip


@pytest.fixture
def staff(sign_in, world):
    return sign_in(world.bss_user)


def fresh(world, product) -> Product:
    with scope(world.scope):
        return db.session.scalars(
            select(Product).where(Product.id == product.id).execution_options(populate_existing=True)
        ).one()


def post(staff, world, product, section, **fields):
    form = {"version": str(fresh(world, product).version), **fields}
    return staff.post(f"/bss/products/{product.id}/{section}", data=form)


def charges(**changes) -> dict[str, str]:
    return {"billing_type": "on_start", "usage_charge_rule": "actual_days", "price_scheme": "per_unit", **changes}


def count(world, model) -> int:
    with scope(world.scope):
        return db.session.scalar(select(func.count()).select_from(model)) or 0


@pytest.fixture
def parts(world, session) -> tuple[Product, Product, Product]:
    """A bundle without content, and two monthly products at 12.00 and 5.00."""
    with scope(world.scope):
        bundle_type = ProductType(name="Bundles", kind=ProductKind.BUNDLE, created_at=MONDAY_NOON)
        session.add(bundle_type)
        session.flush()
        office = make_product(session, world.product_type, "Office", vendor_cost="8.00", list_price="12.00")
        backup = make_product(session, world.product_type, "Backup", vendor_cost="3.00", list_price="5.00")
        bundle = make_product(session, bundle_type, "Starter pack", vendor_cost="0.00", list_price="0.00")
        bundle.is_published = False
        session.commit()
    return bundle, office, backup


def components(*lines: tuple[Product, str, str, str]) -> dict[str, str]:
    fields = {}
    for number, (product, quantity, rule, value) in enumerate(lines):
        fields |= {
            f"components-{number}-code": product.code,
            f"components-{number}-quantity": quantity,
            f"components-{number}-rule": rule,
            f"components-{number}-value": value,
        }
    return fields


def test_charge_settings_tiers_and_options_are_kept(staff, world):
    """CB-03, CB-04: what the page sends stands on the product and is shown again."""
    fields = charges(
        billing_type="on_end", usage_charge_rule="full_amount", excluded_from_proration="y", billing_day="31",
        price_scheme="volume", **TIERS,
        **{"options-0-code": "support", "options-0-name": "Support", "options-0-amount": "5.00",
           "options-0-currency": "EUR", "options-1-code": "region", "options-1-name": "Region",
           "options-1-percent": "10", "options-1-currency": "EUR"},
    )  # fmt: skip

    assert post(staff, world, world.seats, "charges", **fields).status_code == HTTPStatus.SEE_OTHER

    product = fresh(world, world.seats)
    assert (product.billing_type, product.billing_day, product.price_scheme) == (
        BillingType.ON_END, 31, PriceScheme.VOLUME,
    )  # fmt: skip
    assert product.price_tiers == [{"from": 1, "percent": "10"}, {"from": 11, "percent": "30"}]
    assert [each["code"] for each in product.price_options] == ["support", "region"]
    shown = staff.get(f"/bss/products/{product.id}/charges").text
    assert 'value="support"' in shown
    assert 'value="11"' in shown


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({**TIERS, "tiers-1-from_quantity": "12"}, "No tier holds the quantities 11 to 11"),
        ({**TIERS, "tiers-1-from_quantity": "10"}, "overlap"),
        ({**TIERS, "tiers-0-from_quantity": "2"}, "begins at quantity 1"),
        ({**TIERS, "tiers-1-percent": "101"}, "0 to 100 %"),
        ({"tiers-0-from_quantity": "1"}, "needs a first quantity and a discount"),
        ({"price_scheme": "tiered"}, "at least one tier"),
        ({"billing_day": "32"}, "1 to 31"),
        ({"billing_day": "0"}, "1 to 31"),
        ({"options-0-code": "x", "options-0-amount": "1", "options-0-percent": "1", "options-0-currency": "EUR"},
         "an amount or a percentage"),
    ],
)  # fmt: skip
def test_tiers_with_gaps_and_days_out_of_range_are_refused(staff, world, changes, words):
    """CB-F10: 422 with a message at the field, and the product is as it was."""
    response = post(staff, world, world.seats, "charges", **charges(**changes))

    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in response.text
    product = fresh(world, world.seats)
    assert (product.price_tiers, product.billing_day, product.version) == ([], None, 1)


def test_a_stale_form_of_charges_changes_nothing(staff, world):
    response = staff.post(
        f"/bss/products/{world.seats.id}/charges", data=charges(billing_day="5", version="0"),
    )  # fmt: skip

    assert response.status_code == HTTPStatus.CONFLICT
    assert fresh(world, world.seats).billing_day is None


def test_pay_per_use_is_billed_in_arrears_only(staff, world, session):
    with scope(world.scope):
        metered = ProductType(name="Metered", kind=ProductKind.PAY_PER_USE, created_at=MONDAY_NOON)
        session.add(metered)
        session.flush()
        product = make_product(session, metered, "Traffic")
        session.commit()

    assert post(staff, world, product, "charges", **charges()).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert post(staff, world, product, "charges", **charges(billing_type="on_end")).status_code == HTTPStatus.SEE_OTHER


def test_setup_fee_and_protection_stand_at_each_price(staff, world):
    """CB-F13 (partly): the setup fee belongs to one term, billing plan and currency; the page shows it."""
    price = {"term": "P1M", "cycle": "monthly", "currency": "EUR", "list_price": "12", "setup_fee": "25",
             "protection_months": "12"}  # fmt: skip

    staff.post(f"/bss/products/{world.seats.id}/prices", data=price)
    refused = staff.post(
        f"/bss/products/{world.seats.id}/prices", data={**price, "setup_fee": "-1", "protection_months": "999"}
    )

    with scope(world.scope):
        row = db.session.scalars(
            select(ProductPrice)
            .where(ProductPrice.product_id == world.seats.id, ProductPrice.term == Term.P1M)
            .execution_options(populate_existing=True)
        ).one()
    assert (row.setup_fee, row.protection_months) == (Decimal(25), 12)
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "12 months" in staff.get(f"/bss/products/{world.seats.id}").text


def test_fixed_characteristics_are_checked_at_their_fields(staff, world):
    """CB-01: a list takes its codes, a number numbers, a required one must be there."""
    with scope(world.scope):
        for fields in (
            {"id": "region", "name": "Region", "data_type": DataType.TEXT, "is_required": True},
            {"id": "size", "name": "Size", "data_type": DataType.NUMBER},
        ):
            add_characteristic(world.product_type.id, Characteristic(**fields), actor=SYSTEM, at=MONDAY_NOON)
        db.session.commit()

    refused = post(staff, world, world.seats, "characteristics", **{"characteristic-size": "many"})
    kept = post(
        staff, world, world.seats, "characteristics",
        **{"characteristic-size": "12,5", "characteristic-region": "Europe", "characteristic-unknown": "x"},
    )  # fmt: skip

    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Enter Region" in refused.text
    assert "Enter a number" in refused.text
    assert 'value="many"' in refused.text
    assert kept.status_code == HTTPStatus.SEE_OTHER
    assert fresh(world, world.seats).characteristics == {"region": "Europe", "size": "12.5"}


def test_relations_are_written_by_code_and_shown_from_both_sides(staff, world, session):
    """CB-09, CB-10, CB-25, CB-27: exclusive stands on both products; add-ons follow the quantity where said so."""
    with scope(world.scope):
        extra = make_product(session, world.product_type, "Archive")
        extra.is_add_on = True
        session.commit()
    fields = {"required": world.tool.code.lower(), "required_mode": "any", "exclusive": world.suite.code,
              "upgrades": world.suite.code, "linked_add_ons": extra.code, "related": world.tool.code}  # fmt: skip

    assert post(staff, world, world.seats, "relations", **fields).status_code == HTTPStatus.SEE_OTHER

    assert world.seats.code in staff.get(f"/bss/products/{world.suite.id}/relations").text
    with scope(world.scope):
        linked = db.session.scalars(select(ProductRelation).where(ProductRelation.kind == RelationKind.ADD_ON)).one()
    assert (linked.other_id, linked.is_quantity_linked) == (extra.id, True)


@pytest.mark.parametrize("case", ["itself", "ring", "inactive", "exclusive_required", "unknown", "primary", "type"])
def test_relations_that_make_no_sense_are_refused(staff, world, session, case):
    """CB-09, CB-10: itself, a ring, an inactive one, an excluded one: 422 and nothing is written."""
    fields = {"required_mode": "all"}
    with scope(world.scope):
        if case == "itself":
            fields["required"] = world.seats.code
        elif case == "ring":
            session.add(ProductRelation(kind=RelationKind.REQUIRED, product_id=world.suite.id, other_id=world.seats.id))
            fields["required"] = world.suite.code
        elif case == "inactive":
            session.get_one(Product, (world.id, world.suite.id)).is_active = False
            fields["required"] = world.suite.code
        elif case == "exclusive_required":
            fields |= {"required": world.suite.code, "exclusive": world.suite.code}
        elif case == "unknown":
            fields["related"] = "NO-SUCH"
        elif case == "primary":
            fields["add_ons"] = world.suite.code
        else:
            session.get_one(Product, (world.id, world.tool.id)).is_add_on = True
            fields["add_ons"] = world.tool.code
        session.commit()
    before = count(world, ProductRelation)

    response = post(staff, world, world.seats, "relations", **fields)

    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert count(world, ProductRelation) == before


def test_a_bundle_costs_the_sum_of_its_parts_rules(staff, world, parts):
    """CB-F27 (partly): 12.00 at -10 % plus 5.00 is 15.80 a month; the vendor's cost is the sum of theirs."""
    bundle, office, backup = parts

    response = post(
        staff, world, bundle, "bundle", **components((office, "1", "discount", "10"), (backup, "1", "list", ""))
    )

    assert response.status_code == HTTPStatus.SEE_OTHER
    with scope(world.scope):
        price = db.session.scalars(select(ProductPrice).where(ProductPrice.product_id == bundle.id)).one()
        cost = db.session.scalars(select(VendorCost).where(VendorCost.product_id == bundle.id)).one()
    assert (price.list_price, cost.vendor_cost) == (Decimal("15.80"), Decimal("11.00"))
    assert "15.80" in staff.get(f"/bss/products/{bundle.id}/bundle").text


def test_a_bundles_price_and_its_price_lists_follow_a_component(staff, world, session, parts):
    bundle, office, backup = parts
    post(staff, world, bundle, "bundle", **components((office, "2", "list", ""), (backup, "1", "free", "")))
    with scope(world.scope):
        entry = make_entry(session, world.price_list, bundle, "24.00")
        session.commit()

    staff.post(
        f"/bss/products/{office.id}/prices",
        data={"term": "P1M", "cycle": "monthly", "currency": "EUR", "list_price": "13", "vendor_cost": "8"},
    )

    with scope(world.scope):
        price = db.session.scalars(select(ProductPrice).where(ProductPrice.product_id == bundle.id)).one()
        assert price.list_price == Decimal("26.00")
        assert entry is None or db.session.scalars(
            select(PriceListEntry).where(PriceListEntry.product_id == bundle.id)
        ).one().price in (Decimal("24.00"), Decimal("26.00"))


def test_a_bundle_with_an_unpublished_component_cannot_be_published(staff, world, session, parts):
    """CB-F29: refused with the component's name; published, once that is; taken down with it."""
    bundle, office, backup = parts
    post(staff, world, bundle, "bundle", **components((office, "1", "list", ""), (backup, "1", "list", "")))
    with scope(world.scope):
        session.get_one(Product, (world.id, backup.id)).is_published = False
        session.commit()

    mark = f"/bss/products/{bundle.id}/mark"
    staff.post(mark, data={"action": "publish"})
    assert "Publish Backup first" in staff.get(f"/bss/products/{bundle.id}").text
    assert not fresh(world, bundle).is_published
    staff.post(f"/bss/products/{backup.id}/mark", data={"action": "publish"})
    staff.post(mark, data={"action": "publish"})
    assert fresh(world, bundle).is_published
    staff.post(f"/bss/products/{backup.id}/mark", data={"action": "unpublish"})
    assert not fresh(world, bundle).is_published


@pytest.mark.parametrize("case", ["one_off", "yearly", "bundle", "twice", "unknown", "percent", "not_a_bundle"])
def test_a_bundle_of_what_cannot_be_bundled_is_refused(staff, world, parts, case):
    """CB-11: one-off, a unit the component has not, a bundle in a bundle, twice: 422, nothing written."""
    bundle, office, backup = parts
    second = {"one_off": world.tool, "yearly": world.suite, "bundle": bundle, "twice": office}.get(case, backup)
    fields = components((office, "1", "list", ""), (second, "1", "list", ""))
    if case == "unknown":
        fields["components-1-code"] = "NO-SUCH"
    if case == "percent":
        fields |= {"components-1-rule": "discount", "components-1-value": "101"}
    target = world.suite if case == "not_a_bundle" else bundle

    response = post(staff, world, target, "bundle", **fields)

    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert count(world, BundleComponent) == 0


def test_sections_of_an_unknown_product_are_not_there_and_a_reader_changes_nothing(sign_in, staff, world, session):
    for section in ("charges", "characteristics", "relations", "bundle"):
        assert staff.get(f"/bss/products/{new_id()}/{section}").status_code == HTTPStatus.NOT_FOUND
    with scope(world.scope):
        reader = make_user(
            session, None, kind=UserKind.BSS, realms=(world.id,), roles=("read_only",), type=UserType.USER
        )
    page = sign_in(reader).get(f"/bss/products/{world.seats.id}").text
    refused = staff.post(f"/bss/products/{world.seats.id}/charges", data=charges(billing_day="5"))
    assert f"/bss/products/{world.seats.id}/charges" not in page  # no way that ends at a closed door
    assert refused.status_code == HTTPStatus.FORBIDDEN
    assert fresh(world, world.seats).billing_day is None
