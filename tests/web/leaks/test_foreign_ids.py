"""Every page with an id in its address, asked for with the ids of somebody else: 404, and nothing changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from werkzeug.routing import AnyConverter, BaseConverter, IntegerConverter, Rule, UUIDConverter

from app.billing.models import Invoice
from app.core.db import Base, BoundSession
from app.core.ids import new_id
from app.orders.models import BasketItem, Order, OrderItem
from app.pricing.models import PriceList
from app.provisioning.models import ProvisioningTask, ServiceManager
from app.subscriptions.models import Asset, Subscription
from tenants.context import distributor_scope, scope
from tenants.scoping import DistributorScoped
from tests.factories.world import MONDAY_NOON, World, make_world
from tests.web.conftest import signed_in_browser
from tests.web.leaks.conftest import Bought

UNKNOWN = ("SO-2020-000001", "SUB-000000", "no-such-thing")
# Addresses whose text is no id of a record: tokens of links, versions of files, names of settings. People's sessions
# open no API; programs try the same in tests/web/api/test_foreign_ids.py.
NOT_RECORDS = ("static", "_sessions.", "storefront_looks.skin", "_mail.", "_look.", "_settings.", "_api.")


@dataclass
class Victim:
    """What exists and must not be found: ids by kind, and texts that stand in addresses."""

    uuids: list[UUID] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


def victims_of(session: BoundSession, world: World) -> Victim:
    """Collect ids and numbers of a distributor's records."""
    found = Victim()
    with scope(distributor_scope(world.id)):
        for model in (
            Order,
            OrderItem,
            Subscription,
            Asset,
            Invoice,
            ProvisioningTask,
            ServiceManager,
            PriceList,
            BasketItem,
        ):
            found.uuids += session.scalars(select(model.id).limit(2)).all()
        found.uuids += [world.tech.id, world.tech.customers[0].id, world.tech.buyers[0].id, world.tech.admin.id]
        found.texts += session.scalars(select(Order.number)).all()
        found.texts += session.scalars(select(Subscription.code)).all()
        found.texts += session.scalars(select(Asset.code)).all()
        found.texts += session.scalars(select(Invoice.number)).all()
    return found


def place(converter: BaseConverter, value: UUID | str) -> object:
    """A value for one place of an address: the victim's id where one is wanted."""
    if isinstance(converter, AnyConverter):
        return min(converter.items)
    if isinstance(converter, UUIDConverter):
        return value if isinstance(value, UUID) else new_id()
    return 1 if isinstance(converter, IntegerConverter) else str(value)


def addresses(rule: Rule, victim: Victim) -> Iterator[str]:
    """Fill a rule's places with the victim's ids, one kind at a time."""
    converters = rule._converters
    has_uuid = any(isinstance(found, UUIDConverter) for found in converters.values())
    for value in victim.uuids if has_uuid else victim.texts:
        values = {name: place(found, value) for name, found in converters.items()}
        built = rule.build(values, append_unknown=False)
        if built is not None:
            yield built[1]


def rules_of(app: Flask, *surfaces: str) -> list[Rule]:
    """Rules with an id of a record in them."""
    return [
        rule
        for rule in app.url_map.iter_rules()
        if rule.arguments
        and rule.endpoint.startswith(surfaces)
        and not any(word in rule.endpoint for word in NOT_RECORDS)
    ]


def state_of(session: BoundSession, world: World) -> dict[str, int]:
    """How many rows the distributor has in each table."""
    names = [m.local_table.name for m in Base.registry.mappers if issubclass(m.class_, DistributorScoped)]
    with scope(distributor_scope(world.id).in_realm(world.root.id)):
        return {
            name: session.scalar(text(f"SELECT count(*) FROM {name} WHERE distributor_id = :id"), {"id": world.id})
            for name in names
        }


def statuses(
    app: Flask, browser: FlaskClient, surfaces: tuple[str, ...], victim: Victim, prefix: str = ""
) -> dict[str, int]:
    """Ask for every address of the surfaces with every method; returns those that were not 404.

    403 is the answer to a function the person has no right to at all, whatever the id.
    """
    wrong = {}
    for rule in rules_of(app, *surfaces):
        for path in addresses(rule, victim):
            for method in sorted((rule.methods or set()) & {"GET", "POST"}):
                status = browser.open(f"{prefix}{path}", method=method, data={}).status_code
                if status not in (404, 403):
                    wrong[f"{method} {rule.rule}"] = status
    return wrong


@pytest.fixture
def other(session: BoundSession) -> World:
    """A second distributor, whose people try."""
    made = make_world(session, name="Disti Iberia", host="cloud.disti.example")
    assert made.distributor.created_at == MONDAY_NOON
    return made


def test_another_distributors_staff_finds_nothing(
    app: Flask, session: BoundSession, bought: Bought, other: World
) -> None:
    """RS-F97, CB-F126, SF-F6: foreign object ids give 404 on every screen, across distributors."""
    victim, before = victims_of(session, bought.world), state_of(session, bought.world)
    browser = app.test_client()
    browser.host = other.host  # type: ignore[attr-defined]
    signed_in_browser(browser, other, other.bss_user)
    assert statuses(app, browser, ("bss_",), victim) == {}
    assert state_of(session, bought.world) == before


def test_another_distributors_reseller_finds_nothing(
    app: Flask, session: BoundSession, bought: Bought, other: World
) -> None:
    """RS-F97, CB-F126: a reseller of one distributor finds nothing of another distributor's."""
    victim = victims_of(session, bought.world)
    browser = app.test_client()
    browser.host = other.host  # type: ignore[attr-defined]
    signed_in_browser(browser, other, other.tech.admin)
    assert statuses(app, browser, ("manage_", "storefront_"), victim, "/techsolutions") == {}


def test_another_reseller_of_the_same_distributor_finds_nothing(
    app: Flask, session: BoundSession, bought: Bought
) -> None:
    """RS-F97, CB-F126: reseller A asking for reseller B's order, subscription or invoice id gets 404."""
    world = bought.world
    victim, before = victims_of(session, world), state_of(session, world)
    browser = app.test_client()
    browser.host = world.host  # type: ignore[attr-defined]
    signed_in_browser(browser, world, world.cloudia.admin)
    assert statuses(app, browser, ("manage_", "storefront_"), victim, "/cloudia") == {}
    assert state_of(session, world) == before


def test_another_customer_of_the_same_reseller_finds_nothing(app: Flask, session: BoundSession, bought: Bought) -> None:
    """SF-F6: opening another account's order, subscription, asset or document id returns 404."""
    world = bought.world
    victim, before = victims_of(session, world), state_of(session, world)
    browser = app.test_client()
    browser.host = world.host  # type: ignore[attr-defined]
    signed_in_browser(browser, world, world.tech.buyers[1])
    assert statuses(app, browser, ("storefront_",), victim, "/techsolutions") == {}
    assert state_of(session, world) == before


def test_unknown_numbers_answer_like_foreign_ones(app: Flask, client: FlaskClient, bought: Bought) -> None:
    """A refusal must not tell whether a number exists for somebody else."""
    signed_in_browser(client, bought.world, bought.world.tech.buyers[1])
    foreign = client.get(f"/techsolutions/orders/{bought.number}")
    for number in UNKNOWN:
        unknown = client.get(f"/techsolutions/orders/{number}")
        assert (unknown.status_code, unknown.text) == (foreign.status_code, foreign.text)
