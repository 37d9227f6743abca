"""What programs of the back office do with subscriptions: all that people do on their pages (BC-32, GO-18)."""

from __future__ import annotations

import pytest

from app.audit.services import Actor
from app.changes.effects import NewChange
from app.changes.requests import submit_change
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.ids import new_id
from app.subscriptions.models import ChangeKind, ChangeStatus, SubscriptionStatus
from tenants.context import scope
from tenants.settings import CANCELLATION_REASONS
from tests.web.api.conftest import refused
from tests.web.changes.conftest import changes, look, reread, running

__all__ = ["look", "running"]


@pytest.fixture
def own(session, world, running):
    """Five seats of a direct customer."""
    with scope(world.scope):
        kind = session.get_one(type(world.product_type), (world.id, world.product_type.id))
        kind.allows_suspension = True
        session.commit()
    return running(account=world.direct, quantity=5, unit_cost="10.00")


@pytest.fixture
def asked(session, world, own):
    """The customer has asked for fewer; it waits for somebody."""
    with scope(world.scope), unit_of_work():
        wanted = NewChange(
            subscription_id=own.id, kind=ChangeKind.CANCELLATION, request_key=new_id(), is_from_storefront=True
        )
        made = submit_change(wanted, actor=Actor(world.direct_buyer.id, "Ada"), at=utc_now())
        made.examined_at = utc_now()
        return made.id


def test_a_quantity_is_changed_at_once_and_once_per_key(world, office, own):
    first = office.post(f"/subscriptions/{own.code}/quantity", {"quantity": 3}, key="fewer")
    again = office.post(f"/subscriptions/{own.code}/quantity", {"quantity": 3}, key="fewer")

    assert (first.status_code, first.json["status"]) == (202, "completed"), first.text
    assert (again.json, again.headers["Idempotent-Replayed"]) == (first.json, "true")
    assert reread(world, own).quantity == 3
    assert len(changes(world)) == 1
    refused(office.post(f"/subscriptions/{own.code}/quantity", {"quantity": 2}, key="fewer"), 422, code="key_reused")


def test_a_subscription_is_switched_off_and_on_again_and_ended(world, office, own):
    assert office.post(f"/subscriptions/{own.code}/suspend").status_code == 202
    assert reread(world, own).status is SubscriptionStatus.SUSPENDED
    refused(office.post(f"/subscriptions/{own.code}/suspend"), 409)
    assert office.post(f"/subscriptions/{own.code}/activate").status_code == 202
    assert reread(world, own).status is SubscriptionStatus.ACTIVE
    ended = office.post(
        f"/subscriptions/{own.code}/cancel", {"reason": CANCELLATION_REASONS[0], "comment": "Moved away"}
    )
    assert ended.status_code == 202, ended.text
    assert reread(world, own).status is SubscriptionStatus.CANCELED
    listed = office.get(f"/subscriptions/{own.code}/requests").json
    assert [each["kind"] for each in listed["items"]] == ["cancellation", "activation", "suspension"]
    assert office.get(f"/subscriptions/{own.code}/requests/{ended.json['id']}").json == ended.json


def test_what_is_wanted_for_the_end_of_the_period_is_withdrawn(world, office, own):
    waiting = office.post(f"/subscriptions/{own.code}/quantity", {"quantity": 7, "timing": "period_end"})
    assert waiting.json["status"] == "scheduled", waiting.text
    gone = office.delete(f"/subscriptions/{own.code}/requests/{waiting.json['id']}")
    assert (gone.status_code, gone.json["status"]) == (200, "withdrawn")
    refused(office.delete(f"/subscriptions/{own.code}/requests/{waiting.json['id']}"), 409)
    assert reread(world, own).quantity == 5


