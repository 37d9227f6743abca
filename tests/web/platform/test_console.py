from __future__ import annotations

import re
from http import HTTPStatus

import pytest
from sqlalchemy import column, select
from sqlalchemy import table as sql_table
from sqlalchemy.exc import ProgrammingError

from app.audit.models import AuditEvent
from app.core import db
from app.identity.models import User, UserKind, UserType
from tenants.context import distributor_scope, scope
from tenants.models import Distributor, Operator
from tests.domain.identity.people import PASSWORD

FORM = {
    "name": "Südwind Cloud",
    "host": "cloud.suedwind.example",
    "currency": "EUR",
    "time_zone": "Europe/Athens",
    "first_name": "Dora",
    "last_name": "Director",
    "email": "dora@suedwind.example",
}


def enter(browser, email: str, password: str = PASSWORD):
    return browser.post("/console/login", data={"email": email, "password": password})


def founded() -> list[Distributor]:
    with db.using_role(db.Role.PLATFORM):
        return list(db.session.scalars(select(Distributor)))


def test_operator_founds_a_distributor_whose_administrator_starts_its_back_office(browser, operator, app) -> None:
    assert enter(browser, operator).location == "/console/distributors"

    shown = browser.post("/console/distributors/new", data=FORM)
    link = re.search(r"http://cloud\.suedwind\.example(/bss/activate/[\w-]+)", shown.text)

    (distributor,) = founded()
    assert (shown.status_code, distributor.name) == (HTTPStatus.OK, "Südwind Cloud")
    with scope(distributor_scope(distributor.id)):
        (user,) = db.session.scalars(select(User)).all()
        told = set(db.session.scalars(select(AuditEvent.action)))
    assert (user.kind, user.type, user.roles) == (UserKind.BSS, UserType.ADMIN, ["administrator"])
    assert told == {"user.created", "distributor.founded"}
    db.session.remove()
    theirs = app.test_client()
    theirs.host = FORM["host"]
    assert link is not None
    theirs.post(link.group(1), data={"password": "Abcdef1!", "repeat": "Abcdef1!"})
    signed_in = theirs.post("/bss/login", data={"email": FORM["email"], "password": "Abcdef1!"})
    assert (signed_in.status_code, signed_in.location) == (HTTPStatus.SEE_OTHER, "/bss/")
    assert "Südwind Cloud" in browser.get("/console/distributors").text


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("host", "no host", "Enter a host name"),
        ("host", "platform.localhost", "This host already opens a storefront"),
        ("time_zone", "Mars/Olympus", "Choose a time zone"),
        ("name", "", "Enter the distributor"),
        ("email", "nobody", "Enter an e-mail address"),
        ("currency", "XXQ", "Not a valid choice"),
    ],
)
def test_broken_distributor_is_refused_and_nothing_is_founded(browser, operator, field, value, message) -> None:
    enter(browser, operator)

    response = browser.post("/console/distributors/new", data={**FORM, field: value})

    assert (response.status_code, message in response.text) == (HTTPStatus.UNPROCESSABLE_ENTITY, True)
    assert founded() == []


def test_host_opens_one_storefront_only(browser, operator) -> None:
    enter(browser, operator)
    browser.post("/console/distributors/new", data=FORM)

    response = browser.post("/console/distributors/new", data={**FORM, "name": "Second"})

    assert "This host already opens a storefront" in response.text
    assert len(founded()) == 1


def test_console_is_closed_without_sign_in(browser, operator) -> None:
    response = browser.get("/console/distributors")

    assert (response.status_code, response.location) == (
        HTTPStatus.SEE_OTHER,
        "/console/login?next=/console/distributors",
    )
    assert browser.get("/").location == "/console/distributors"


def test_console_answers_on_its_own_host_only(browser, operator) -> None:
    enter(browser, operator)
    browser.post("/console/distributors/new", data=FORM)
    browser.host = FORM["host"]

    assert browser.get("/console/login").status_code == HTTPStatus.NOT_FOUND
    assert browser.post("/console/distributors/new", data=FORM).status_code == HTTPStatus.NOT_FOUND


def test_no_storefront_page_answers_on_the_platforms_host(browser, operator) -> None:
    assert browser.get("/login").status_code == HTTPStatus.NOT_FOUND
    assert browser.get("/bss/login").status_code == HTTPStatus.NOT_FOUND


def test_console_locks_after_five_wrong_passwords(browser, operator) -> None:
    for _ in range(5):
        assert enter(browser, operator, "Wrong-Harbour-42").status_code == HTTPStatus.UNPROCESSABLE_ENTITY

    assert enter(browser, operator).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    with db.using_role(db.Role.PLATFORM):
        assert db.session.scalars(select(Operator.failed_tries)).one() == 5


def test_signing_out_ends_the_console_session(browser, operator) -> None:
    enter(browser, operator)
    browser.post("/console/logout")

    assert browser.get("/console/distributors").status_code == HTTPStatus.SEE_OTHER


@pytest.mark.parametrize("name", ["users", "orders", "outbound_mails", "sign_in_names"])
def test_consoles_role_reads_nothing_of_a_distributors_business(operator, name: str) -> None:
    with db.using_role(db.Role.PLATFORM), pytest.raises(ProgrammingError):
        db.session.execute(select(column("id")).select_from(sql_table(name)))


def test_applications_role_does_not_read_operators(operator) -> None:
    with pytest.raises(ProgrammingError):
        db.session.execute(select(Operator.id))
