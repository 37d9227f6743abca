"""The wizard for product files, page by page."""

from __future__ import annotations

import io
from http import HTTPStatus

import pytest
from openpyxl import Workbook, load_workbook
from sqlalchemy import func, select

from app.catalogue.models import Product
from app.catalogue.product_files.models import FileChargeType, FileKind, ProductFile, ProductFileState
from app.core import db
from app.core.config import settings
from app.identity.models import UserKind, UserType
from tenants.context import distributor_scope, scope
from tests.factories.world import MONDAY_NOON, make_user, make_world
from workers.jobs.product_files import run_product_file

HEADER = "Code,Name,Description,List price P1M monthly\n"


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


def upload(staff, world, content: bytes, name: str = "products.csv", **changes):
    data = {
        "file": (io.BytesIO(content), name), "currency": "EUR", "kind": "common", "charge_type": "recurring",
        "product_type_id": str(world.product_type.id), **changes,
    }  # fmt: skip
    return staff.post("/bss/product-files/new", data=data, content_type="multipart/form-data")


def latest(world) -> ProductFile:
    with scope(world.scope):
        return db.session.scalars(
            select(ProductFile).order_by(ProductFile.created_at.desc()).execution_options(populate_existing=True)
        ).one()


def count(world, model=Product) -> int:
    with scope(world.scope):
        return db.session.scalar(select(func.count()).select_from(model)) or 0


def work(world) -> ProductFile:
    run_product_file(str(latest(world).id), distributor_id=str(world.id))
    return latest(world)


def mapped(staff, file, **changes):
    data = {
        "column_code": "Code", "column_name": "Name", "column_description": "Description",
        "column_list_p1m_monthly": "List price P1M monthly", "match_by": "code", **changes,
    }  # fmt: skip
    return staff.post(f"/bss/product-files/{file.id}/columns", data=data)


def test_a_file_goes_from_upload_to_report(staff, world) -> None:
    """CB-F39: upload, columns, dry run with a result per row, confirmation, report to download."""
    before = count(world)
    content = (
        HEADER + f"=NEW,=Formula,Text,5\nNEW-1,@Fresh,Text,5\n{world.seats.code},Contoso Mail,Better,\n"
    ).encode()
    answer = upload(staff, world, content)
    file = latest(world)
    assert (answer.status_code, answer.location) == (HTTPStatus.SEE_OTHER, f"/bss/product-files/{file.id}/columns")

    columns = staff.get(f"/bss/product-files/{file.id}/columns").text
    assert '<option selected value="List price P1M monthly">' in columns
    assert mapped(staff, file).status_code == HTTPStatus.SEE_OTHER
    waiting = staff.get(f"/bss/product-files/{file.id}").text
    assert "Waiting to be checked" in waiting
    assert 'http-equiv="refresh"' in waiting

    assert work(world).state is ProductFileState.READY
    preview = staff.get(f"/bss/product-files/{file.id}").text
    assert "Nothing is stored yet" in preview
    assert "Import 2 products" in preview
    assert "Code: 1 to 64" in preview
    assert count(world) == before
    errors = staff.get(f"/bss/product-files/{file.id}?outcome=error").text
    assert "NEW-1" not in errors

    assert staff.post(f"/bss/product-files/{file.id}/confirm").status_code == HTTPStatus.SEE_OTHER
    assert work(world).state is ProductFileState.COMPLETED
    assert count(world) == before + 1
    assert "Completed" in staff.get(f"/bss/product-files/{file.id}").text
    assert "data-reload" in staff.get(f"/bss/product-files/{file.id}/progress").text
    assert "products.csv" in staff.get("/bss/product-files").text

    report = staff.get(f"/bss/product-files/{file.id}?format=csv").text.splitlines()
    assert report[1].startswith("2,Error,'=NEW,'=Formula,\"Code: 1 to 64")
    assert report[2:] == ["3,Created,NEW-1,'@Fresh,", f"4,Updated,{world.seats.code},Contoso Mail,description"]
    book = load_workbook(io.BytesIO(staff.get(f"/bss/product-files/{file.id}?format=xlsx").data))
    assert [cell.value for cell in book.active[2]][:4] == [2, "Error", "'=NEW", "'=Formula"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x89PNG\r\n\x00", "Upload an Excel workbook (.xlsx) or a CSV file in UTF-8"),
        (b"\nA,B\n", "The first row of the file must hold the names of the columns"),
        (b"", "The file is empty"),
        (b"PK\x03\x04", "The file cannot be read"),
    ],
)
def test_a_wrong_file_stays_on_the_step(staff, world, content: bytes, words: str) -> None:
    """CB-F41: a file without header or of wrong type is refused at step 1."""
    answer = upload(staff, world, content)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in answer.text
    assert count(world, ProductFile) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"currency": "ZZZ"},
        {"kind": "asset"},
        {"kind": "nonsense"},
        {"charge_type": "one_time"},
        {"charge_type": "never"},
        {"product_type_id": "01a202a2-6dbf-7322-a219-494f8e07042e"},
    ],
)
def test_step_one_refuses_what_does_not_fit(staff, world, changes) -> None:
    answer = upload(staff, world, (HEADER + "A,B,C,1\n").encode(), **changes)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert count(world, ProductFile) == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"column_name": ""}, "Choose the column of Name"),
        ({"column_code": "Nowhere"}, "Choose a column of the sheet"),
        ({"match_by": "colour"}, "Choose what tells that a product exists already"),
    ],
)
def test_a_missing_column_stays_on_the_step(staff, world, changes, words: str) -> None:
    """CB-14, bad: missing header, required field unmapped: stays on the step with a message."""
    upload(staff, world, (HEADER + "A,B,C,1\n").encode())
    answer = mapped(staff, latest(world), **changes)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in answer.text
    assert latest(world).state is ProductFileState.UPLOADED


