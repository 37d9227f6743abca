"""Initial resources of a configurable product's trial, and who may alter them (CB-12)."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from sqlalchemy import select

from app.audit.services import SYSTEM
from app.catalogue.characteristics import Characteristic, CodedValue, DataType
from app.catalogue.models import Product
from app.catalogue.services import add_characteristic
from app.orders.models import OrderItem
from app.provisioning.models import ProvisioningTask, TaskKind
from app.subscriptions.models import Subscription
from app.subscriptions.price_models import Trial
from tenants.context import scope
from tests.factories.execution import use_service_manager
from tests.factories.world import MONDAY_NOON
from tests.web.storefront.steps import run_orders, submit

REGIONS = (CodedValue("eu", "Europe"), CodedValue("us", "America"))
ASKED = (
    Characteristic("storage", "Storage (GB)", DataType.NUMBER, asked_at_order=True),
    Characteristic("region", "Region", DataType.LIST, is_required=True, asked_at_order=True, values=REGIONS),
    Characteristic("pool", "Pool", asked_at_order=True, is_visible=False),
)
PRESET = {"characteristic-storage": "50", "characteristic-region": "eu", "characteristic-pool": "trials"}


@pytest.fixture(autouse=True)
def _asked(session, world) -> None:
    """The seats ask for storage and region; their pool is staff's to say."""
    with scope(world.scope):
        for each in ASKED:
            add_characteristic(world.product_type.id, each, actor=SYSTEM, at=MONDAY_NOON)
        session.commit()


@pytest.fixture
def setup(client, world, sign_in):
    """Say what trials of the seats begin with, as the catalogue's people do."""

    def saved(**data: str):
        sign_in(world.bss_user)
        return client.save(f"/bss/products/{world.seats.id}/trial", data=data)

    return saved


def product_of(session, world) -> Product:
    with scope(world.scope):
        return session.get_one(Product, (world.id, world.seats.id), populate_existing=True)


def the_trial(session, world) -> Trial:
    with scope(world.scope):
        return session.scalars(select(Trial).execution_options(populate_existing=True)).one()


def none_started(session, world) -> bool:
    with scope(world.scope):
        return session.scalars(select(Trial)).all() == []


def start(client, world, **answers: str):
    data = {"quantity": "2"} | {f"characteristic-{name}": value for name, value in answers.items()}
    return client.post(f"/billing/trials/new/{world.seats.slug}", data=data)


def test_initial_resources_are_set_up_on_a_page_of_the_product(client, session, world, setup):
    """CB-12: a configurable product gets the initial resource values, and whether the customer may alter them."""
    assert setup(**PRESET, trial_alters="y").status_code == HTTPStatus.SEE_OTHER

    product = product_of(session, world)
    assert (product.trial_resources, product.trial_alters) == (
        {"storage": "50", "region": "eu", "pool": "trials"}, True,
    )  # fmt: skip
    shown = client.get(f"/bss/products/{world.seats.id}/trial").text
    assert 'value="50"' in shown
    assert f"/bss/products/{world.seats.id}/trial" in client.get(f"/bss/products/{world.seats.id}").text
    assert f"/bss/products/{world.tool.id}/trial" not in client.get(f"/bss/products/{world.tool.id}").text


def test_a_wrong_initial_value_is_told_at_its_field_and_nothing_is_kept(session, world, setup):
    setup(**PRESET)

    refused = setup(**{**PRESET, "characteristic-storage": "much", "trial_alters": "y"})

    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Enter a number" in refused.text
    assert 'value="much"' in refused.text
    product = product_of(session, world)
    assert (product.trial_resources["storage"], product.trial_alters) == ("50", False)


def test_a_customer_cannot_alter_what_a_trial_begins_with(client, session, world, sign_in, setup):
    """CB-12: without the tick the initial values hold, whatever a browser sends; they can be read."""
    setup(**PRESET)
    sign_in(world.direct_buyer)

    page = client.get(f"/billing/trials/new/{world.seats.slug}").text
    answer = start(client, world, storage="9999", region="us", pool="theirs")

    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert "Europe" in page
    assert 'name="characteristic-' not in page
    assert "trials" not in page.partition("It begins with")[2].partition("</form>")[0].lower()
    assert the_trial(session, world).characteristics == {"storage": "50", "region": "eu", "pool": "trials"}


