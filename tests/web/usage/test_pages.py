"""Usage in the back office: files, rates, running cost."""

from __future__ import annotations

import io
from http import HTTPStatus

import pytest
from sqlalchemy import func, select

import app.orders.models  # noqa: F401 - subscriptions refer to its tables
from app.audit.services import SYSTEM
from app.billing.usage.importing import upload_usage
from app.billing.usage.models import UsageBudget, UsageCharge, UsageImport
from app.core import db
from app.core.config import settings
from app.identity.models import UserKind, UserType
from app.notifications.models import OutboundMail
from tenants.context import distributor_scope, scope
from tests.domain.usage.conftest import make_metered, set_rate
from tests.factories.world import MONDAY_NOON, make_user, make_world
from workers.jobs.usage import import_usage

HEADER = "AccountCode,Subscription,Resource,Quantity,Start date,End date\n"


@pytest.fixture(autouse=True)
def media(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDIA_PATH", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def staff(sign_in, world):
    return sign_in(world.bss_user)


@pytest.fixture
def metered(world, session):
    with scope(world.scope):
        made = make_metered(session, world)
        set_rate(made, pack="10", included="2000")
        session.commit()
    return made


def upload(staff, content: str):
    data = {"file": (io.BytesIO(content.encode()), "usage.csv")}
    return staff.post("/bss/usage/new", data=data, content_type="multipart/form-data")


def only(world, model):
    with scope(world.scope):
        return db.session.scalars(select(model).execution_options(populate_existing=True)).one()


def count(world, model) -> int:
    with scope(world.scope):
        return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_a_file_is_uploaded_and_its_bad_row_named(staff, world, metered) -> None:
    """CB-F36: a usage file with one bad row imports the others and reports the row number; the running cost is shown."""
    row = f"{metered.account_code},{metered.running.code},"
    answer = upload(staff, f"{HEADER}{row}Traffic,2300,2026-06-01,2026-06-30\n{row}=Colour,1,2026-06-01,2026-06-30\n")
    found = only(world, UsageImport)
    assert (answer.status_code, answer.location) == (HTTPStatus.SEE_OTHER, f"/bss/usage/{found.id}")
    assert "Waiting" in staff.get(f"/bss/usage/{found.id}").text
    import_usage(str(found.id), distributor_id=str(world.id))

    shown = staff.get(f"/bss/usage/{found.id}?state=rejected").text
    assert "The product has no such resource" in shown
    assert ">3<" in shown
    assert "data-reload" in staff.get(f"/bss/usage/{found.id}/progress").text
    assert "usage.csv" in staff.get("/bss/usage").text
    exported = staff.get(f"/bss/usage/{found.id}?format=csv").text
    assert "3,Rejected" in exported
    assert "'=Colour" in exported
    for path in (f"/bss/usage/of/{metered.running.code}", f"/bss/subscriptions/{metered.running.code}"):
        assert "15.00" in staff.get(path).text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "The file is empty"),
        (
            "AccountCode,Resource\nA,B\n",
            "The first row of the file lacks these columns: Quantity, Start date, End date",
        ),
        (HEADER, "The file has a header but no rows"),
    ],
)
def test_a_wrong_file_is_refused(staff, world, content: str, words: str) -> None:
    answer = upload(staff, content)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in answer.text
    assert count(world, UsageImport) == 0


def test_rates_are_set_up_changed_and_removed(staff, world) -> None:
    """CB-13, set-up: product, Pricing, Usage charges: resource, add-on, included quota."""
    url = f"/bss/usage/products/{world.seats.id}"
    data = {
        "resource": "Traffic", "kind": "metered", "unit": "GB", "included": "2000", "pack_size": "10", "price": "0.5",
        "currency": "EUR", "add_on_id": "",
    }  # fmt: skip
    assert "No usage charge yet" in staff.get(url).text
    assert "Usage charges" in staff.get(f"/bss/products/{world.seats.id}").text
    assert staff.post(url, data=data).status_code == HTTPStatus.SEE_OTHER
    charge = only(world, UsageCharge)
    assert "Traffic" in staff.get(url).text

    refused = staff.post(url, data=data)
    assert (refused.status_code, "has a resource of this name" in refused.text) == (
        HTTPStatus.UNPROCESSABLE_ENTITY,
        True,
    )
    own = f"/bss/usage/rates/{charge.id}"
    assert 'value="Traffic"' in staff.get(own).text
    for wrong in (
        {"price": ""},
        {"price": "-1"},
        {"pack_size": "0"},
        {"currency": "??"},
        {"kind": "odd"},
        {"resource": ""},
    ):
        assert staff.save(own, data={**data, **wrong}).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert only(world, UsageCharge).price == charge.price
    assert staff.save(own, data={**data, "price": "0.75"}).status_code == HTTPStatus.SEE_OTHER
    assert str(only(world, UsageCharge).price) == "0.7500"

    assert staff.post(f"{own}/remove").status_code == HTTPStatus.SEE_OTHER
    assert count(world, UsageCharge) == 0


