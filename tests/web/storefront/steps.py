"""What a buyer does in a storefront, request by request."""

from __future__ import annotations

import re
from http import HTTPStatus

from flask.testing import FlaskClient
from sqlalchemy import select

from app.catalogue.models import Product
from app.core import db
from app.orders.models import OrderWork, WorkState
from app.provisioning.models import ProvisioningTask, TaskStatus
from tenants.context import scope
from tests.factories.world import World
from workers.jobs.orders import process_order_work
from workers.jobs.provisioning import provision_order_item

ALIAS = "/techsolutions"


def put(
    client: FlaskClient, product: Product, *, path: str = "", price: str = "P1M.monthly", quantity: str = "5"
) -> None:
    """Put a product into the basket."""
    added = client.post(
        f"{path}/basket/items", data={"product_id": str(product.id), "price": price, "quantity": quantity}
    )
    assert added.status_code == HTTPStatus.SEE_OTHER, added.text


def key_of(page: str) -> str:
    """Return the checkout key a review page carries."""
    found = re.search(r'name="checkout_key" value="([^"]+)"', page)
    assert found, page
    return found.group(1)


def submit(client: FlaskClient, *, path: str = "", **data: str) -> str:
    """Place the order from the review page; returns its number."""
    key = key_of(client.get(f"{path}/checkout/review").text)
    done = client.post(f"{path}/checkout/review", data={"checkout_key": key, **data})
    assert done.status_code == HTTPStatus.SEE_OTHER, done.text
    return str(done.headers["Location"]).rsplit("/", 1)[1]


def buy(
    client: FlaskClient,
    product: Product,
    *,
    path: str = "",
    price: str = "P1M.monthly",
    recipient: dict[str, str] | None = None,
) -> str:
    """Walk from the product to a placed order of five; returns its number."""
    put(client, product, path=path, price=price)
    if recipient is not None:
        chosen = client.post(f"{path}/checkout/recipient", data=recipient)
        assert chosen.status_code == HTTPStatus.SEE_OTHER, chosen.text
    assert client.post(f"{path}/checkout/details", data={}).status_code == HTTPStatus.SEE_OTHER
    return submit(client, path=path)


def run_orders(world: World) -> None:
    """Do what the queue of orders holds."""
    db.session.commit()
    with scope(world.scope):
        works = db.session.scalars(select(OrderWork.id).where(OrderWork.state == WorkState.PENDING)).all()
    for work_id in works:
        process_order_work(str(work_id), distributor_id=str(world.id))


def run_provisioning(world: World) -> None:
    """Do what the queue of tasks holds."""
    db.session.commit()
    with scope(world.scope):
        tasks = db.session.scalars(
            select(ProvisioningTask.id).where(ProvisioningTask.status == TaskStatus.PENDING)
        ).all()
    for task_id in tasks:
        provision_order_item(str(task_id), distributor_id=str(world.id))
