"""The owner of a storefront decides who gets an account (SF-05)."""

from __future__ import annotations

import re
from datetime import timedelta
from http import HTTPStatus
from uuid import UUID

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.accounts.registration.models import ApprovalReason
from app.audit.models import AuditEvent
from app.core.clock import utc_now
from app.core.db import session as db_session
from app.core.secrets import sign
from app.identity.models import UserKind, UserType
from tenants.context import scope
from tests.domain.identity.people import link_of, mailed
from tests.factories.world import World, make_user
from tests.web.identity.test_doors import enter, path_of
from tests.web.registration.conftest import (
    FORM,
    account_named,
    open_to_registrations,
    requests_of,
    user_with,
    waiting,
    work,
)

OK, FOUND, UNPROCESSABLE = HTTPStatus.OK, HTTPStatus.SEE_OTHER, HTTPStatus.UNPROCESSABLE_ENTITY
EMAIL = "ada@newcomer.example"
PATH = "/techsolutions/register"
DESK = "/techsolutions/manage/registrations"


@pytest.fixture
def asked(client, world) -> UUID:
    """A registration at Tech Solutions that waits."""
    open_to_registrations(world, approve_registrations=True)
    client.post(PATH, data=FORM)
    work(world)
    (found,) = waiting(world)
    return found.id


def audited(world: World, action: str) -> list[AuditEvent]:
    with scope(world.scope):
        return list(db_session.scalars(select(AuditEvent).where(AuditEvent.action == action)))


def test_request_is_received_and_the_owner_mailed(client, world) -> None:
    """SF-F11 (partly): With approval on, registration shows "request received", owner gets a mail."""
    open_to_registrations(world, approve_registrations=True)

    shown = client.post(PATH, data=FORM, follow_redirects=True)
    work(world)

    (mail,) = mailed(world, "registration_request")
    (found,) = waiting(world)
    assert "Request received" in shown.text
    assert (mail.to_email, mail.sender_reseller_id) == (world.tech.admin.email, None)
    assert mail.fields["registration_url"].endswith(f"{DESK}/{found.id}")
    assert (mail.fields["applicant_name"], mail.fields["company"]) == ("Ada Applicant", "Newcomer GmbH")
    assert account_named(world, "Newcomer GmbH") is None
    assert mailed(world, "user_activation") == []


def test_reject_asks_first_then_deletes_everything_and_mails(client, world, sign_in, asked) -> None:
    """SF-F11: Reject (after confirmation) deletes the data and mails the applicant."""
    sign_in(world.tech.admin)

    listed, detail = client.get(DESK).text, client.get(f"{DESK}/{asked}").text
    question = client.get(f"{DESK}/{asked}/reject").text
    unchanged = [each.status.value for each in waiting(world)]
    decided = client.post(f"{DESK}/{asked}/reject")
    work(world)

    assert "Newcomer GmbH" in listed
    assert "DE136695976" in detail
    assert "Reject registration" in question
    assert (unchanged, decided.status_code) == (["requested"], FOUND)
    assert (waiting(world), requests_of(world), user_with(world, EMAIL)) == ([], [], None)
    assert account_named(world, "Newcomer GmbH") is None
    (mail,) = mailed(world, "registration_rejected")
    assert (mail.to_email, mail.sender_reseller_id) == (EMAIL, world.tech.id)
    (event,) = audited(world, "registration.rejected")
    assert (event.actor_id, event.after) == (world.tech.admin.id, {"email_hash": sign("registration", EMAIL)})
    assert "Newcomer GmbH" not in client.get(DESK).text


def test_approve_asks_first_then_lets_the_applicant_in(client, world, sign_in, asked) -> None:
    """SF-F12: Approve (after confirmation) lets the applicant activate and sign in."""
    too_early = enter(client, "/techsolutions/login", EMAIL)
    sign_in(world.tech.admin)
    question = client.get(f"{DESK}/{asked}/approve").text
    before = account_named(world, "Newcomer GmbH")
    client.post(f"{DESK}/{asked}/approve")
    work(world)
    client.post("/techsolutions/logout")
    activated = client.post(path_of(link_of(mailed(world, "user_activation")[0])), data={"password": FORM["password"]})

    account = account_named(world, "Newcomer GmbH")
    assert "Approve registration" in question
    assert (too_early.status_code, before, activated.status_code) == (UNPROCESSABLE, None, FOUND)
    assert account is not None
    assert (account.reseller_id, account.approval_required) == (world.tech.id, True)
    assert enter(client, "/techsolutions/login", EMAIL).status_code == FOUND
    assert (waiting(world), requests_of(world)) == ([], [])


def without_token(answer: TestResponse, email: str) -> str:
    """Return the page without what differs anyway: the address that was typed, and the form's token of that second."""
    return re.sub(r'name="csrf_token" value="[^"]+"', "", answer.text.replace(email, ""))


def test_signing_in_while_waiting_reads_like_any_wrong_password(client, world, asked) -> None:
    while_waiting = enter(client, "/techsolutions/login", EMAIL)
    unknown = enter(client, "/techsolutions/login", "nob@newcomer.example")

    assert while_waiting.status_code == unknown.status_code == UNPROCESSABLE
    assert without_token(while_waiting, EMAIL) == without_token(unknown, "nob@newcomer.example")


