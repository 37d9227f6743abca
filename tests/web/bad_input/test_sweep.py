"""Every address that changes something, asked with nothing and with nonsense: never a crash, never without a token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection
from werkzeug.routing import AnyConverter, IntegerConverter, Rule, UUIDConverter

from app.core import db
from app.core.ids import new_id
from app.identity.models import User
from app.web.forms import Form
from tests.factories.world import World
from tests.web.conftest import Browser, signed_in_browser

NONSENSE = (
    "<script>alert(1)</script>",
    "nul \x00 byte",
    "-1",
    "1e999",
    "9" * 40,
    "x" * 5_000,
    "2026-02-31",
)
# What pages read beside their forms.
OTHER_NAMES = ("action", "all_matching", "confirm", "id", "item", "move", "order", "required", "selected", "step")
FIRST_ERROR, LAST_CLIENT_ERROR = 400, 499
SEE_OTHER = 303
BAD_REQUEST, UNAUTHORIZED = 400, 401


@dataclass(frozen=True)
class Area:
    """Pages of one surface and who is in there."""

    endpoints: tuple[str, ...]
    prefix: str
    person: str

    def user(self, world: World) -> User:
        return {
            "staff": world.bss_user,
            "shopkeeper": world.tech.admin,
            "buyer": world.tech.buyers[0],
            "basic": world.basic.admin,
            "direct": world.direct_buyer,
        }[self.person]


AREAS = {
    "back office": Area(("bss_",), "", "staff"),
    "administration of a storefront": Area(("manage_",), "/techsolutions", "shopkeeper"),
    "storefront of a reseller": Area(("storefront_",), "/techsolutions", "buyer"),
    "root storefront": Area(("storefront_",), "", "direct"),
    "root storefront of a Basic reseller": Area(("storefront_",), "", "basic"),
}
area = pytest.mark.parametrize("place", AREAS.values(), ids=AREAS)


def changing(app: Flask, place: Area) -> list[Rule]:
    """Rules that take a POST; leaving is left out, for it ends the visit."""
    return [
        rule
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ())
        and rule.endpoint.startswith(place.endpoints)
        and "logout" not in rule.endpoint
    ]


def path_of(rule: Rule, own_ids: dict[str, object]) -> str:
    """Fill a rule's places with records of the world where it has them."""
    values: dict[str, object] = {}
    for name, converter in rule._converters.items():
        if isinstance(converter, AnyConverter):
            values[name] = min(converter.items)
        elif isinstance(converter, IntegerConverter):
            values[name] = 0
        else:
            unknown = new_id() if isinstance(converter, UUIDConverter) else "nothing"
            values[name] = own_ids.get(name, unknown)
    built = rule.build(values, append_unknown=False)
    assert built is not None
    return built[1]


def field_names() -> list[str]:
    """Return every name that a form of the product has."""
    names: set[str] = set()
    waiting: list[type] = [Form]
    while waiting:
        found = waiting.pop()
        waiting += found.__subclasses__()
        names |= {
            name for name in vars(found) if not name.startswith("_") and hasattr(getattr(found, name), "field_class")
        }
    return sorted(names)


@pytest.fixture
def ask(connection: Connection, client: Browser, world: World, own_ids: dict[str, object]) -> Iterator[object]:
    """`ask(place, rule, data)` posts as the right person and forgets what it changed; returns the status."""

    def post(place: Area, rule: Rule, data: dict[str, str]) -> int:
        db.session.remove()
        before = connection.begin_nested()
        try:
            return client.post(f"{place.prefix}{path_of(rule, own_ids)}", data=data).status_code
        finally:
            db.session.remove()
            before.rollback()

    return post


def is_answer(status: int) -> bool:
    """Whether a form was answered: refused, or done and led on."""
    return status in (200, SEE_OTHER) or FIRST_ERROR <= status <= LAST_CLIENT_ERROR


def sign_in(client: FlaskClient, world: World, place: Area) -> None:
    """Give the browser a visit of the area's person."""
    signed_in_browser(client, world, place.user(world))
    db.session.commit()


@area
def test_no_form_crashes_when_it_is_empty(app, client, world, ask, place: Area):
    """An empty body is refused or, where a button alone is enough, obeyed."""
    sign_in(client, world, place)
    wrong = {rule.rule: status for rule in changing(app, place) if not is_answer(status := ask(place, rule, {}))}
    assert wrong == {}


@area
def test_no_form_crashes_on_nonsense(app, client, world, ask, place: Area):
    """Every field of every form, filled with the same nonsense."""
    sign_in(client, world, place)
    names = (*field_names(), *OTHER_NAMES)
    wrong = {}
    for rule in changing(app, place):
        for nonsense in NONSENSE:
            status = ask(place, rule, dict.fromkeys(names, nonsense))
            if not is_answer(status):
                wrong[rule.rule, nonsense[:20]] = status
    assert wrong == {}


SENT_BY_OTHERS = (
    "/saml/acs",
    "/backchannel",
)  # identity providers post here: a stored request or a signature is the token


@area
def test_nothing_changes_without_a_token(app, client, world, ask, monkeypatch, place: Area):
    """A form sent by another site has no token and is refused, whatever it would have done; a session is no API key."""
    sign_in(client, world, place)
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    rules = [rule for rule in changing(app, place) if not rule.rule.endswith(SENT_BY_OTHERS)]
    statuses = {rule.rule: ask(place, rule, {}) for rule in rules}
    wanted = {path: UNAUTHORIZED if "/api/v1/" in path and "token" not in path else BAD_REQUEST for path in statuses}
    assert statuses == wanted
    assert BAD_REQUEST in statuses.values()
