"""The README's pictures, taken from the running demo: `make screenshots` writes them to docs/screenshots."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from app.local.places import CHECKOUT

FOLDER = CHECKOUT / "docs" / "screenshots"
HOST = "cloud.disti.localhost"
COLORS = 160  # enough for screens; keeps a picture below 200 kB
DESK, PHONE = (1440, 900), (375, 720)


@dataclass(frozen=True, slots=True)
class Picture:
    """What one picture shows: who looks (None: a visitor), at which address, and what is clicked first, if anything."""

    name: str
    path: str
    size: tuple[int, int] = DESK
    sign_in_at: str | None = None
    email: str | None = None
    then_open: str | None = None  # the first link with this accessible name


PICTURES = (
    Picture("storefront-techsolutions", "/techsolutions/"),
    Picture("storefront-cloudia", "/cloudia/"),
    Picture("storefront-hafen-it", "/hafen-it/", sign_in_at="/hafen-it/login", email="britta@elbtal.example"),
    Picture("product", "/techsolutions/product/microsoft-365-business-basic"),
    Picture("manage-listings", "/techsolutions/manage/listings?tab=listed",
            sign_in_at="/techsolutions/login", email="eleni@techsolutions.example"),
    Picture("manage-pending", "/techsolutions/manage/orders/pending",
            sign_in_at="/techsolutions/login", email="eleni@techsolutions.example"),
    Picture("bss-home", "/bss/", sign_in_at="/bss/login", email="admin@meridian.example"),
    Picture("bss-subscription", "/bss/subscriptions", sign_in_at="/bss/login", email="admin@meridian.example",
            then_open="Microsoft 365"),
    Picture("bss-calendar", "/bss/calendar", sign_in_at="/bss/login", email="admin@meridian.example"),
    Picture("order", "/hafen-it/billing/orders",
            sign_in_at="/hafen-it/login", email="britta@elbtal.example", then_open="SO-"),
    Picture("phone-catalogue", "/cloudia/catalogue", size=PHONE),
    Picture("phone-manage", "/techsolutions/manage/listings?tab=listed", size=PHONE,
            sign_in_at="/techsolutions/login", email="eleni@techsolutions.example"),
)  # fmt: skip


def take_for_readme(browser: Browser, port: int, password: str) -> Iterator[Path]:
    """Write every picture and yield its path; the demo must answer on the port. Everybody signs in once."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    origin = f"http://{HOST}:{port}"
    for (sign_in_at, email), pictures in groupby(sorted(PICTURES, key=_person), key=_person):
        context = browser.new_context()
        try:
            page = context.new_page()
            if email:
                _sign_in(page, origin + sign_in_at, email, password)
            for picture in pictures:
                _open(page, picture, origin)
                yield _write(page.screenshot(), FOLDER / f"{picture.name}.png")
        finally:
            context.close()


def _person(picture: Picture) -> tuple[str, str]:
    return picture.sign_in_at or "", picture.email or ""


def _sign_in(page: Page, address: str, email: str, password: str) -> None:
    page.goto(address)
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_load_state("load")


def _open(page: Page, picture: Picture, origin: str) -> None:
    width, height = picture.size
    page.set_viewport_size({"width": width, "height": height})
    page.goto(origin + picture.path)
    if picture.then_open:
        page.get_by_role("main").get_by_role("link", name=picture.then_open).first.click()
    page.wait_for_load_state("load")


def _write(shot: bytes, path: Path) -> Path:
    with Image.open(io.BytesIO(shot)) as opened:
        opened.convert("RGB").quantize(COLORS).save(path, "PNG", optimize=True)
    return path
