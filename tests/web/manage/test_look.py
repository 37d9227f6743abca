"""Look and home page of a storefront: uploads, draft, preview, publish, restore."""

from __future__ import annotations

import io
from http import HTTPStatus

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import func, select
from werkzeug.datastructures import FileStorage

from app.core.db import BoundSession
from app.resellers.models import StorefrontImage
from tenants.context import direct_business_scope, scope
from tenants.models import StorefrontDraft
from tenants.settings import StorefrontSettings, storefront_settings
from tests.factories.world import World
from tests.web.conftest import SignIn
from tests.web.manage.conftest import MANAGE

LOOK = f"{MANAGE}/look"
GOOD = {"theme": "studio", "skin": "plum", "font": "system"}
BAD_SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10" onload="alert(1)">
<script>alert(2)</script><a href="javascript:alert(3)"><rect width="5" height="5"/></a>
<foreignObject><body xmlns="http://www.w3.org/1999/xhtml" onload="alert(4)"/></foreignObject>
<image href="https://evil.example/x.png"/><circle cx="5" cy="5" r="4" fill="#112233" onclick="alert(5)"/></svg>"""


def picture(kind: str = "PNG", size: tuple[int, int] = (64, 64), color: str = "#336699") -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, color).save(made, kind)
    return made.getvalue()


def file(content: bytes, name: str) -> FileStorage:
    return FileStorage(io.BytesIO(content), filename=name)


def published(world: World) -> StorefrontSettings:
    assert world.tech.storefront is not None
    with scope(world.tech.scope):
        return storefront_settings(world.tech.storefront.id)


def count_images(session: BoundSession, world: World) -> int:
    with scope(world.tech.scope):
        return session.scalar(select(func.count()).select_from(StorefrontImage)) or 0


def save_and_publish(admin: FlaskClient, **data: object) -> None:
    saved = admin.post(LOOK, data={**GOOD, **data}, content_type="multipart/form-data")
    assert saved.status_code == HTTPStatus.SEE_OTHER
    assert admin.post(f"{LOOK}/publish").status_code == HTTPStatus.SEE_OTHER


def test_a_new_look_is_seen_on_this_alias_only(admin: FlaskClient, visitor: FlaskClient, world: World) -> None:
    """RS-F40: skin, logo and favicon change is visible on the alias, not on the parent or another alias."""
    save_and_publish(admin, logo=file(picture(), "logo.png"), favicon=file(picture(), "icon.png"))

    now = published(world)
    assert (now.theme, now.skin) == ("studio", "plum")
    own = visitor.get("/techsolutions/login").text
    assert f"/techsolutions/look/image/{now.logo_image_id}" in own
    assert f"/techsolutions/look/image/{now.favicon_image_id}" in own
    assert visitor.get(f"/techsolutions/look/image/{now.logo_image_id}").mimetype == "image/png"
    css = visitor.get("/techsolutions/look/2/skin.css").text
    for other in ("", "/cloudia"):
        text = visitor.get(f"{other}/login").text
        assert now.logo_image_id not in text
        assert now.favicon_image_id not in text
        assert visitor.get(f"{other}/look/image/{now.logo_image_id}").status_code == HTTPStatus.NOT_FOUND
        assert visitor.get(f"{other}/look/2/skin.css").text != css


def test_a_draft_is_seen_by_its_editors_only(admin: FlaskClient, visitor: FlaskClient, world: World) -> None:
    """RS-15: draft and preview change nothing for visitors until they are published."""
    before = published(world)
    admin.post(LOOK, data={**GOOD, "footer_text": "Only a draft"}, content_type="multipart/form-data")

    preview = admin.get(f"{LOOK}/preview")
    assert preview.status_code == HTTPStatus.OK
    assert "Only a draft" in preview.text
    assert "studio/css/theme.css" in preview.text
    assert "This is a preview" in preview.text
    assert preview.headers["Cache-Control"] == "private, no-store"
    assert "--brand:#74308f" in admin.get(f"{LOOK}/preview/skin.css").text
    assert published(world) == before
    assert "Only a draft" not in visitor.get("/techsolutions/login").text
    assert visitor.get(f"{LOOK}/preview").status_code == HTTPStatus.SEE_OTHER

    admin.post(f"{LOOK}/discard")
    assert "Only a draft" not in admin.get(f"{LOOK}/preview").text
    nothing = admin.post(f"{LOOK}/publish", headers={"Accept": "application/json"})
    assert nothing.status_code == HTTPStatus.CONFLICT


def test_scripts_in_svg_do_not_execute(admin: FlaskClient, visitor: FlaskClient, world: World) -> None:
    """RS-F41: SVG with script does not execute: nothing of it is left, and its page allows no inline script."""
    save_and_publish(admin, logo=file(BAD_SVG, "logo.svg"))

    served = visitor.get(f"/techsolutions/look/image/{published(world).logo_image_id}")
    assert served.mimetype == "image/svg+xml"
    assert b"circle" in served.data
    assert b"#112233" in served.data
    for trace in (b"script", b"alert", b"onload", b"onclick", b"javascript", b"foreignObject", b"evil.example"):
        assert trace not in served.data
    assert "script-src 'self'" in served.headers["Content-Security-Policy"]
    assert served.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("field", "content", "words"),
    [
        ("logo", b"GIF89a not a picture", "This file cannot be used"),
        ("logo", b"<html><script>alert(1)</script></html>", "This file cannot be used"),
        (
            "logo",
            b'<!DOCTYPE svg [<!ENTITY x "y">]><svg xmlns="http://www.w3.org/2000/svg">&x;</svg>',
            "This SVG cannot be read safely",
        ),
        ("logo", b"\x89PNG\r\n\x1a\n" + b"0" * (1024 * 1024), "This file is too large"),
        ("favicon", picture(size=(64, 32)), "Choose a square picture"),
        ("favicon", picture(size=(16, 16)), "at least 32 by 32"),
        ("favicon", picture("JPEG"), "This file cannot be used"),
        ("login", BAD_SVG, "This file cannot be used"),
    ],
)
def test_unfit_files_are_refused(
    admin: FlaskClient, world: World, session: BoundSession, field: str, content: bytes, words: str
) -> None:
    """RS-15: wrong type, too large or unsafe files are refused at their field; nothing is stored."""
    page = admin.post(LOOK, data={**GOOD, field: file(content, "upload.bin")}, content_type="multipart/form-data")

    assert page.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in page.text
    assert count_images(session, world) == 0
    with scope(world.tech.scope):
        assert session.scalar(select(func.count()).select_from(StorefrontDraft)) == 0


def test_bad_colours_are_refused_and_pale_ones_warned(admin: FlaskClient, world: World) -> None:
    """RS-15: colours are #RRGGBB; a contrast below 4.5:1 is a warning, not a refusal."""
    colors = {"primary_color": "#FFEE00", "accent_color": "#0b7a75", "text_color": "#172033"}
    refused = admin.post(LOOK, data={**GOOD, "skin": "custom", **colors, "accent_color": "teal"})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Enter a colour as #" in refused.text

    saved = admin.post(LOOK, data={**GOOD, "skin": "custom", **colors}, follow_redirects=True)
    assert "Primary colour has a contrast of" in saved.text