def test_a_customers_request_is_accepted(world, office, own, asked):
    (waiting,) = office.get("/requests", status="submitted").json["items"]
    assert (waiting["id"], waiting["subscription_code"], waiting["account_name"]) == (
        str(asked), own.code, world.direct.name,
    )  # fmt: skip
    done = office.post(f"/subscriptions/{own.code}/requests/{asked}/accept", {})
    assert (done.status_code, done.json["status"]) == (200, "completed"), done.text
    assert reread(world, own).status is SubscriptionStatus.CANCELED


def test_a_customers_request_is_declined_with_a_reason(world, office, own, asked):
    refused(office.post(f"/subscriptions/{own.code}/requests/{asked}/reject", {"reason": ""}), 422, "reason")
    refused(office.post(f"/subscriptions/{own.code}/requests/{new_id()}/reject", {"reason": "No"}), 404)
    done = office.post(f"/subscriptions/{own.code}/requests/{asked}/reject", {"reason": "Not before June"})
    assert (done.json["status"], done.json["decision_reason"]) == ("rejected", "Not before June")
    assert [each.status for each in changes(world)] == [ChangeStatus.REJECTED]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("quantity", {"quantity": 0}, "quantity"),
        ("quantity", {"quantity": "3"}, "quantity"),
        ("cancel", {"timing": "on_date"}, "effective_on"),
        ("cancel", {"timing": "on_date", "effective_on": "soon"}, "effective_on"),
        ("cancel", {"timing": "on_date", "effective_on": "1999-01-01"}, None),
        ("cancel", {"reason": "no-such-reason"}, "reason"),
        ("cancel", {}, "reason"),
        ("suspend", {"why": "x"}, None),
        ("renew", None, None),
    ],
)
def test_a_bad_change_is_refused_and_nothing_is_asked(world, office, own, path, body, field):
    answer = office.post(f"/subscriptions/{own.code}/{path}", body)
    assert answer.status_code in (409, 422), answer.text
    if field is not None:
        refused(answer, 422, field)
    assert changes(world) == []


def test_an_unknown_status_of_requests_is_422(office):
    refused(office.get("/requests", status="lost"), 422, "status", "choice")


def test_renewal_and_name_are_patched(world, office, shop, own, running):
    """RFC 7396: what is not sent stays."""
    theirs = running(account=world.tech.customers[0], payer=world.tech.account, unit_cost="10.00", unit_price="13.00")
    for caller, code in ((office, own.code), (shop, theirs.code)):
        named = caller.patch(f"/subscriptions/{code}", {"name": "Front desk"})
        assert (named.status_code, named.json["name"], named.json["auto_renew"]) == (200, "Front desk", True), (
            named.text
        )
        off = caller.patch(f"/subscriptions/{code}", {"auto_renew": False}, key=f"off-{code}")
        assert (off.json["name"], off.json["auto_renew"]) == ("Front desk", False)
        assert caller.patch(f"/subscriptions/{code}", {"auto_renew": False}, key=f"off-{code}").json == off.json
        assert caller.patch(f"/subscriptions/{code}", {}).json == off.json
        for wrong, field in (
            ({"name": ""}, "name"), ({"name": None}, "name"), ({"auto_renew": "no"}, "auto_renew"), ({"quantity": 3}, "quantity"),
        ):  # fmt: skip
            refused(caller.patch(f"/subscriptions/{code}", wrong), 422, field)
        assert caller.get(f"/subscriptions/{code}").json == off.json


def test_a_storefronts_program_switches_off_what_its_type_lets_customers(session, world, shop, running, look, own):
    theirs = running(account=world.tech.customers[0], payer=world.tech.account, unit_cost="10.00", unit_price="13.00")
    waiting = shop.post(f"/subscriptions/{theirs.code}/suspend")
    assert (waiting.status_code, waiting.json["status"]) == (202, "submitted"), waiting.text
    look()
    assert reread(world, theirs).status is SubscriptionStatus.SUSPENDED
    refused(shop.post(f"/subscriptions/{own.code}/suspend"), 404)  # a direct customer's