def test_owner_is_reminded_once_after_three_days(client, world, asked) -> None:
    """SF-05: a reminder to the owner after 3 days; nothing is rejected by itself."""
    early = work(world, utc_now() + timedelta(days=2, hours=23))
    late = work(world, utc_now() + timedelta(days=3, minutes=1))
    later = work(world, utc_now() + timedelta(days=60))

    assert (early, late, later) == (0, 1, 0)
    assert len(mailed(world, "registration_request")) == 2
    assert [each.status.value for each in waiting(world)] == ["requested"]


def test_company_with_a_known_vat_number_waits_even_where_approval_is_off(client, world) -> None:
    """SF-04: a company with the same VAT number exists, so somebody looks; however the number is written."""
    open_to_registrations(world)
    with scope(world.scope):
        known = world.tech.customers[0]
        db_session.merge(known)
        found = db_session.get(type(known), (known.distributor_id, known.id))
        assert found is not None
        found.country, found.tax_id = "DE", "136 695 976"
        db_session.commit()

    client.post(PATH, data=FORM)
    work(world)

    (waits,) = waiting(world)
    assert waits.reason is ApprovalReason.SAME_TAX_ID
    assert account_named(world, "Newcomer GmbH") is None
    assert len(mailed(world, "registration_request")) == 1


def test_vat_number_of_another_resellers_customer_tells_nothing(client, world) -> None:
    open_to_registrations(world)
    with scope(world.scope):
        other = world.cloudia.customers[0] if world.cloudia.customers else world.cloudia.account
        found = db_session.get(type(other), (other.distributor_id, other.id))
        assert found is not None
        found.country, found.tax_id = "DE", "DE136695976"
        db_session.commit()

    client.post(PATH, data=FORM)
    work(world)

    assert waiting(world) == []
    assert account_named(world, "Newcomer GmbH") is not None


def test_second_request_with_the_same_address_changes_nothing(client, world, asked) -> None:
    client.post(PATH, data={**FORM, "company": "Somebody Else Ltd"})
    work(world)

    assert [each.company for each in waiting(world)] == ["Newcomer GmbH"]
    assert len(requests_of(world)) == 1
    assert len(mailed(world, "registration_request")) == 1


def test_decision_that_somebody_made_before_is_not_made_again(client, world, sign_in, asked) -> None:
    sign_in(world.tech.admin)
    client.post(f"{DESK}/{asked}/approve")

    late = client.post(f"{DESK}/{asked}/reject")

    assert late.status_code in (FOUND, HTTPStatus.CONFLICT)
    assert [each.status.value for each in waiting(world)] == ["approved"]
    work(world)
    assert client.post(f"{DESK}/{asked}/reject").status_code == HTTPStatus.NOT_FOUND
    assert account_named(world, "Newcomer GmbH") is not None


def test_another_owner_neither_sees_nor_decides(client, world, sign_in, asked) -> None:
    sign_in(world.cloudia.admin)
    theirs = [client.get("/cloudia/manage/registrations").text]
    refused = [client.get(f"/cloudia/manage/registrations/{asked}").status_code]
    refused += [client.post(f"/cloudia/manage/registrations/{asked}/approve").status_code]
    sign_in(world.bss_user)
    theirs += [client.get("/bss/registrations").text]
    refused += [client.get(f"/bss/registrations/{asked}").status_code]
    refused += [client.post(f"/bss/registrations/{asked}/reject").status_code]

    assert set(refused) == {HTTPStatus.NOT_FOUND}
    assert not any("Newcomer GmbH" in text for text in theirs)
    assert [each.status.value for each in waiting(world)] == ["requested"]


def test_reseller_staff_without_the_right_do_not_decide(client, world, sign_in, asked) -> None:
    with scope(world.scope):
        agent = make_user(
            db_session(), world.tech.account, kind=UserKind.RESELLER, type=UserType.USER, roles=("billing_agent",),
            realms=(world.root.id, world.tech.storefront.id), first_name="Bill",
        )  # fmt: skip
        manager = make_user(
            db_session(), world.tech.account, kind=UserKind.RESELLER, type=UserType.USER,
            roles=("storefront_manager",), realms=(world.root.id, world.tech.storefront.id), first_name="Mara",
        )  # fmt: skip
    sign_in(agent)
    refused = [client.get(DESK).status_code, client.post(f"{DESK}/{asked}/approve").status_code]
    kept = [each.status.value for each in waiting(world)]
    sign_in(manager)
    decided = client.post(f"{DESK}/{asked}/approve")

    assert refused == [HTTPStatus.FORBIDDEN] * 2
    assert (kept, decided.status_code) == (["requested"], FOUND)


def test_distributor_decides_on_its_own_storefronts_registrations(client, world, sign_in) -> None:
    """SF-05: approver at the root is a back-office user."""
    open_to_registrations(world, at_root=True, approve_registrations=True)
    client.post("/register", data={**FORM, "tax_id": ""})
    work(world)
    (found,) = waiting(world)
    (mail,) = mailed(world, "registration_request")
    sign_in(world.bss_user)

    listed = client.get("/bss/registrations").text
    asked = client.get(path_of(mail.fields["registration_url"])).text
    client.post(f"/bss/registrations/{found.id}/approve")
    work(world)

    account = account_named(world, "Newcomer GmbH")
    assert "Newcomer GmbH" in listed
    assert "Ada Applicant" in asked
    assert account is not None
    assert (account.reseller_id, account.is_reseller) == (None, False)
    assert mailed(world, "user_activation")[0].sender_reseller_id is None
