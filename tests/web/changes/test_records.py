"""What the record of a subscription tells: its own fields, its order and papers, a name that stands twice; its filters (CB-23)."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

import pytest

from app.audit.services import SYSTEM
from app.catalogue.models import BillingCycle, Product, ProductKind, ProductType, Term
from app.core import db
from app.core.clock import utc_now
from app.subscriptions.asset_models import AssetFieldKind, FieldSubject, SubscriptionFieldValues
from app.subscriptions.custom_fields import FieldDetails, create_field
from app.subscriptions.domains.services import take_name
from app.subscriptions.models import SubscriptionStatus
from tenants.context import scope
from tests.factories.execution import all_of
from tests.factories.subscriptions import BOUGHT_AT, make_running
from tests.factories.world import World, make_product


@pytest.fixture
def bss(sign_in, world):
    return sign_in(world.bss_user)


@pytest.fixture
def field(session, world: World):
    """A date that subscriptions to seats have, and their customers read."""
    with scope(world.scope):
        made = create_field(
            FieldDetails(
                code="migrated-on", name="Migrated on", kind=AssetFieldKind.DATE, subject=FieldSubject.SUBSCRIPTION,
                shows_in_storefront=True, product_type_ids=frozenset({world.seats.product_type_id}),
            ),
            actor=SYSTEM, at=utc_now(),
        )  # fmt: skip
        session.commit()
        session.expunge(made)
    return made


def held(world: World) -> list[str]:
    with scope(world.scope):
        return [text for row in all_of(db.session, SubscriptionFieldValues) for text in row.answers.values()]


@pytest.mark.parametrize("status", [SubscriptionStatus.ACTIVE, SubscriptionStatus.CANCELED])
def test_a_subscription_has_fields_of_its_own_also_when_it_is_canceled(
    client, sign_in, bss, world, running, field, status
):
    """CB-23: custom fields; they stay editable after the end, and a ticked one is read in the storefront."""
    it = running(status=status)
    name, path = f"field-{field.id}", f"/bss/subscriptions/{it.code}"
    assert "Migrated on" in bss.get(path).text
    wrong = bss.post(f"{path}/fields", data={name: "soon"})
    assert wrong.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'value="soon"' in wrong.text
    assert held(world) == []
    assert bss.post(f"{path}/fields", data={name: "2026-03-31"}).status_code == HTTPStatus.SEE_OTHER
    assert held(world) == ["2026-03-31"]
    sign_in(world.direct_buyer)
    assert "2026-03-31" in client.get(f"/billing/subscriptions/{it.code}").text


@pytest.mark.parametrize("is_searchable", [True, False])
def test_the_search_finds_what_a_ticked_field_holds(session, bss, world, running, field, is_searchable):
    """CB-23, CB-31: as it finds assets."""
    with scope(world.scope):
        session.merge(field).is_searchable = is_searchable
        session.commit()
    it, other = running(), running()
    bss.post(f"/bss/subscriptions/{it.code}/fields", data={f"field-{field.id}": "2026-03-31"})
    found = bss.get("/bss/subscriptions?q=2026-03").text
    assert (it.code in found, other.code in found) == (is_searchable, False)


def test_a_field_of_subscriptions_is_none_of_assets(bss, world, field):
    """CB-31: what a field describes stays."""
    page = f"/bss/asset-fields/{field.id}"
    data = {"name": "Migrated on", "code": "migrated-on", "kind": "date", "subject": "asset"}
    refused = bss.save(page, data=data)
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "cannot be changed" in refused.text
    assert "Subscriptions" in bss.get("/bss/asset-fields").text


def test_an_unknown_subscription_and_an_unknown_field_take_nothing(bss, world, running, field):
    assert bss.post("/bss/subscriptions/SUB-1/fields", data={}).status_code == HTTPStatus.NOT_FOUND
    it = running(product=world.tool)  # of another type: no rule shows the field on it
    bss.post(f"/bss/subscriptions/{it.code}/fields", data={f"field-{field.id}": "2026-01-01", "field-x": "1"})
    assert held(world) == []


def test_a_name_that_stands_twice_is_told_to_staff(session, bss, world):
    """CB-01: ordered twice before names were claimed: the older one holds it, the page of the other one says so."""
    with scope(world.scope):
        kind = ProductType(name="Domains", kind=ProductKind.DOMAIN, created_at=BOUGHT_AT)
        session.add(kind)
        session.flush()
        product: Product = make_product(session, kind, "Domain .example")
        session.commit()
    older, younger = (
        make_running(session, world, world.direct, product, quantity=1, characteristics={"domain": "shared.example"})
        for _ in range(2)
    )
    with scope(world.scope):
        assert take_name("shared.example", subscription_id=older.id, at=utc_now())
        session.commit()
    assert "Its name stands twice" not in bss.get(f"/bss/subscriptions/{older.code}").text
    told = bss.get(f"/bss/subscriptions/{younger.code}").text
    assert "Its name stands twice" in told
    assert older.code in told


def test_the_list_narrows_by_what_people_look_for(bss, world, running):
    """CB-23: account, type, cycle, renewal; what is no choice is no filter, and a chip takes it away again."""
    soon, far = utc_now().date() + timedelta(days=5), utc_now().date() + timedelta(days=300)
    mine = running(renews_on=soon, auto_renew=False)
    yearly = running(product=world.suite, cycle=BillingCycle.ANNUAL, term=Term.P1Y, renews_on=far)
    other = running(account=world.basic.account, renews_on=far)

    def found(query: str) -> set[str]:
        text = bss.get(f"/bss/subscriptions?{query}").text
        return {each.code for each in (mine, yearly, other) if each.code in text}

    everything = {mine.code, yearly.code, other.code}
    assert found("") == everything
    assert found(f"account={world.basic.account.id}") == {other.code}
    assert found("billed=annual") == {yearly.code}
    assert found("renewal=off") == {mine.code}
    assert found(f"to={soon}") == {mine.code}
    assert found(f"from={far}") == {yearly.code, other.code}
    assert found(f"type={world.seats.product_type_id}") >= {mine.code, other.code}
    assert found("account=x&billed=daily&renewal=maybe&from=soon&to=&type=1") == everything
    assert world.basic.account.name in bss.get(f"/bss/subscriptions?account={world.basic.account.id}").text
    assert other.code not in bss.get("/bss/subscriptions?export=csv&billed=annual").text
