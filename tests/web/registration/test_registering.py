"""Visitors register; jobs make accounts of it."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

import pytest
from sqlalchemy import event

from app.accounts.models import Account
from app.core import db
from app.core.clock import utc_now
from app.identity import passwords
from app.identity.models import UserStatus, UserType
from tenants.context import scope
from tenants.models import Storefront, StorefrontState
from tests.domain.identity.people import PASSWORD, link_of, mailed
from tests.factories.world import World
from tests.web.identity.test_doors import enter, path_of, sessions_in
from tests.web.registration.conftest import (
    FORM,
    account_named,
    open_to_registrations,
    requests_of,
    user_with,
    waiting,
    work,
)
from workers.jobs.registration import settle_registration

OK, FOUND, UNPROCESSABLE = HTTPStatus.OK, HTTPStatus.SEE_OTHER, HTTPStatus.UNPROCESSABLE_ENTITY
EMAIL = "ada@newcomer.example"
PATH = "/techsolutions/register"


def test_registering_leads_to_an_activation_that_works_once(client, world, shop) -> None:
    """SF-F9: Registering sends an activation mail; before activation login fails; the link works once."""
    sent = client.post(PATH, data=FORM, follow_redirects=True)
    before_work = user_with(world, EMAIL)
    work(world)
    too_early = enter(client, "/techsolutions/login", EMAIL)
    (mail,) = mailed(world, "user_activation")
    link = path_of(link_of(mail))
    opened = client.get(link)
    still_pending = enter(client, "/techsolutions/login", EMAIL)
    known = {"password": FORM["password"]}
    first, second = client.post(link, data=known), client.post(link, data=known)

    assert (sent.status_code, "Look into your mailbox" in sent.text, before_work) == (OK, True, None)
    assert (mail.to_email, mail.sender_reseller_id, mail.storefront_id) == (EMAIL, world.tech.id, shop)
    assert (opened.status_code, "Activate account" in opened.text) == (OK, True)
    assert (too_early.status_code, still_pending.status_code) == (UNPROCESSABLE, UNPROCESSABLE)
    assert (first.status_code, first.location) == (FOUND, "/techsolutions/login")
    assert (second.status_code, client.get(link).status_code) == (HTTPStatus.GONE, HTTPStatus.GONE)
    assert enter(client, "/techsolutions/login", EMAIL).status_code == FOUND


def test_registrant_is_an_admin_of_the_storefront_owners_customer(client, world, shop) -> None:
    """SF-F10: A self-registered user is of type Admin."""
    client.post(PATH, data=FORM)
    work(world)

    account, user = account_named(world, "Newcomer GmbH"), user_with(world, EMAIL)

    assert isinstance(account, Account)
    assert (account.reseller_id, account.is_reseller, account.approval_required) == (world.tech.id, False, True)
    assert (account.tax_id, account.city, account.currency) == ("DE136695976", "Berlin", "EUR")
    assert user is not None
    assert (user.account_id, user.type, user.roles, user.status) == (account.id, UserType.ADMIN, [], UserStatus.PENDING)
    assert user.is_primary_contact
    assert (requests_of(world), waiting(world)) == ([], [])


def test_registrants_password_is_never_stored_in_clear(client, world, shop) -> None:
    client.post(PATH, data=FORM)

    (request,) = requests_of(world)

    assert request.password_hash.startswith("$argon2id$")
    assert PASSWORD not in str({column.key: getattr(request, column.key) for column in request.__table__.columns})


def _cost(world: World, client, monkeypatch: pytest.MonkeyPatch, data: dict[str, str]) -> tuple[list[str], int, object]:
    """What one registration asks of the database and of the hasher, and what it answers."""
    statements: list[str] = []
    hashes: list[str] = []
    real = passwords.HASHER.hash

    class Counting:
        def hash(self, password: str) -> str:
            hashes.append("once")
            return real(password)

    def note(_connection, _cursor, statement, _values, _context, _many) -> None:
        if not statement.startswith(("BEGIN", "SET LOCAL", "SAVEPOINT", "RELEASE", "ROLLBACK")):
            statements.append(statement)

    monkeypatch.setattr(passwords, "HASHER", Counting())
    engine = db.session().get_bind()
    event.listen(engine, "before_cursor_execute", note)
    try:
        response = client.post(PATH, data=data)
    finally:
        event.remove(engine, "before_cursor_execute", note)
        monkeypatch.undo()
    return statements, len(hashes), (response.status_code, response.location, response.data)


def test_known_address_answers_and_costs_the_same(client, world, shop, monkeypatch) -> None:
    """SF-04: an address that is known here is told nobody but its holder, neither by the answer nor by its cost."""
    buyer = world.tech.buyers[0]
    client.post(PATH, data={**FORM, "email": "warm@up.example", "tax_id": ""})  # settings are kept from here on

    unknown = _cost(world, client, monkeypatch, FORM)
    known = _cost(world, client, monkeypatch, {**FORM, "email": buyer.email})
    staff = _cost(world, client, monkeypatch, {**FORM, "email": world.tech.admin.email})

    assert unknown[1] == 1
    assert unknown[0]
    assert known == unknown
    assert staff == unknown
    accounts = [account_named(world, "Newcomer GmbH")]
    work(world)
    assert [mail.to_email for mail in mailed(world, "account_exists")] == [buyer.email, world.tech.admin.email]
    assert accounts == [None]
    assert requests_of(world) == []


def test_known_address_gets_no_second_account_and_keeps_its_password(client, world, shop) -> None:
    buyer = world.tech.buyers[0]

    client.post(PATH, data={**FORM, "email": buyer.email})
    work(world)

    assert account_named(world, "Newcomer GmbH") is None
    assert enter(client, "/techsolutions/login", buyer.email).status_code == UNPROCESSABLE
    assert sessions_in(world, shop) == []
    (mail,) = mailed(world, "account_exists")
    assert "Ada" not in str(mail.fields)


def test_registering_again_before_activation_sends_a_new_link_five_times_a_day(client, world, shop) -> None:
    for _ in range(7):
        client.post(PATH, data=FORM)
        work(world)

    links = mailed(world, "user_activation")

    assert len(links) == 5
    assert client.post(path_of(link_of(links[0])), data={"password": FORM["password"]}).status_code == HTTPStatus.GONE
    assert client.post(path_of(link_of(links[-1])), data={"password": FORM["password"]}).status_code == FOUND


def test_every_error_is_shown_at_once(client, world, shop) -> None:
    wrong = {"email": "no", "password": "short", "repeat": "other", "country": "XX", "tax_id": "1"}

    response = client.post(PATH, data=wrong)

    assert response.status_code == UNPROCESSABLE
    for words in (
        "Enter a name",
        "Enter an e-mail address",
        "Enter the company",
        "Choose a country",
        "Enter an address",
        "Enter a city",
        "Enter a post code",
        "Use at least 10 characters",
        "The passwords differ",
        "Accept the terms",
    ):
        assert words in response.text, words
    assert "short" not in response.text
    assert requests_of(world) == []


@pytest.mark.parametrize(("country", "number"), [("DE", "DE136695977"), ("GR", "EL094014202"), ("FR", "12")])
def test_vat_number_without_its_countrys_form_is_refused(client, world, shop, country, number) -> None:
    response = client.post(PATH, data={**FORM, "country": country, "tax_id": number})

    assert (response.status_code, "Check the VAT number" in response.text) == (UNPROCESSABLE, True)
    assert requests_of(world) == []


def test_what_fills_in_the_hidden_field_is_thanked_and_forgotten(client, world, shop) -> None:
    response = client.post(PATH, data={**FORM, "homepage": "https://spam.example"})

    assert (response.status_code, response.location) == (FOUND, "/techsolutions/register/received")
    assert requests_of(world) == []


def test_eleventh_registration_from_one_place_within_an_hour_is_refused(client, world, shop) -> None:
    answers = [client.post(PATH, data={**FORM, "email": f"a{number}@many.example"}) for number in range(11)]

    assert [answer.status_code for answer in answers] == [FOUND] * 10 + [HTTPStatus.TOO_MANY_REQUESTS]
    assert len(requests_of(world)) == 10


def test_nobody_registers_where_the_owner_has_not_asked_for_it(client, world) -> None:
    open_to_registrations(world, at_root=True)

    assert client.get(PATH).status_code == HTTPStatus.NOT_FOUND
    assert client.post(PATH, data=FORM).status_code == HTTPStatus.NOT_FOUND
    assert "Register" not in client.get("/techsolutions/login").text
    assert "/register" in client.get("/login").text
    assert requests_of(world) == []


def test_reseller_registers_at_the_root_where_the_distributor_allows_it(client, world) -> None:
    """SF-04: "register as reseller" only if allowed; the new reseller trades in the distributor's currency."""
    open_to_registrations(world, at_root=True, reseller_registration=True)

    shown = client.get("/register").text
    client.post("/register", data={**FORM, "wants_reselling": "y"})
    work(world)

    account = account_named(world, "Newcomer GmbH")
    assert "Register as a reseller" in shown
    assert account is not None
    assert (account.is_reseller, account.reseller_id, account.currency) == (True, account.id, "EUR")
    link = path_of(link_of(mailed(world, "user_activation")[0]))
    assert client.post(link, data={"password": FORM["password"]}).status_code == FOUND
    assert enter(client, "/login", EMAIL).status_code == FOUND


