"""No page of a journey has a serious fault of accessibility."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

GRAVE = ("serious", "critical")


def require_accessible(page: Page) -> None:
    """Fail with the faults of the page that is open, each with where it is."""
    found = Axe().run(page).response["violations"]
    faults = [
        f"{each['id']}: {each['help']}: {[node['html'][:160] for node in each['nodes'][:3]]}"
        for each in found
        if each["impact"] in GRAVE
    ]
    assert not faults, f"{page.url}: {faults}"
