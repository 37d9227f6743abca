"""One installation and one browser for all journeys; a picture of the page in var/ where one fails."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, ViewportSize, expect, sync_playwright

from app.local.browser import find_browser
from app.local.screenshots import ARGUMENTS
from tests.conftest import ROOT, template_name
from tests.journeys.installation import Installation, installed
from tests.third_party.servers import free_port, running

PATIENCE_MILLISECONDS = 60_000  # workers import the application first, on cores that other tests use
VIEWPORT = ViewportSize(width=1280, height=900)


@pytest.fixture(scope="session")
def identity_ports() -> tuple[int, int, int]:
    """Where other people's identity providers listen, in journeys that start them."""
    return free_port(), free_port(), free_port()


@pytest.fixture(scope="session")
def installation(
    database: None, identity_ports: tuple[int, ...], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Everything that runs, once for all journeys."""
    reach = tuple(f"127.0.0.1:{port}" for port in identity_ports)
    with installed(tmp_path_factory.mktemp("journeys"), template_name(), reach=reach) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    found = find_browser()
    assert found is not None, "Chromium is needed: install it, as in apt-get install chromium"
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    own_arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox refuses root
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=[*ARGUMENTS, *own_arguments])
        yield opened
        opened.close()


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[OpenPage]:
    """`open_page()` is a page in a browser of its own: another person. What went wrong is photographed.

    `open_page(has_javascript=False)` has scripts off.
    """
    contexts: list[BrowserContext] = []

    def open_one(*, has_javascript: bool = True) -> Page:
        context = browser.new_context(viewport=VIEWPORT, java_script_enabled=has_javascript)
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        contexts.append(context)
        return context.new_page()

    yield open_one
    failed = getattr(request.node, "journey_failed", False)
    for number, context in enumerate(contexts, start=1):
        for page in context.pages:
            if failed:
                _photograph(page, f"{request.node.name}-{number}")
        context.close()


@pytest.fixture
def open_local(open_page: OpenPage) -> OpenPage:
    """`open_local()` is a page that goes nowhere else: other people's pages ask the web for typefaces."""

    def only_here(route: Route) -> None:
        host = urlsplit(route.request.url).hostname or ""
        if host == "127.0.0.1" or host.endswith(".localhost"):
            route.continue_()
        else:
            route.abort()

    def open_one(*, has_javascript: bool = True) -> Page:
        page = open_page(has_javascript=has_javascript)
        page.context.route("**/*", only_here)
        return page

    return open_one


@pytest.fixture(scope="session")
def openid(identity_ports) -> Iterator[str]:
    """The npm package oidc-provider; returns its issuer."""
    with running("openid.mjs", port=identity_ports[0]) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Let fixtures know that their test failed."""
    report = yield
    if call.when == "call":
        item.journey_failed = report.failed  # type: ignore[attr-defined]
    return report


def _photograph(page: Page, name: str) -> None:
    directory = ROOT / "var" / "journeys"
    directory.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=directory / f"{re.sub(r'[^a-z0-9-]+', '-', name.lower())}.png", full_page=True)
