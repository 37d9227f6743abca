from __future__ import annotations

import pytest

from app.audit.services import SYSTEM
from app.core.errors import Invalid
from app.core.ids import new_id
from app.subscriptions.asset_models import AssetField, AssetFieldKind, AssetFieldRule, AssetFieldValues
from app.subscriptions.assets import AssetFilter, count_assets
from app.subscriptions.custom_fields import (
    AssetFieldNotFound,
    FieldDetails,
    answers_of,
    create_field,
    delete_field,
    get_field,
    list_fields,
    save_answers,
    update_field,
)
from app.subscriptions.models import Asset, AssetStatus
from tenants.context import scope
from tests.domain.assets.conftest import FIRST, noon
from tests.factories.execution import all_of

AT = noon(FIRST)


@pytest.fixture
def field(session, world):
    """Make a field of the direct distributor."""

    def made(code: str = "serial", *, is_from_vendor: bool = False, **details) -> AssetField:
        new = FieldDetails(**{"code": code, "name": "Serial number", "kind": AssetFieldKind.TEXT, **details})
        with scope(world.scope):
            found = create_field(new, actor=SYSTEM, at=AT, is_from_vendor=is_from_vendor)
            session.commit()
            return found

    return made


def seen(session, world, asset: Asset) -> list[tuple[str, str]]:
    """What the customer's storefront shows."""
    with scope(world.tech.customer_scope()):
        found = session.get_one(Asset, (world.id, asset.id))
        return [(answer.field.name, answer.value) for answer in answers_of(found, in_storefront=True)]


def enter(session, world, asset: Asset, answers) -> None:
    with scope(world.scope):
        save_answers(session.get_one(Asset, (world.id, asset.id)), answers, actor=SYSTEM, at=AT)
        session.commit()


def test_a_field_shows_in_a_storefront_only_with_its_tick_and_a_display_rule(session, world, buy, field):
    """CB-F100: a hand-made field shows only with the tick and a display rule; a vendor's needs the tick alone."""
    asset = buy(for_customer=True)
    own_type = frozenset({world.tool.product_type_id})
    both = field("both", name="Both", shows_in_storefront=True, product_type_ids=own_type)
    no_rule = field("no-rule", name="No rule", shows_in_storefront=True)
    no_tick = field("no-tick", name="No tick", product_type_ids=own_type)
    vendors = field("vendors", name="Vendor's", shows_in_storefront=True, is_from_vendor=True)
    with scope(world.scope):
        session.add(
            AssetFieldValues(
                reseller_id=asset.reseller_id, account_id=asset.account_id, asset_id=asset.id,
                answers={str(each.id): "X-1" for each in (both, no_rule, no_tick, vendors)},
            )
        )  # fmt: skip
        session.commit()
    assert seen(session, world, asset) == [("Both", "X-1"), ("Vendor's", "X-1")]
    with scope(world.scope):
        update_field(
            no_tick.id,
            FieldDetails(
                code="no-tick", name="No tick", kind=AssetFieldKind.TEXT, shows_in_storefront=True,
                product_type_ids=own_type,
            ),
            version=1,
            actor=SYSTEM,
            at=AT,
        )  # fmt: skip
        session.commit()
    assert seen(session, world, asset) == [("Both", "X-1"), ("No tick", "X-1"), ("Vendor's", "X-1")]


def test_a_default_shows_until_something_is_entered(session, world, buy, field):
    asset = buy(for_customer=True)
    made = field(default_value="unknown", shows_in_storefront=True, product_type_ids={world.tool.product_type_id})
    assert seen(session, world, asset) == [("Serial number", "unknown")]
    enter(session, world, asset, {made.id: " 4711 "})
    assert seen(session, world, asset) == [("Serial number", "4711")]


def test_fields_of_a_canceled_asset_stay_editable(session, world, buy, field):
    """CB-31: custom-field values of canceled assets remain editable."""
    asset = buy(for_customer=True)
    made = field(shows_in_storefront=True, product_type_ids={world.tool.product_type_id})
    with scope(world.scope):
        session.get_one(Asset, (world.id, asset.id)).status = AssetStatus.CANCELED
        session.commit()
    enter(session, world, asset, {made.id: "4711"})
    assert seen(session, world, asset) == [("Serial number", "4711")]


def test_a_searchable_field_is_found(session, world, buy, field):
    asset = buy(for_customer=True)
    found = field("found", is_searchable=True, product_type_ids={world.tool.product_type_id})
    hidden = field("hidden", product_type_ids={world.tool.product_type_id})
    enter(session, world, asset, {found.id: "NEEDLE-1", hidden.id: "HAY-1"})
    with scope(world.scope):
        assert [count_assets(AssetFilter(search=text)) for text in ("needle", "hay-1")] == [1, 0]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (AssetFieldKind.TEXT, "serial 1", "x" * 501),
        (AssetFieldKind.NUMBER, "12.50", "twelve"),
        (AssetFieldKind.DATE, "2026-03-31", "31.3.2026"),
        (AssetFieldKind.YES_NO, "yes", "perhaps"),
        (AssetFieldKind.CHOICE, "red", "blue"),
        (AssetFieldKind.TEXT, "needed", ""),
    ],
)
def test_values_keep_to_their_fields_type(session, world, buy, field, kind, good, bad):
    asset = buy(for_customer=True)
    made = field(kind=kind, choices=("red", "green"), is_required=True, product_type_ids={world.tool.product_type_id})
    enter(session, world, asset, {made.id: good})
    with pytest.raises(Invalid) as refusal:
        enter(session, world, asset, {made.id: bad})
    assert refusal.value.errors[0].field == str(made.id)
    session.rollback()
    with scope(world.scope):
        assert [row.answers for row in all_of(session, AssetFieldValues)] == [{str(made.id): good}]


def test_what_an_asset_does_not_show_is_not_entered(session, world, buy, field):
    asset, made = buy(for_customer=True), field()
    enter(session, world, asset, {made.id: "4711", new_id(): "4712"})
    with scope(world.scope):
        assert [row.answers for row in all_of(session, AssetFieldValues)] == [{}]


@pytest.mark.parametrize(
    ("changed", "field_name"),
    [
        ({"code": ""}, "code"),
        ({"code": "a b"}, "code"),
        ({"code": "x" * 65}, "code"),
        ({"code": "SERIAL"}, "code"),
        ({"name": " "}, "name"),
        ({"position": -1}, "position"),
        ({"kind": AssetFieldKind.CHOICE}, "choices"),
        ({"kind": AssetFieldKind.NUMBER, "default_value": "x"}, "default_value"),
        ({"product_type_ids": {new_id()}}, "product_types"),
    ],
)
def test_a_wrong_field_is_refused(session, world, field, changed, field_name):
    field()
    with pytest.raises(Invalid) as refusal:
        field(**{"code": "other", **changed})
    assert refusal.value.errors[0].field == field_name
    session.rollback()
    with scope(world.scope):
        assert [each.code for each in list_fields()] == ["serial"]


def test_a_fields_type_is_frozen_and_a_field_goes_with_its_rules(session, world, field):
    made = field(product_type_ids={world.tool.product_type_id})
    with scope(world.scope):
        with pytest.raises(Invalid):
            wanted = FieldDetails(code="serial", name="S", kind=AssetFieldKind.DATE)
            update_field(made.id, wanted, version=1, actor=SYSTEM, at=AT)
        delete_field(made.id, actor=SYSTEM, at=AT)
        session.commit()
        assert all_of(session, AssetField) == all_of(session, AssetFieldRule) == []
        with pytest.raises(AssetFieldNotFound):
            get_field(made.id)
