"""What a vendor's definition makes of the catalogue, through the job."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from app.catalogue.models import (
    BillingType,
    Product,
    ProductPrice,
    ProductRelation,
    ProductType,
    RelationKind,
    Term,
    VendorCost,
)
from app.catalogue.vendor_runs.models import EntryAction, EntryLevel, VendorRun, VendorRunState
from app.catalogue.vendor_runs.queries import list_entries
from app.core.clock import utc_now
from app.core.db import BoundSession
from app.notifications.models import OutboundMail
from app.provisioning.models import ServiceManager
from tests.workers.vendor_runs.conftest import FeedConnector
from workers.connectors.base import ConnectorUnavailable
from workers.jobs.vendor_catalogue import begin_vendor_prices

Read = Callable[[], VendorRun]


def product(session: BoundSession, external_id: str) -> Product:
    session.expire_all()
    return session.scalars(select(Product).where(Product.external_id == external_id)).one()


def price(session: BoundSession, external_id: str) -> ProductPrice:
    session.expire_all()
    return session.scalars(
        select(ProductPrice)
        .join(Product, Product.id == ProductPrice.product_id)
        .where(Product.external_id == external_id)
    ).one()


def cost(session: BoundSession, external_id: str) -> VendorCost:
    session.expire_all()
    return session.scalars(
        select(VendorCost).join(Product, Product.id == VendorCost.product_id).where(Product.external_id == external_id)
    ).one()


def test_new_products_arrive_inactive_and_unpublished(session: BoundSession, vendor: FeedConnector, read: Read) -> None:
    """CB-F44: products vanished from the vendor feed become retired, not deleted; new ones arrive unpublished."""
    run = read()
    assert (run.state, run.items_created, run.items_failed) == (VendorRunState.COMPLETED, 6, 0)
    small = product(session, "MAIL-S")
    assert (small.is_active, small.is_published, small.code, small.vendor) == (False, False, "MAIL-S", "Acme Cloud")

    gone = vendor.feed["products"].pop(0)
    run = read()

    assert (run.state, run.items_retired) == (VendorRunState.COMPLETED, 1)
    small = product(session, "MAIL-S")
    assert small.retired_at is not None
    assert product(session, "MAIL-L").retired_at is None
    assert price(session, "MAIL-S").list_price == Decimal("6.0000")

    vendor.feed["products"].insert(0, gone)
    read()
    assert product(session, "MAIL-S").retired_at is None


def test_a_term_price_appears_per_instalment(session: BoundSession, vendor: FeedConnector, read: Read) -> None:
    """CB-F45: a term price of 57.60 with a monthly plan appears as 12 x 4.80, its ERP price 72.00 as 12 x 6.00."""
    del vendor
    read()
    assert (cost(session, "MAIL-S").vendor_cost, cost(session, "MAIL-S").term_vendor_cost) == (
        Decimal("4.8000"),
        Decimal("57.6000"),
    )
    assert (price(session, "MAIL-S").list_price, price(session, "MAIL-S").term) == (Decimal("6.0000"), Term.P1Y)


def test_a_bad_item_is_named_and_the_others_are_saved(session: BoundSession, vendor: FeedConnector, read: Read) -> None:
    """CB-F43: a run with one bad item ends "Completed with errors", the log names the item; the others are saved."""
    vendor.feed["products"][0]["terms"][0]["cost"] = "a lot"

    run = read()

    assert (run.state, run.items_failed, run.items_done, run.items_total) == (
        VendorRunState.COMPLETED_WITH_ERRORS, 2, 4, 4,
    )  # fmt: skip
    errors = list_entries(run.id, level=EntryLevel.ERROR, limit=10)
    assert [(each.entity_kind, each.external_id, each.action) for each in errors] == [
        ("product", "MAIL-S", EntryAction.ERROR),
        ("add_on", "ARCHIVE", EntryAction.ERROR),  # its parent is not there yet
    ]
    assert "cost is no amount" in errors[0].message
    assert set(session.scalars(select(Product.external_id).where(Product.external_id.is_not(None)))) == {
        "MAIL-L",
        "ARCHIVE",
    }


def test_a_bad_item_is_not_retired(session: BoundSession, vendor: FeedConnector, read: Read) -> None:
    read()
    vendor.feed["products"][0]["terms"] = "none"

    run = read()

    assert (run.state, run.items_retired) == (VendorRunState.COMPLETED_WITH_ERRORS, 0)
    assert product(session, "MAIL-S").retired_at is None


def test_nothing_is_retired_where_an_item_has_no_id(session: BoundSession, vendor: FeedConnector, read: Read) -> None:
    read()
    del vendor.feed["products"][0]["id"]

    assert read().items_retired == 0
    assert product(session, "MAIL-S").retired_at is None


def test_a_feed_of_types_alone_retires_nothing(session: BoundSession, vendor: FeedConnector, read: Read) -> None:
    read()
    vendor.feed = {"types": vendor.feed["types"]}

    assert (read().state, product(session, "MAIL-S").retired_at) == (VendorRunState.COMPLETED, None)


def test_the_distributor_keeps_what_it_owns(session: BoundSession, vendor: FeedConnector, read: Read) -> None:
    """CB-15, merge rules: name after the first edit, publish flag, prices set by hand and category stay."""
    read()
    small_price, small = price(session, "MAIL-S"), product(session, "MAIL-S")
    small.name, small.is_active, small.is_published, small.short_description = "Our mail", True, True, "Ours"
    small_price.list_price, small_price.is_manual = Decimal("9.00"), True
    session.commit()
    for item in vendor.feed["products"]:
        item["name"] += " 2026"
        item["description"] = "Theirs"
        item["terms"][0]["cost"], item["terms"][0]["suggestedPrice"] = "120.00", "240.00"

    run = read()

    small, large = product(session, "MAIL-S"), product(session, "MAIL-L")
    assert (small.name, small.vendor_name, small.is_published, small.short_description) == (
        "Our mail", "Mail Small 2026", True, "Ours",
    )  # fmt: skip
    assert (large.name, large.short_description) == ("Mail Large 2026", "Theirs")
    assert price(session, "MAIL-S").list_price == Decimal("9.0000")
    assert cost(session, "MAIL-S").vendor_cost == Decimal("10.0000")
    assert (price(session, "MAIL-L").list_price, cost(session, "MAIL-L").vendor_cost) == (
        Decimal("240.0000"),
        Decimal("120.0000"),
    )
    assert (run.items_created, run.items_updated, run.items_unchanged) == (0, 2, 2)


def test_a_second_reading_changes_nothing(session: BoundSession, vendor: FeedConnector, read: Read) -> None:
    del vendor
    read()
    before = session.scalar(select(func.count()).select_from(Product))

    run = read()

    assert (run.items_created, run.items_updated, run.items_unchanged) == (0, 0, 4)
    assert session.scalar(select(func.count()).select_from(Product)) == before


def test_upgrade_paths_and_parents_follow_the_vendor(session: BoundSession, vendor: FeedConnector, read: Read) -> None:
    def edges() -> set[tuple[RelationKind, str, str]]:
        names = {row.id: row.external_id for row in session.execute(select(Product.id, Product.external_id))}
        return {
            (row.kind, names[row.product_id] or "", names[row.other_id] or "")
            for row in session.scalars(select(ProductRelation))
        }

    read()
    assert edges() == {(RelationKind.UPGRADE, "MAIL-S", "MAIL-L"), (RelationKind.ADD_ON, "MAIL-S", "ARCHIVE")}

    vendor.feed["products"][0]["upgradesTo"] = []
    vendor.feed["addOns"][0]["parents"] = ["MAIL-S", "MAIL-L"]
    read()

    assert edges() == {(RelationKind.ADD_ON, "MAIL-S", "ARCHIVE"), (RelationKind.ADD_ON, "MAIL-L", "ARCHIVE")}


def test_a_term_that_is_gone_is_withdrawn_from_new_orders(
    session: BoundSession, vendor: FeedConnector, read: Read
) -> None:
    read()
    vendor.feed["products"][1]["terms"][0]["term"] = "P1Y"

    read()

    rows = session.execute(
        select(ProductPrice.term, ProductPrice.is_withdrawn)
        .join(Product, Product.id == ProductPrice.product_id)
        .where(Product.external_id == "MAIL-L")
    )
    assert {row.term: row.is_withdrawn for row in rows} == {Term.P1M: True, Term.P1Y: False}


def test_a_price_takes_effect_on_its_day(session: BoundSession, vendor: FeedConnector, read: Read) -> None:
    """CB-15: prices take effect from their start date."""
    read()
    day = utc_now().date() + timedelta(days=20)
    term = vendor.feed["products"][1]["terms"][0]
    term["cost"], term["suggestedPrice"], term["validFrom"] = "11.00", "14.00", day.isoformat()

    read()
    assert (cost(session, "MAIL-L").vendor_cost, price(session, "MAIL-L").list_price) == (Decimal("9.6"), Decimal(12))

    begin_vendor_prices(datetime(day.year, day.month, day.day, 0, 30, tzinfo=UTC) - timedelta(days=1))
    assert price(session, "MAIL-L").list_price == Decimal(12)
    begin_vendor_prices(datetime(day.year, day.month, day.day, 0, 30, tzinfo=UTC))
    assert (cost(session, "MAIL-L").vendor_cost, price(session, "MAIL-L").list_price) == (Decimal(11), Decimal(14))
    begin_vendor_prices(datetime(day.year, day.month, day.day, 1, 30, tzinfo=UTC))
    assert price(session, "MAIL-L").valid_from == day


def test_two_vendors_may_use_one_id(
    session: BoundSession, vendor: FeedConnector, read: Read, manager: ServiceManager
) -> None:
    """CB-15: matched by instance and external id."""
    del vendor
    read()
    other = ServiceManager(
        name="Other", kind="service_manager", base_url=manager.base_url, created_at=manager.created_at
    )
    session.add(other)
    session.flush()
    manager_type = session.scalars(select(ProductType).where(ProductType.external_id == "mail")).one()
    manager_type.service_manager_id = other.id
    session.commit()

    run = read()

    assert (run.state, run.items_created, run.items_retired) == (VendorRunState.COMPLETED, 6, 0)
    assert session.scalar(select(func.count()).where(Product.external_id == "MAIL-S")) == 2
    names = set(session.scalars(select(ProductType.name).where(ProductType.external_id == "mail")))
    assert names == {"Vendor mail", "Vendor mail (Acme Cloud)"}
    codes = set(session.scalars(select(Product.code).where(Product.external_id == "MAIL-S")))
    assert codes == {"MAIL-S", "MAIL-S-2"}


def test_a_vendor_that_cannot_be_asked_fails_the_run(session: BoundSession, vendor: FeedConnector, read: Read) -> None:
    """CB-15: a wrong key or address is Failed with the transport's message, nothing changed; the starter gets a mail."""
    vendor.problem = ConnectorUnavailable("The service manager did not answer within 30 seconds")

    run = read()

    assert (run.state, run.message) == (VendorRunState.FAILED, "The service manager did not answer within 30 seconds")
    assert session.scalar(select(func.count()).where(Product.external_id.is_not(None))) == 0
    mail = session.scalars(select(OutboundMail).where(OutboundMail.template == "vendor_run_failed")).one()
    assert mail.fields["reason"] == run.message