def test_the_last_five_looks_can_be_restored(admin: FlaskClient, world: World, session: BoundSession) -> None:
    """RS-15: the published look is versioned; the last five can be brought back, and the default look too."""
    skins = ["forest", "lagoon", "plum", "cherry", "terracotta", "saffron", "graphite"]
    for skin in skins:
        save_and_publish(admin, skin=skin)

    with scope(world.tech.scope):
        versions = session.scalars(
            select(StorefrontDraft).order_by(StorefrontDraft.created_at, StorefrontDraft.id)
        ).all()
    assert [version.values.get("skin") for version in versions] == ["lagoon", "plum", "cherry", "terracotta", "saffron"]

    admin.post(f"{LOOK}/versions/{versions[1].id}/restore")
    assert published(world).skin == "plum"
    assert admin.post(f"{LOOK}/versions/{versions[1].id}/restore").status_code == HTTPStatus.NOT_FOUND

    admin.post(f"{LOOK}/reset")
    assert published(world).skin == "plum"
    admin.post(f"{LOOK}/publish")
    assert published(world).skin == "cobalt"


def test_general_settings_survive_a_publish(admin: FlaskClient, world: World) -> None:
    """RS-14, RS-15: publishing a look changes nothing else of the storefront."""
    admin.post(LOOK, data=GOOD)
    admin.post(
        f"{MANAGE}/settings/general",
        data={
            "company_name": "Later name",
            "language": "en",
            "time_zone": "UTC",
            "date_format": "medium",
            "rounding": "up_0.50",
            "landing_page": "home",
        },
    )
    admin.post(f"{LOOK}/publish")

    assert (published(world).company_name, published(world).rounding, published(world).skin) == (
        "Later name",
        "up_0.50",
        "plum",
    )


def test_sections_are_added_moved_changed_and_removed(admin: FlaskClient, world: World) -> None:
    """RS-15, SF-02: at most 12 sections in the owner's order; HTML loses what could run."""
    admin.post(f"{LOOK}/home/sections", data={"kind": "text"})
    admin.post(
        f"{LOOK}/home/sections/4",
        data={
            "title": "About us",
            "is_visible": "y",
            "text": '<p>Hello <b>you</b></p><script>x()</script><a href="javascript:y()" onclick="z()">go</a>',
        },
    )
    admin.post(f"{LOOK}/home/order", data={"order": ["0", "1", "2", "3", "4"], "move": "up:4"})
    admin.post(f"{LOOK}/home/sections/0/remove")
    unknown = admin.post(f"{LOOK}/home/sections", data={"kind": "iframe"}, follow_redirects=True)
    assert "Choose what the section shows" in unknown.text
    long = admin.post(f"{LOOK}/home/sections/0", data={"title": "x" * 81, "is_visible": "y"})
    assert long.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "About us" not in {section.title for section in published(world).sections}

    admin.post(f"{LOOK}/publish")

    sections = published(world).sections
    assert [section.kind for section in sections] == ["featured", "categories", "text", "new"]
    assert "<b>you</b>" in sections[2].text
    for trace in ("script", "javascript", "onclick"):
        assert trace not in sections[2].text

    for _ in range(12):
        admin.post(f"{LOOK}/home/sections", data={"kind": "contact"})
    admin.post(f"{LOOK}/publish")
    assert len(published(world).sections) == 12


