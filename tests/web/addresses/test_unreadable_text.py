"""Text that no database column can hold is refused before anything is asked or stored."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from flask.testing import FlaskClient

from tests.factories.world import World


@pytest.mark.parametrize("path", ["/manage/orders?q=a%00b", "/manage/orders/SO%00", "/manage/orders?a%00b=c"])
def test_a_null_character_in_an_address_is_a_bad_request(client: FlaskClient, sign_in, world: World, path: str) -> None:
    sign_in(world.tech.admin)
    assert client.get(f"/techsolutions{path}").status_code == HTTPStatus.BAD_REQUEST


def test_a_null_character_in_a_form_is_a_bad_request(client: FlaskClient, world: World) -> None:
    answer = client.post("/techsolutions/login", data={"email": "a\x00b@post.example", "password": "x"})
    assert answer.status_code == HTTPStatus.BAD_REQUEST