def test_a_rate_with_usage_cannot_be_removed(staff, world, metered) -> None:
    row = f"{metered.account_code},{metered.running.code},Traffic,1,2026-06-01,2026-06-30\n"
    upload(staff, HEADER + row)
    import_usage(str(only(world, UsageImport).id), distributor_id=str(world.id))
    charge = only(world, UsageCharge)
    assert staff.post(f"/bss/usage/rates/{charge.id}/remove").status_code == HTTPStatus.CONFLICT
    assert count(world, UsageCharge) == 1


def test_who_may_upload_usage(sign_in, world, session) -> None:
    """CB-13, permissions: product managers, operations, billing."""
    answers = {}
    for role in ("product_manager", "operations", "billing", "sales", "read_only"):
        with scope(world.scope):
            user = make_user(session, None, kind=UserKind.BSS, type=UserType.USER, realms=(world.id,), roles=(role,))
            session.commit()
        answers[role] = sign_in(user).get("/bss/usage").status_code
    assert answers == {
        "product_manager": HTTPStatus.OK,
        "operations": HTTPStatus.OK,
        "billing": HTTPStatus.OK,
        "sales": HTTPStatus.FORBIDDEN,
        "read_only": HTTPStatus.FORBIDDEN,
    }


def test_anothers_usage_does_not_exist(staff, world, session, tmp_path) -> None:
    other = make_world(session, name="Other", host="cloud.other.example")
    with scope(distributor_scope(other.id)):
        metered = make_metered(session, other)
        charge = set_rate(metered).id
        content = f"{HEADER}{metered.account_code},{metered.running.code},Traffic,1,2026-06-01,2026-06-30\n"
        theirs = upload_usage(io.BytesIO(content.encode()), "theirs.csv", actor=SYSTEM, at=MONDAY_NOON).id
        session.commit()
    for path in (f"/{theirs}", f"/{theirs}/progress", f"/of/{metered.running.code}", f"/rates/{charge}"):
        assert staff.get(f"/bss/usage{path}").status_code == HTTPStatus.NOT_FOUND
    assert staff.get(f"/bss/usage/products/{metered.product_id}").status_code == HTTPStatus.NOT_FOUND
    assert staff.post(f"/bss/usage/rates/{charge}/remove").status_code == HTTPStatus.NOT_FOUND


def test_a_budget_is_set_changed_and_taken_away(staff, world, metered) -> None:
    """CB-13 (partly): a budget of a cycle stands on the usage page of its subscription."""
    address = f"/bss/usage/of/{metered.running.code}"
    assert "Budget" in staff.get(address).text
    answer = staff.post(f"{address}/budget", data={"amount": "500"})
    assert (answer.status_code, answer.location) == (HTTPStatus.SEE_OTHER, address)
    assert only(world, UsageBudget).amount == 500
    shown = staff.get(address).text
    assert "€500.00" in shown
    assert 'value="500.00"' in shown
    staff.post(f"{address}/budget", data={"amount": ""})
    assert count(world, UsageBudget) == 0


@pytest.mark.parametrize("amount", ["0", "-5", "abc", "1.001", "NaN"])
def test_a_budget_that_is_none_is_refused_at_its_field(staff, world, metered, amount) -> None:
    answer = staff.post(f"/bss/usage/of/{metered.running.code}/budget", data={"amount": amount})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'id="amount-error"' in answer.text
    assert count(world, UsageBudget) == 0


def test_an_import_tells_its_starter_that_it_has_finished(staff, world, metered) -> None:
    """CB-13, CB-43: import finished, once, to whoever started it."""
    upload(staff, HEADER + f"{metered.account_code},{metered.running.code},Traffic,5,2026-06-01,2026-06-02\nbad,,,,,\n")
    found = only(world, UsageImport)
    for _ in range(2):
        import_usage(str(found.id), distributor_id=str(world.id))
    with scope(world.scope):
        mails = db.session.scalars(select(OutboundMail).where(OutboundMail.template == "import_finished")).all()
        assert [(mail.to_email, mail.fields["outcome"]) for mail in mails] == [
            (world.bss_user.email, "1 rows imported, 0 replaced, 1 rejected")
        ]
        assert mails[0].fields["import_url"].endswith(f"/bss/usage/{found.id}")
