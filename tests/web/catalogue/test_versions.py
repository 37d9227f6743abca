"""Whatever people edit of the catalogue and its setup carries a version: saving a stale one is a conflict (CB-00)."""

from __future__ import annotations

from decimal import Decimal
from http import HTTPStatus

import pytest
from lxml import html
from sqlalchemy import text

from app.audit.services import SYSTEM
from app.billing.usage.models import ResourceKind
from app.billing.usage.rates import RateDetails, add_rate
from app.catalogue.bundles.services import Component, set_components
from app.catalogue.characteristics import Characteristic
from app.catalogue.groupings import add_industry, add_price_group
from app.catalogue.models import Product, ProductKind, ProductType
from app.catalogue.services import add_characteristic
from app.core import db
from app.core.db import Base
from app.core.ids import new_id
from app.core.versions import StaleVersion, lock_at_version
from app.orders.statuses import StatusDetails, add_status
from app.pricing.models import PriceRule, Promotion, PromotionAmount, PromotionDuration
from app.pricing.price_lists.entries import EntryRule
from app.pricing.price_lists.group_lines import NewLine, add_line, list_lines
from app.subscriptions.asset_models import AssetFieldKind
from app.subscriptions.custom_fields import FieldDetails, create_field
from tenants.context import distributor_scope, scope
from tenants.scoping import DistributorScoped
from tests.factories.world import MONDAY_NOON, World

WHO = {"actor": SYSTEM, "at": MONDAY_NOON}
VISITS = frozenset({"user_sessions", "sessions", "realm_sessions"})  # what a visit leaves, whatever it does
SETUP = frozenset(
    {
        "bss_asset_fields", "bss_categories", "bss_groups", "bss_industries", "bss_offer_statuses",
        "bss_order_statuses", "bss_product_types", "bss_products", "bss_promotions", "bss_shelves", "bss_units",
    }
)  # fmt: skip
ELSEWHERE = frozenset({"bss_price_lists.edit", "bss_price_lists.change_group", "bss_usage.rate"})
NO_RECORD = frozenset({"bss_promotions.order"})  # a promotion is given to an order, not changed


@pytest.fixture
def staff(sign_in, world):
    return sign_in(world.bss_user)


@pytest.fixture
def pages(world: World, session) -> dict[str, str]:
    """The address of each form that changes a record, by its endpoint."""
    with scope(world.scope):
        industry, price_group = add_industry("Health", 1, **WHO), add_price_group("Seats", **WHO)
        add_characteristic(world.product_type.id, Characteristic("storage", "Storage"), **WHO)
        add_characteristic(world.product_type.id, Characteristic("region", "Region", asked_at_order=True), **WHO)
        status = add_status(StatusDetails(40, "Waits for stock"), **WHO)
        field = create_field(FieldDetails(code="serial", name="Serial", kind=AssetFieldKind.TEXT), **WHO)
        rate = add_rate(
            world.seats.id, RateDetails("Traffic", ResourceKind.METERED, "GB", price=Decimal(2), currency="EUR"), **WHO
        )
        promotion = Promotion(
            id=new_id(), name="Spring", starts_on=MONDAY_NOON.date(), amount_kind=PromotionAmount.PERCENT,
            value=Decimal(5), duration=PromotionDuration.LIFETIME, created_at=MONDAY_NOON,
        )  # fmt: skip
        bundles = ProductType(id=new_id(), name="Bundles", kind=ProductKind.BUNDLE, created_at=MONDAY_NOON)
        session.add_all([promotion, bundles])
        session.flush()
        bundle = Product(
            id=new_id(), code="PACK", code_key="pack", name="Pack", slug="pack", product_type_id=bundles.id,
            created_at=MONDAY_NOON, updated_at=MONDAY_NOON,
        )  # fmt: skip
        session.add(bundle)
        session.flush()
        set_components(bundle.id, [Component(world.seats.id)], version=1, **WHO)
        add_line(world.price_list.id, NewLine(price_group.id, EntryRule(PriceRule.DISCOUNT, Decimal(5))), **WHO)
        (line,) = list_lines(world.price_list.id)
        session.commit()
    product, price_list = f"/bss/products/{world.seats.id}", f"/bss/price-lists/{world.price_list.id}"
    return {
        "bss_asset_fields.edit": f"/bss/asset-fields/{field.id}",
        "bss_categories.edit": f"/bss/categories/{world.category.id}",
        "bss_groups.comparison": f"/bss/groups/{world.group.id}/comparison",
        "bss_groups.edit": f"/bss/groups/{world.group.id}",
        "bss_industries.edit": f"/bss/industries/{industry.id}",
        "bss_industries.edit_price_group": f"/bss/industries/price-groups/{price_group.id}",
        "bss_offer_statuses.edit": "/bss/offer-statuses/accepted",
        "bss_order_statuses.edit": f"/bss/order-statuses/{status.ref}",
        "bss_price_lists.change_group": f"{price_list}/groups/{line.line.id}",
        "bss_price_lists.edit": f"{price_list}/edit",
        "bss_product_types.characteristic": f"/bss/product-types/{world.product_type.id}/characteristics/storage",
        "bss_product_types.edit": f"/bss/product-types/{world.product_type.id}",
        "bss_products.bundle": f"/bss/products/{bundle.id}/bundle",
        "bss_products.characteristics": f"{product}/characteristics",
        "bss_products.charges": f"{product}/charges",
        "bss_products.edit": f"{product}/edit",
        "bss_products.material": f"{product}/material",
        "bss_products.relations": f"{product}/relations",
        "bss_products.trial": f"{product}/trial",
        "bss_promotions.edit": f"/bss/promotions/{promotion.id}",
        "bss_shelves.index": "/bss/shelves",
        "bss_units.index": "/bss/units",
        "bss_usage.rate": f"/bss/usage/rates/{rate.id}",
    }