@pytest.mark.parametrize("at_root", [True, False])
def test_wish_to_resell_that_was_not_offered_is_ignored(client, world, at_root) -> None:
    open_to_registrations(world, at_root=at_root, reseller_registration=not at_root)
    path = "/register" if at_root else PATH

    shown = client.get(path).text
    client.post(path, data={**FORM, "wants_reselling": "y"})
    work(world)

    account = account_named(world, "Newcomer GmbH")
    assert "Register as a reseller" not in shown
    assert account is not None
    assert not account.is_reseller


def test_job_that_runs_twice_opens_one_account(client, world, shop) -> None:
    client.post(PATH, data=FORM)

    assert (work(world), work(world)) == (1, 0)
    assert len(mailed(world, "user_activation")) == 1


def test_link_for_the_password_page_of_somebody_invited_cannot_be_spent_without_one(
    client, world, shop, sign_in
) -> None:
    sign_in(world.tech.buyers[0])
    new = {"first_name": "Nora", "last_name": "New", "email": "nora@new.example", "type": "user", "roles": ["buyer"]}
    client.post("/techsolutions/account/users/new", data=new)
    client.post("/techsolutions/logout")
    link = path_of(link_of(mailed(world, "user_activation")[0]))

    refused = client.post(link)

    assert refused.status_code == UNPROCESSABLE
    found = user_with(world, "nora@new.example")
    assert found is not None
    assert found.status is UserStatus.PENDING
    assert found.activated_at is None