def test_the_mapping_is_proposed_again(staff, world) -> None:
    """CB-14: mapped columns are remembered."""
    upload(staff, world, b"Artikel,Text\nA,B\n")
    first = latest(world)
    staff.post(
        f"/bss/product-files/{first.id}/columns",
        data={"column_code": "Artikel", "column_name": "Text", "match_by": ["code", "name"]},
    )
    work(world)
    assert staff.post(f"/bss/product-files/{first.id}/discard").status_code == HTTPStatus.SEE_OTHER
    with scope(world.scope):
        db.session.execute(ProductFile.__table__.update().values(created_at=MONDAY_NOON))
        db.session.commit()
    upload(staff, world, b"Text,Artikel\nB,A\n")
    with scope(world.scope):
        newest = db.session.scalars(select(ProductFile).order_by(ProductFile.created_at.desc()).limit(1)).one().id
    page = staff.get(f"/bss/product-files/{newest}/columns").text
    assert page.count('<option selected value="Artikel">') == 1
    assert page.count('<option selected value="Text">') == 1


def test_a_workbooks_sheet_is_picked(staff, world) -> None:
    book, stream = Workbook(), io.BytesIO()
    book.active.append(["Only notes"])
    other = book.create_sheet("Products")
    other.append(["Code", "Name"])
    other.append(["X-1", "Sheet product"])
    book.save(stream)
    upload(staff, world, stream.getvalue(), "book.xlsx")
    file = latest(world)
    assert "Use this sheet" in staff.get(f"/bss/product-files/{file.id}/columns").text
    wrong = staff.post(f"/bss/product-files/{file.id}/sheet", data={"sheet": "Nothing"})
    assert wrong.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    right = staff.post(f"/bss/product-files/{file.id}/sheet", data={"sheet": "Products"})
    assert right.status_code == HTTPStatus.SEE_OTHER
    assert latest(world).sheet == "Products"
    assert '<option selected value="Name">' in staff.get(f"/bss/product-files/{file.id}/columns").text


def test_another_distributors_file_does_not_exist(staff, world, session) -> None:
    other = make_world(session, name="Other", host="cloud.other.example")
    with scope(distributor_scope(other.id)):
        theirs = ProductFile(
            file_name="theirs.csv", file_path="x", file_bytes=1, sheet="CSV", currency="EUR", kind=FileKind.COMMON,
            charge_type=FileChargeType.RECURRING, created_at=MONDAY_NOON,
        )  # fmt: skip
        session.add(theirs)
        session.commit()
        file_id = theirs.id
    for path in ("", "/columns", "/progress"):
        assert staff.get(f"/bss/product-files/{file_id}{path}").status_code == HTTPStatus.NOT_FOUND
    for path in ("confirm", "discard", "sheet", "columns"):
        assert staff.post(f"/bss/product-files/{file_id}/{path}").status_code == HTTPStatus.NOT_FOUND


def test_only_who_may_import_imports(sign_in, world, session) -> None:
    with scope(world.scope):
        user = make_user(session, None, kind=UserKind.BSS, type=UserType.USER, realms=(world.id,), roles=("sales",))
        session.commit()
    staff = sign_in(user)
    assert staff.get("/bss/product-files").status_code == HTTPStatus.FORBIDDEN
    assert upload(staff, world, (HEADER + "A,B,C,1\n").encode()).status_code == HTTPStatus.FORBIDDEN
    assert count(world, ProductFile) == 0
