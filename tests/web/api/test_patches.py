"""PATCH takes a JSON Merge Patch (RFC 7396): what is not sent stays, null takes a value away, nothing else is read."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.accounts.models import Account
from app.api.accounts.changing import change_account
from app.api.accounts.schemas import AccountPatch
from app.audit.services import SYSTEM
from app.core.clock import utc_now
from tenants.context import scope
from tests.web.api.conftest import refused


@pytest.fixture
def places(world, shop, office):
    """Accounts as each API patches them: the caller, the address, and the account."""
    customer = world.tech.customers[0]
    return [
        (office, f"/accounts/{world.direct.id}", world.direct.id),
        (office, f"/accounts/{customer.id}", customer.id),
        (shop, f"/customers/{customer.id}", customer.id),
    ]


def stored(session, world, account_id) -> dict[str, object]:
    with scope(world.scope):
        return dict(session.execute(select(Account.__table__).where(Account.id == account_id)).mappings().one())


def test_only_what_is_sent_changes(session, world, places):
    for caller, path, account in places:
        before = stored(session, world, account)
        answer = caller.patch(path, {"phone": "+30 210 1234567", "city": "Athens"})
        assert (answer.status_code, answer.json["phone"], answer.json["city"]) == (200, "+30 210 1234567", "Athens")
        after = stored(session, world, account)
        assert {name for name in after if after[name] != before[name]} <= {"phone", "city", "updated_at"}
        gone = caller.patch(path, {"phone": None})
        assert (gone.json["phone"], gone.json["city"]) == (None, "Athens")
        assert caller.patch(path, {}).json == gone.json


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ({"name": None}, "name"), ({"name": ""}, "name"), ({"email": "nobody"}, "email"), ({"country": "XX"}, "country"),
        ({"credit_limit": "9999"}, "credit_limit"), ({"code": "AC-1"}, "code"), ({"phone": 7}, "phone"), ([], ""),
        ([{"op": "replace", "path": "/name", "value": "x"}], ""),
    ],
)  # fmt: skip
def test_a_bad_patch_is_422_at_its_field_and_changes_nothing(session, world, places, patch, field):
    for caller, path, account in places:
        before = stored(session, world, account)
        refused(caller.patch(path, patch), 422, field)
        assert stored(session, world, account) == before


@pytest.mark.parametrize("kind", ["application/json-patch+json", "text/plain", "application/x-www-form-urlencoded"])
def test_another_type_of_patch_is_415(session, world, places, kind):
    for caller, path, account in places:
        before = stored(session, world, account)
        refused(caller.patch(path, {"name": "Other"}, kind=kind), 415)
        assert stored(session, world, account) == before


def test_plain_json_is_read_as_a_merge_patch(world, places):
    for caller, path, _ in places:
        assert caller.patch(path, {"city": "Patras"}, kind="application/json").json["city"] == "Patras"


def test_what_an_account_does_not_have_is_read_only(session, world, shop, office):
    """A reseller's customer has no ordering switch of the distributor's, a direct one no approval."""
    customer = world.tech.customers[0]
    refused(office.patch(f"/accounts/{customer.id}", {"ordering_enabled": False}), 422, "ordering_enabled", "read_only")
    off = office.patch(f"/accounts/{world.direct.id}", {"ordering_enabled": False})
    assert (off.status_code, off.json["ordering_enabled"]) == (200, False)
    waits = shop.patch(f"/customers/{customer.id}", {"approval_required": False})
    assert (waits.status_code, waits.json["approval_required"]) == (200, False)


def test_null_and_nothing_are_two_patches_under_one_key(office, world):
    """GO-02: the same key with another patch is refused."""
    path = f"/accounts/{world.direct.id}"
    assert office.patch(path, {"phone": "+30 210 1234567"}, key="p1").status_code == 200
    refused(office.patch(path, {"phone": None}, key="p1"), 422, code="key_reused")
    assert office.patch(path, {}, key="p2").status_code == 200
    refused(office.patch(path, {"phone": None}, key="p2"), 422, code="key_reused")
    assert office.get(path).json["phone"] == "+30 210 1234567"


@pytest.mark.parametrize("whose", ["direct", "customer"])
def test_what_somebody_else_has_changed_meanwhile_stays(session, world, whose):
    """What is not sent stays as it stands when the row is locked, not as it was when the call came in: credit, too."""
    account_id = world.direct.id if whose == "direct" else world.tech.customers[0].id
    table = Account.__table__
    with scope(world.scope):
        seen = session.get_one(Account, (world.id, account_id))
        session.execute(table.update().where(table.c.id == account_id).values(credit_limit=7, city="Volos"))
        change_account(seen, AccountPatch(phone="+30 210 1234567"), actor=SYSTEM, at=utc_now())
        session.commit()
    after = stored(session, world, account_id)
    assert (after["phone"], after["credit_limit"], after["city"]) == ("+30 210 1234567", 7, "Volos")
