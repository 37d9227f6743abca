"""My profile: people's own names, and their company's details for its Admins and billing agents (SF-10, SF-17)."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from sqlalchemy import select

from app.accounts.models import Account
from app.audit.models import AuditEvent
from app.core.db import session as db_session
from app.identity.models import SignInName, User, UserKind, UserType
from app.identity.realms import open_realm
from tenants.context import scope
from tests.factories.world import make_user
from tests.web.conftest import signed_in_browser

OK, FOUND, FORBIDDEN, UNPROCESSABLE = (
    HTTPStatus.OK,
    HTTPStatus.SEE_OTHER,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
COMPANY = {
    "name": "Papadopoulos & Söhne", "tax_id": "EL123456783", "email": "Billing@Papas.example", "phone": "+30 1",
    "street": "Odos 1", "postcode": "10431", "city": "Athens", "region": "", "country": "GR",
}  # fmt: skip
ADMIN = (UserType.ADMIN, ())


@pytest.fixture
def account(world):
    return world.tech.customers[0]


def colleague(world, account, type_, roles):
    with scope(world.scope):
        made = make_user(
            db_session(), account, kind=UserKind.END_CUSTOMER, realms=(world.tech.storefront.id,), type=type_,
            roles=roles,
        )  # fmt: skip
        db_session.commit()
    return made


def fresh(world, model, row_id):
    with scope(world.scope):
        return db_session.scalars(
            select(model).where(model.id == row_id).execution_options(populate_existing=True)
        ).one()


def facts_of(world, account):
    found = fresh(world, Account, account.id)
    return {name: getattr(found, name) or "" for name in COMPANY}


@pytest.mark.parametrize("roles", [(), ("buyer",), ("cloud_administrator",)])
def test_everybody_changes_their_own_name_and_telephone(client, world, account, roles):
    """SF-10: own details: every role; the address has steps of its own (SF-16)."""
    user = colleague(world, account, UserType.USER, roles)
    signed_in_browser(client, world, user)
    typed = {"first_name": " Elena ", "last_name": "Vlachou", "phone": "+30 210", "email": "eve@evil.example"}
    assert client.post("/techsolutions/account", data=typed).status_code == FOUND
    found = fresh(world, User, user.id)
    assert (found.full_name, found.phone, found.email) == ("Elena Vlachou", "+30 210", user.email)
    with scope(world.scope), open_realm(world.tech.storefront.id):
        name = db_session.scalars(select(SignInName).where(SignInName.user_id == user.id)).one()
        db_session.refresh(name)
        assert name.full_name == "Elena Vlachou"
    shown = client.get("/techsolutions/account").text
    assert ("Elena" in shown, "Your details are saved" in shown) == (True, True)


@pytest.mark.parametrize(
    ("field", "typed"), [("first_name", ""), ("last_name", " "), ("first_name", "x" * 101), ("phone", "1" * 31)]
)
def test_a_wrong_name_comes_back_at_its_field_and_changes_nothing(client, world, account, field, typed):
    user = world.tech.buyers[0]
    before = user.full_name
    signed_in_browser(client, world, user)
    good = {"first_name": "Elena", "last_name": "Vlachou", "phone": ""}
    answer = client.post("/techsolutions/account", data={**good, field: typed})
    assert (answer.status_code, f'id="{field}-error"' in answer.text) == (UNPROCESSABLE, True)
    assert fresh(world, User, user.id).full_name == before


@pytest.mark.parametrize(
    ("type_", "roles", "may"),
    [(*ADMIN, True), (UserType.USER, ("billing_agent",), True), (UserType.USER, ("buyer",), False),
     (UserType.USER, ("subscriptions_manager", "cloud_administrator"), False), (UserType.USER, (), False)],
)  # fmt: skip
def test_admins_and_billing_agents_change_the_company_and_others_read_it(client, world, account, type_, roles, may):
    """SF-10, SF-17: company data is editable by Admin and Billing Agent, read-only for others."""
    before = facts_of(world, account)
    signed_in_browser(client, world, colleague(world, account, type_, roles))
    shown = client.get("/techsolutions/account").text
    assert (account.name in shown, "Save company" in shown) == (True, may)
    answer = client.post("/techsolutions/account/company", data=COMPANY)
    assert answer.status_code == (FOUND if may else FORBIDDEN)
    wanted = {**COMPANY, "email": "billing@papas.example"}
    assert facts_of(world, account) == (wanted if may else before)
    with scope(world.scope):
        found = db_session.scalars(select(AuditEvent).where(AuditEvent.action == "account.changed_by_company")).all()
    assert [each.target_id for each in found] == ([account.id] if may else [])


@pytest.mark.parametrize(
    ("field", "typed"),
    [("name", ""), ("name", "x"), ("email", "nobody"), ("country", "XX"), ("phone", "1" * 31), ("postcode", "1" * 13),
     ("street", ""), ("street", "  ")],
)  # fmt: skip
def test_a_wrong_detail_of_the_company_changes_nothing(client, world, account, field, typed):
    """And a billing address that is complete stays so: a buyer could not order otherwise."""
    signed_in_browser(client, world, world.tech.buyers[0])
    assert client.post("/techsolutions/account/company", data=COMPANY).status_code == FOUND
    before = facts_of(world, account)
    answer = client.post("/techsolutions/account/company", data={**COMPANY, "city": "Patras", field: typed})
    assert (answer.status_code, f'id="{field}-error"' in answer.text) == (UNPROCESSABLE, True)
    assert facts_of(world, account) == before


def test_nothing_else_of_the_account_can_be_posted(client, world, account):
    """Nor can another company's: there is no id to give."""
    signed_in_browser(client, world, world.tech.buyers[0])
    other = facts_of(world, world.tech.customers[1])
    more = {"credit_limit": "999999", "approval_required": "", "currency": "USD", "customer_code": "mine",
            "account_id": str(world.tech.customers[1].id), "id": str(world.tech.customers[1].id)}  # fmt: skip
    with scope(world.scope):
        kept = {
            name: getattr(account, name) for name in ("credit_limit", "approval_required", "currency", "customer_code")
        }
    client.post("/techsolutions/account/company", data={**COMPANY, **more})
    found = fresh(world, Account, account.id)
    assert {name: getattr(found, name) for name in kept} == kept
    assert facts_of(world, world.tech.customers[1]) == other


def test_a_direct_customer_has_its_profile_at_the_root(client, world):
    signed_in_browser(client, world, world.direct_buyer)
    assert client.get("/account").status_code == OK
    assert client.post("/account/company", data=COMPANY).status_code == FOUND
    assert facts_of(world, world.direct)["city"] == "Athens"