def form_of(page: str) -> dict[str, list[str]]:
    """What a browser would send of the page's form that carries a version."""
    (form,) = [form for form in html.fromstring(page).forms if "version" in form.fields]
    sent: dict[str, list[str]] = {}
    for name, value in form.form_values():
        sent.setdefault(name, []).append(value)
    return sent


def stored(session, world: World) -> dict[str, str | None]:
    """What stands in each of the distributor's tables."""
    names = {each.local_table.name for each in Base.registry.mappers if issubclass(each.class_, DistributorScoped)}
    with scope(distributor_scope(world.id)):
        return {
            name: session.scalar(
                text(f"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {name} t WHERE distributor_id = :id"),
                {"id": world.id},
            )
            for name in names - VISITS
        }


def test_each_form_that_changes_a_record_of_the_catalogue_is_known_here(app, pages):
    """CB-00: a form that shows a record and saves it again stands among those the next test asks."""
    changing = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if {"GET", "POST"} <= (rule.methods or set())
        and rule.endpoint.partition(".")[0] in SETUP
        and not rule.rule.endswith("/new")
    }
    assert set(pages) == (changing - NO_RECORD) | ELSEWHERE


def test_saving_what_somebody_else_has_changed_meanwhile_is_a_conflict_and_changes_nothing(
    staff, world, session, pages
):
    """CB-00: two people open a form; the first saves it, and the second is told so: 409, and nothing is stored."""
    for endpoint, path in pages.items():
        opened = form_of(staff.get(path).text)

        first = staff.post(path, data=opened)
        before = stored(session, world)
        second = staff.post(path, data=opened)
        without = staff.post(path, data={**opened, "version": ""})

        if endpoint in ("bss_units.index", "bss_shelves.index"):  # settings: what stands is their version
            assert (endpoint, second.status_code) == (endpoint, HTTPStatus.SEE_OTHER)
        else:
            assert (endpoint, second.status_code) == (endpoint, HTTPStatus.CONFLICT)
            assert stored(session, world) == before, endpoint
        assert (endpoint, first.status_code) == (endpoint, HTTPStatus.SEE_OTHER)
        assert (endpoint, without.status_code) == (endpoint, HTTPStatus.CONFLICT)


@pytest.mark.parametrize(
    ("path", "change"),
    [("/bss/shelves", {"new_days": "7"}), ("/bss/units", {"base": "P1Y.monthly"})],
    ids=["shelves", "units"],
)
def test_settings_that_somebody_else_has_changed_meanwhile_are_not_written_over(
    staff, world, session, path: str, change: dict[str, str]
):
    """CB-00: what is no row has the digest of what stands as its version."""
    opened = form_of(staff.get(path).text)
    assert staff.post(path, data={**opened, **change}).status_code == HTTPStatus.SEE_OTHER
    before = stored(session, world)

    response = staff.post(path, data=opened)

    assert response.status_code == HTTPStatus.CONFLICT
    assert stored(session, world) == before


def test_a_refused_form_keeps_the_version_it_was_opened_at(staff, world, pages):
    """CB-00: whoever mistypes after somebody else has saved is not let past the other's change."""
    path = pages["bss_groups.edit"]
    opened = form_of(staff.get(path).text)
    staff.post(path, data={**opened, "description": "Somebody else's"})

    refused = staff.post(path, data={**opened, "name": ""})
    again = staff.post(path, data={**form_of(refused.text), "name": "Mine"})

    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert again.status_code == HTTPStatus.CONFLICT
    with scope(world.scope):
        assert db.session.get_one(type(world.group), (world.id, world.group.id)).description == "Somebody else's"


def test_a_record_that_was_deleted_meanwhile_is_a_conflict(world, session):
    with scope(world.scope):
        group = add_price_group("Seats", **WHO)
        session.execute(text("DELETE FROM price_groups WHERE id = :id"), {"id": group.id})
        with pytest.raises(StaleVersion):
            lock_at_version(group, 1, name=group.name)