def test_a_customer_alters_what_it_may_and_never_what_storefronts_hide(client, session, world, sign_in, setup):
    """CB-12: with the tick the visible values are the customer's to choose."""
    setup(**PRESET, trial_alters="y")
    sign_in(world.direct_buyer)

    assert 'name="characteristic-storage"' in client.get(f"/billing/trials/new/{world.seats.slug}").text
    assert start(client, world, storage="70", region="us", pool="theirs").status_code == HTTPStatus.SEE_OTHER

    assert the_trial(session, world).characteristics == {"storage": "70", "region": "us", "pool": "trials"}


@pytest.mark.parametrize(
    ("answers", "words"),
    [({"storage": "much"}, "Enter a number"), ({"region": "mars"}, "Choose one of"), ({"region": ""}, "Region is needed")],
)  # fmt: skip
def test_a_wrong_answer_is_told_at_its_field_and_starts_nothing(client, session, world, sign_in, setup, answers, words):
    setup(**PRESET, trial_alters="y")
    sign_in(world.direct_buyer)

    refused = start(client, world, **answers)

    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in refused.text
    assert none_started(session, world)


def test_what_has_no_initial_value_is_asked_whoever_may_alter(client, session, world, sign_in, setup):
    """CB-12: a trial is not set up without what its vendor needs."""
    setup(**{"characteristic-storage": "50"})
    sign_in(world.direct_buyer)

    refused = start(client, world, storage="9999")

    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Region is needed" in refused.text
    assert none_started(session, world)
    assert start(client, world, storage="9999", region="us").status_code == HTTPStatus.SEE_OTHER
    assert the_trial(session, world).characteristics == {"storage": "50", "region": "us"}


def test_staff_sees_what_a_trial_begins_with_before_it_starts_one(client, session, world, setup):
    """CB-12: the back office may set everything, whatever customers may alter; bad input starts nothing."""
    setup(**PRESET)
    path = f"/bss/trials/new/{world.direct.id}"
    chosen = {"product": str(world.seats.id), "quantity": "2"}

    shown = client.post(path, data=chosen)
    assert (shown.status_code, none_started(session, world)) == (HTTPStatus.OK, True)
    assert 'value="trials"' in shown.text
    told = {**chosen, "settings_of": str(world.seats.id), **PRESET}
    refused = client.post(path, data={**told, "characteristic-storage": "much"})
    assert (refused.status_code, none_started(session, world)) == (HTTPStatus.UNPROCESSABLE_ENTITY, True)
    assert "Enter a number" in refused.text
    assert client.post(path, data={**told, "characteristic-pool": "staff"}).status_code == HTTPStatus.SEE_OTHER

    assert the_trial(session, world).characteristics == {"storage": "50", "region": "eu", "pool": "staff"}


RESOURCES = {"storage": "70", "region": "us", "pool": "trials"}


def test_a_trials_resources_reach_its_vendor(client, session, world, sign_in, setup, open_all):
    """CB-12: what is asked of the vendor holds them."""
    use_service_manager(session, world)
    setup(**PRESET, trial_alters="y")
    sign_in(world.direct_buyer)
    start(client, world, storage="70", region="us")
    open_all()

    with scope(world.scope):
        (task,) = session.scalars(select(ProvisioningTask)).all()
        asked = {each["id"]: each["code"] or each["value"] for each in task.request["characteristics"]}
        assert (task.kind, asked) == (TaskKind.CREATE, RESOURCES)


def test_a_trials_resources_stay_when_it_is_paid(client, session, world, sign_in, setup, open_all):
    """CB-12: the conversion goes on with what was set up, by way of basket and order."""
    setup(**PRESET, trial_alters="y")
    sign_in(world.direct_buyer)
    start(client, world, storage="70", region="us")
    (trial,) = open_all()
    assert trial.characteristics == RESOURCES

    data = {"offer": "P1M.monthly", "quantity": "4", "friendly_name": "Sales"}
    assert client.post(f"/billing/trials/{trial.code}/upgrade", data=data).location == "/basket"
    assert client.post("/checkout/details", data={}).status_code == HTTPStatus.SEE_OTHER
    submit(client)
    run_orders(world)

    with scope(world.scope):
        paid = session.scalars(select(Subscription).execution_options(populate_existing=True)).one()
        assert (paid.id, paid.trial_ends_on, paid.characteristics) == (trial.id, None, RESOURCES)
        (item,) = session.scalars(select(OrderItem)).all()
        assert item.characteristics == RESOURCES
