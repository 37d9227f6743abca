"""The import wizard in BSS: upload, preview, confirmation, result, issues."""

from __future__ import annotations

import io
from http import HTTPStatus

import pytest
from sqlalchemy import func, select

from app.catalogue.imports.models import CategoryRule, ImportRun, ImportState
from app.catalogue.models import Product
from app.core import db
from app.core.config import settings
from app.identity.models import UserKind, UserType
from tenants.context import distributor_scope, scope
from tests.factories.catalogue import sheet_file, sheet_row
from tests.factories.world import make_user
from workers.jobs.imports import run_import


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


def upload(staff, content: io.BytesIO, name: str = "prices.csv"):
    return staff.post("/bss/imports/new", data={"file": (content, name)}, content_type="multipart/form-data")


def latest(world) -> ImportRun:
    with scope(world.scope):
        return db.session.scalars(
            select(ImportRun).order_by(ImportRun.created_at.desc()).execution_options(populate_existing=True)
        ).one()


def work(world) -> ImportRun:
    run = latest(world)
    run_import(str(run.id), distributor_id=str(world.id))
    return latest(world)


def count(world, model, *conditions) -> int | None:
    with scope(world.scope):
        return db.session.scalar(select(func.count()).select_from(model).where(*conditions))


def test_a_sheet_goes_from_upload_over_preview_to_the_catalogue(staff, world) -> None:
    answer = upload(
        staff, sheet_file(sheet_row(), sheet_row(SkuId="0002", Segment="Education"), sheet_row(Currency="ZZZ"))
    )
    run = latest(world)
    assert (answer.status_code, answer.location) == (HTTPStatus.SEE_OTHER, f"/bss/imports/{run.id}")
    waiting = staff.get(f"/bss/imports/{run.id}").text
    assert f'data-poll-url="/bss/imports/{run.id}/progress"' in waiting
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in waiting

    work(world)
    preview = staff.get(f"/bss/imports/{run.id}").text
    assert "Nothing is stored yet" in preview
    assert "“ZZZ” is not an ISO 4217 currency" in preview
    assert 'checked id="segments-0"' in preview or 'id="segments-0" checked' in preview or "checked" in preview
    assert count(world, Product, Product.code_key == "bkp1.0001") == 0

    answer = staff.post(f"/bss/imports/{run.id}/confirm", data={"segments": ["Commercial"]})
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert latest(world).state is ImportState.QUEUED
    work(world)
    assert "Completed" in staff.get(f"/bss/imports/{run.id}").text
    assert count(world, Product, Product.code_key == "bkp1.0001", Product.is_published) == 1
    assert count(world, Product, Product.code_key == "bkp1.0002", Product.is_published) == 0
    report = staff.get(f"/bss/imports/{run.id}/report.csv")
    assert report.mimetype == "text/csv"
    assert report.text.count("\n") == 4


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "The file is empty"), (b"a,b\n1,2\n", "ProductTitle, ProductId"), (b"\xff\xfe", "position 0")],
)
def test_a_file_that_cannot_be_read_is_told_at_its_field(staff, world, content, words) -> None:
    answer = upload(staff, io.BytesIO(content))
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in answer.text
    assert count(world, ImportRun) == 0


def test_no_file_is_told_at_its_field(staff, world) -> None:
    answer = staff.post("/bss/imports/new", data={}, content_type="multipart/form-data")
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Choose a file" in answer.text
    assert count(world, ImportRun) == 0


def test_a_rule_saved_in_the_preview_finds_its_groups(staff, world) -> None:
    upload(staff, sheet_file(sheet_row()))
    run = work(world)
    assert "1 group has no category" in staff.get(f"/bss/imports/{run.id}").text
    data = {"field": "title", "contains": "backup", "category_id": str(world.category.id)}
    assert staff.post(f"/bss/imports/{run.id}/rules", data=data).status_code == HTTPStatus.SEE_OTHER
    preview = staff.get(f"/bss/imports/{run.id}").text
    assert "Every group has a category." in preview
    with scope(world.scope):
        rule_id = db.session.scalars(select(CategoryRule.id)).one()
    staff.post(f"/bss/imports/{run.id}/rules/{rule_id}/delete")
    assert "1 group has no category" in staff.get(f"/bss/imports/{run.id}").text


def test_a_rule_without_text_is_refused(staff, world) -> None:
    upload(staff, sheet_file(sheet_row()))
    run = work(world)
    data = {"field": "title", "contains": "", "category_id": str(world.category.id)}
    answer = staff.post(f"/bss/imports/{run.id}/rules", data=data)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert count(world, CategoryRule) == 0


def test_issues_are_paged_and_exported(staff, world) -> None:
    upload(staff, sheet_file(*[sheet_row(SkuId=f"{number:04}", Currency="ZZZ") for number in range(30)]))
    run = work(world)
    first, second = (staff.get(f"/bss/imports/{run.id}/issues?page={number}").text for number in (1, 2))
    assert first.count("is not an ISO 4217 currency") == 25
    assert second.count("is not an ISO 4217 currency") == 5
    exported = staff.get(f"/bss/imports/{run.id}/issues?format=csv")
    assert exported.text.count("is not an ISO 4217 currency") == 30


def test_a_discarded_sheet_imports_nothing(staff, world) -> None:
    upload(staff, sheet_file(sheet_row()))
    run = work(world)
    assert staff.post(f"/bss/imports/{run.id}/discard").status_code == HTTPStatus.SEE_OTHER
    assert latest(world).state is ImportState.DISCARDED
    assert "Discarded" in staff.get("/bss/imports").text
    again = staff.post(f"/bss/imports/{run.id}/confirm", data={"segments": ["Commercial"]})
    assert again.status_code == HTTPStatus.CONFLICT
    assert count(world, Product, Product.code_key == "bkp1.0001") == 0


def test_progress_ends_with_an_element_that_reloads_the_page(staff, world) -> None:
    upload(staff, sheet_file(sheet_row()))
    run = latest(world)
    assert "data-poll-url" in staff.get(f"/bss/imports/{run.id}/progress").text
    work(world)
    over = staff.get(f"/bss/imports/{run.id}/progress").text
    assert "data-poll-url" not in over
    assert "data-reload" in over


def test_who_may_not_import_sees_no_import(sign_in, world, session) -> None:
    with scope(distributor_scope(world.id)):
        reader = make_user(
            session, None, kind=UserKind.BSS, realms=(world.id,), roles=("read_only",), type=UserType.USER
        )
    browser = sign_in(reader)
    for path in ("/bss/imports", "/bss/imports/new"):
        assert browser.get(path).status_code == HTTPStatus.FORBIDDEN
    assert upload(browser, sheet_file(sheet_row())).status_code == HTTPStatus.FORBIDDEN
    assert count(world, ImportRun) == 0
