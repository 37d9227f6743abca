"""`make screenshots`: every front door of the running demo, and what stands behind it, on a phone and on a desk."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as BrowserError

from app.local import demo_file
from app.local.browser import ensure_browser
from app.local.demo_file import Row
from app.local.places import CHECKOUT, Places
from app.local.readme_pictures import take_for_readme

WIDTHS = {"phone": 375, "desk": 1440}
HEIGHT = 900
PATIENCE_MILLISECONDS = 10_000
# The network is closed where this runs: the browser's own errands would only fail, many at a time.
ARGUMENTS = (
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def take(home: Places) -> int:
    """Write PNG files to var/screenshots and print their names; raises Unsuitable if the demo was never started."""
    rows = list(demo_file.rows(demo_file.read(home.demo)))
    directory = home.var / "screenshots"
    directory.mkdir(parents=True, exist_ok=True)
    found = ensure_browser(home.logs / "browser.log")
    failed = 0
    with sync_playwright() as playwright:
        own_arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox refuses root
        browser = playwright.chromium.launch(executable_path=found, args=[*ARGUMENTS, *own_arguments])
        for row in _one_per_address(rows):
            try:
                for path in _of_one(browser, row, directory / _slug(row)):
                    print(path.name)
            except BrowserError as error:
                failed += 1
                print(f"{row.address}: {error.message.splitlines()[0]}")
        port = int(demo_file.read(home.demo)["port"])
        password = next(row.password for row in rows if row.password)
        for path in take_for_readme(browser, port, password):
            print(path.relative_to(CHECKOUT))
        browser.close()
    print(f"In {directory}")
    return 1 if failed else 0


def _one_per_address(rows: list[Row]) -> Iterator[Row]:
    """The first person of each place speaks for all of them."""
    seen: set[str] = set()
    for row in rows:
        if row.address not in seen:
            seen.add(row.address)
            yield row


def _slug(row: Row) -> str:
    return re.sub(r"[^a-z0-9]+", "-", row.address.lower().removeprefix("http://")).strip("-")


def _of_one(browser: Browser, row: Row, stem: Path) -> Iterator[Path]:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    page = context.new_page()
    try:
        page.goto(row.address)
        yield from _shoot(page, stem, "door")
        if row.user:
            page.goto(f"{row.address}login")
            page.fill("input[name=email]", row.user)
            page.fill("input[name=password]", row.password)
            page.press("input[name=password]", "Enter")
            page.wait_for_load_state("networkidle")
            yield from _shoot(page, stem, "inside")
    finally:
        context.close()


def _shoot(page: Page, stem: Path, moment: str) -> Iterator[Path]:
    """Take the page at both widths: signing in twice for that would meet the brake on sign-ins."""
    for device, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": HEIGHT})
        path = stem.with_name(f"{stem.name}-{device}-{moment}.png")
        page.screenshot(path=path, full_page=True)
        yield path