def test_a_mailboxs_owner_opens_no_door_for_a_stranger_who_registered_the_address(client, world, shop) -> None:
    """SF-04: the link alone activates nothing; who did not choose the password chooses a new one, and the old is void."""
    client.post(PATH, data=FORM)
    work(world)
    link = path_of(link_of(mailed(world, "user_activation")[0]))

    guessed = client.post(link, data={"password": "Somebody-Else-42"})
    assert (guessed.status_code, "not the password of the registration" in guessed.text) == (UNPROCESSABLE, True)
    assert user_with(world, EMAIL).status is UserStatus.PENDING

    own = {"password": "Quiet-Harbour-77", "repeat": "Quiet-Harbour-77"}
    assert client.post(f"{link}?new=1", data=own).status_code == FOUND
    assert enter(client, "/techsolutions/login", EMAIL, FORM["password"]).status_code == UNPROCESSABLE
    assert enter(client, "/techsolutions/login", EMAIL, own["password"]).status_code == FOUND


def test_job_postpones_what_cannot_be_opened_now(client, world, shop) -> None:
    """The storefront closed meanwhile: nothing is made, and the job looks again in an hour."""
    client.post(PATH, data=FORM)
    with scope(world.scope):
        storefront = db.session.get(Storefront, (world.id, shop))
        assert storefront is not None
        storefront.state = StorefrontState.CLOSED
        db.session.commit()
    (request,) = requests_of(world)

    settle_registration(str(request.id), distributor_id=str(world.id))

    (kept,) = requests_of(world)
    assert kept.next_attempt_at is not None
    assert kept.next_attempt_at > utc_now() + timedelta(minutes=50)
    assert account_named(world, "Newcomer GmbH") is None


def test_job_opens_the_account(client, world, shop) -> None:
    client.post(PATH, data=FORM)
    (request,) = requests_of(world)

    for _ in range(2):
        settle_registration(str(request.id), distributor_id=str(world.id))

    assert account_named(world, "Newcomer GmbH") is not None
    assert len(mailed(world, "user_activation")) == 1
