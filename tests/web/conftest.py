"""One application for all web tests, a client that asks at an address, and a quick way to be signed in."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.access.cookies import cookie_name, signed
from app.core import db
from app.core.clock import utc_now
from app.factory import create_app
from app.identity.models import SignInName, User, UserKind
from app.identity.realms import open_realm
from app.identity.sessions import start_session
from tenants.context import distributor_scope, scope
from tenants.directory import directory
from tests.factories.world import World


class Browser(FlaskClient):
    """Asks at `host`; commits what the test made before, as another process would have. Redirects are not followed."""

    host = "localhost"

    def secret(self, realm: UUID, path: str = "/") -> str:
        """Return what the browser holds as the session of a realm."""
        found = self.get_cookie(cookie_name(realm), domain=self.host, path=path)
        assert found is not None
        return found.value

    def open(self, *args: Any, **kwargs: Any) -> Any:
        """Ask the application."""
        if db.session.registry.has():
            db.session().commit()
            db.session().expunge_all()  # or a refused request's rollback would expire what the test still reads
        directory.forget()
        if not (args and isinstance(args[0], str) and args[0].startswith("http")):
            kwargs.setdefault("base_url", f"http://{self.host}")
        return super().open(*args, **kwargs)

    def save(self, path: str, *, data: dict[str, Any], **kwargs: Any) -> Any:
        """Save a form as somebody does who has just opened it: with the version that its page shows."""
        shown = re.search(r'name="version"[^>]*value="(\d+)"', self.get(path).text)
        assert shown is not None, f"{path} has no form with a version"
        return self.post(path, data={**data, "version": shown[1]}, **kwargs)


@pytest.fixture(scope="session")
def app(database: None) -> Flask:
    """The application; forms need no token here (tests/web/identity proves that they do)."""
    made = create_app()
    made.test_client_class = Browser
    made.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=False, WTF_CSRF_ENABLED=False)
    return made


@pytest.fixture
def client(app: Flask, world: World) -> Browser:
    """A browser at the distributor's host; paths of an alias start with it (`/techsolutions/…`)."""
    browser = app.test_client()
    assert isinstance(browser, Browser)
    browser.host = world.host
    browser.environ_base["REMOTE_ADDR"] = ".".join(str(random.randint(1, 250)) for _ in range(4))  # a brake of its own
    return browser


SignIn = Callable[..., FlaskClient]


@pytest.fixture
def sign_in(client: FlaskClient, world: World) -> SignIn:
    """`sign_in(user)` gives `client` a session of the user; see `signed_in_browser`."""

    def enter(user: User, *, realm: UUID | None = None, alias: str | None = None) -> FlaskClient:
        return signed_in_browser(client, world, user, realm=realm, alias=alias)

    return enter


def signed_in_browser(
    browser: FlaskClient, world: World, user: User, *, realm: UUID | None = None, alias: str | None = None
) -> FlaskClient:
    """Insert a session row and set its cookie: no password, no request.

    The realm is BSS for its people, the root for direct customers, the own storefront for end customers; a reseller's
    staff enter their own storefront if they have one, else the root. `realm=world.root.id` says otherwise.
    """
    shops = {shop.id: shop for shop in (world.tech, world.cloudia, world.basic)}
    shop = shops.get(user.reseller_id) if user.reseller_id else None
    if realm is None:
        own = shop.storefront if shop else None
        realm = world.id if user.kind is UserKind.BSS else own.id if own else world.root.id
    path = "/bss" if realm == world.id else "/"
    if shop is not None and shop.storefront is not None and realm == shop.storefront.id:
        path = f"/{alias or shop.alias}"
    with scope(distributor_scope(world.id)):
        with open_realm(realm):
            name = db.session.scalars(
                select(SignInName).where(SignInName.realm_id == realm, SignInName.user_id == user.id)
            ).one()
        token, _ = start_session(name, at=utc_now(), address=None, browser="Test")
        db.session.commit()
    browser.set_cookie(cookie_name(realm), signed(realm, token), domain=world.host, path=path)
    return browser
