"""The distributor switches subdomains of its aliases on and off."""

from __future__ import annotations

from flask.testing import FlaskClient

from app.core.db import BoundSession
from app.identity.models import UserKind, UserType
from tenants.context import scope
from tenants.models import Distributor
from tests.factories.world import World, make_user
from tests.web.conftest import signed_in_browser


def test_switching_subdomains_on_and_off_is_seen_at_once(client: FlaskClient, world: World, sign_in) -> None:
    address = f"http://techsolutions.{world.host}"
    sign_in(world.bss_user)
    assert client.get("/login", base_url=address).status_code == 421
    assert client.post("/bss/addresses", data={"is_on": "y"}).status_code == 303
    assert "checked" in client.get("/bss/addresses").text
    assert client.get("/login", base_url=address).status_code == 200
    assert client.post("/bss/addresses", data={}).status_code == 303
    assert client.get("/login", base_url=address).status_code == 421


def test_who_may_only_look_cannot_switch(client: FlaskClient, world: World, session: BoundSession) -> None:
    with scope(world.scope):
        reader = make_user(session, None, kind=UserKind.BSS, realms=(world.id,), type=UserType.USER, roles=("support",))
        session.commit()
    signed_in_browser(client, world, reader)
    assert client.post("/bss/addresses", data={"is_on": "y"}).status_code == 403
    with scope(world.scope):
        assert session.get_one(Distributor, world.id).has_alias_subdomains is False