@pytest.mark.parametrize("feed", [None, [], "text", {}, {"types": []}, {"types": {}}, {"types": [], "products": 7}])
def test_an_answer_that_is_no_definition_fails_the_run(vendor: FeedConnector, read: Read, feed: object) -> None:
    vendor.feed = feed

    run = read()

    assert run.state is VendorRunState.FAILED
    assert run.message


def test_attributes_become_characteristics(session: BoundSession, vendor: FeedConnector, read: Read) -> None:
    """CB-15: the vendor owns characteristics: definitions on the type, values on the product."""
    vendor.feed["types"][0]["attributes"] = [
        {"id": "gb", "name": "Storage", "dataType": "number", "quantityLinked": True, "default": "50"},
        {"id": "on", "name": "Archive", "dataType": "boolean"},
    ]
    vendor.feed["products"][0]["attributes"] = {"gb": "100", "on": "1"}
    vendor.feed["products"][1]["attributes"] = {"gb": "much"}
    vendor.feed["addOns"][0]["attributes"] = {"other": "1"}

    run = read()

    assert product(session, "MAIL-S").characteristics == {"gb": "100", "on": True}
    errors = {each.external_id: each.message for each in list_entries(run.id, level=EntryLevel.ERROR, limit=10)}
    assert errors["MAIL-L"] == "gb: Enter a number"
    assert errors["ARCHIVE"] == "The product type has no attribute other"


def test_a_bad_attribute_spoils_its_type_alone(session: BoundSession, vendor: FeedConnector, read: Read) -> None:
    vendor.feed["types"].append({"id": "bad", "name": "Bad", "attributes": [{"id": "a b", "name": "A"}]})

    run = read()

    assert run.state is VendorRunState.COMPLETED_WITH_ERRORS
    assert set(session.scalars(select(ProductType.external_id).where(ProductType.external_id.is_not(None)))) == {"mail"}


def test_pay_per_use_products_are_charged_in_arrears(session: BoundSession, vendor: FeedConnector, read: Read) -> None:
    """CB-15, CB-F38: what is sold by use is billed when its cycle is over."""
    vendor.feed["types"].append({"id": "compute", "name": "Compute", "kind": "pay_per_use"})
    vendor.feed["products"][1]["typeId"] = "compute"

    read()

    assert product(session, "MAIL-L").billing_type is BillingType.ON_END
    assert product(session, "MAIL-S").billing_type is BillingType.ON_START