def test_chosen_products_are_listed_ones(admin: FlaskClient, world: World) -> None:
    """RS-15: up to 12 products the owner chooses, from those it offers."""
    admin.post(f"{LOOK}/home/sections", data={"kind": "products"})
    found = admin.get(f"{LOOK}/home/sections/4?q=contoso")
    assert "Contoso Mail" in found.text
    assert "Fabrikam Tool" not in found.text

    admin.post(f"{LOOK}/home/sections/4/products", data={"product_id": str(world.seats.id)})
    admin.post(f"{LOOK}/home/sections/4/products", data={"product_id": str(world.suite.id)})
    admin.post(f"{LOOK}/home/sections/4/products/order", data={"order": ["1", "0"]})
    strange = admin.post(f"{LOOK}/home/sections/4/products", data={"product_id": str(world.id)})
    assert strange.status_code == HTTPStatus.NOT_FOUND
    admin.post(f"{LOOK}/publish")
    assert published(world).sections[4].product_ids == (str(world.suite.id), str(world.seats.id))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"alt_text": ""}, "Say in words what the picture shows"),
        ({"link": "javascript:alert(1)"}, "or an https address"),
        ({"link": "http://plain.example"}, "or an https address"),
        ({"link": "//evil.example"}, "or an https address"),
        ({"valid_from": "2026-05-02", "valid_to": "2026-05-01"}, "The last day comes after the first"),
        ({"image": None}, "Choose a picture"),
    ],
)
def test_bad_banners_are_refused(
    admin: FlaskClient, world: World, session: BoundSession, changed: dict[str, object], words: str
) -> None:
    """RS-15: a banner has a picture with words for it, and leads to an own path or https only."""
    data = {
        "alt_text": "A cloud",
        "link": "/catalogue",
        "image": file(picture("JPEG", (1216, 400)), "b.jpg"),
        **changed,
    }
    page = admin.post(
        f"{LOOK}/home/banners/new",
        data={k: v for k, v in data.items() if v is not None},
        content_type="multipart/form-data",
    )

    assert page.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in page.text
    assert count_images(session, world) == 0


def test_banners_are_shown_on_the_home_page(admin: FlaskClient, world: World) -> None:
    """RS-15, SF-02: a published banner stands on the home page, its picture re-encoded and served from the alias."""
    made = picture("JPEG", (3000, 900))
    banner = {"alt_text": "A cloud", "heading": "Spring offers", "link": "/catalogue", "image": file(made, "b.jpg")}
    assert (
        admin.post(f"{LOOK}/home/banners/new", data=banner, content_type="multipart/form-data").status_code
        == HTTPStatus.SEE_OTHER
    )
    changed = admin.post(
        f"{LOOK}/home/banners/0",
        data={"alt_text": "Clouds", "heading": "Spring offers", "link": "https://example.com/x"},
    )
    assert changed.status_code == HTTPStatus.SEE_OTHER
    assert "Spring offers" in admin.get(f"{LOOK}/home").text
    admin.post(f"{LOOK}/publish")

    [shown] = published(world).banners
    assert shown.alt_text == "Clouds"
    home = admin.get("/techsolutions/")
    assert home.status_code == HTTPStatus.OK
    assert "Spring offers" in home.text
    served = Image.open(io.BytesIO(admin.get(f"/techsolutions/look/image/{shown.image_id}").data))
    assert served.width <= 2432


def test_the_distributors_own_storefront_has_the_same_pages(
    sign_in: SignIn, visitor: FlaskClient, world: World
) -> None:
    """RS-F40 (partly), SF-02: the back office changes the root storefront's look and name, and no reseller's."""
    bss = sign_in(world.bss_user)
    for path in ("", "/look", "/look/home", "/look/preview"):
        assert bss.get(f"/bss/settings{path}").status_code == HTTPStatus.OK, path
    general = {
        "company_name": "Nordwind Plus",
        "language": "en",
        "time_zone": "UTC",
        "date_format": "medium",
        "rounding": "none",
        "landing_page": "home",
    }
    assert bss.post("/bss/settings", data=general).status_code == HTTPStatus.SEE_OTHER
    assert bss.post("/bss/settings/look", data=GOOD).status_code == HTTPStatus.SEE_OTHER
    assert bss.post("/bss/settings/look/publish").status_code == HTTPStatus.SEE_OTHER

    with scope(direct_business_scope(world.id)):
        own = storefront_settings(world.root.id)
    assert (own.company_name, own.skin) == ("Nordwind Plus", "plum")
    assert "Nordwind Plus" in visitor.get("/login").text
    assert published(world).skin == "cobalt"
    assert "Nordwind Plus" not in visitor.get("/techsolutions/login").text
