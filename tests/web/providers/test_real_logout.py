"""Back-channel logout as a real provider sends it: who signs out there is signed out here, and nobody else is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Queue
from urllib.parse import parse_qs

import pytest
import requests
from lxml import html

from app.core.ids import new_id
from tests.web.providers.conftest import add_link, add_provider, go_as, register, sessions_in

OK, FOUND, BAD = HTTPStatus.OK, HTTPStatus.SEE_OTHER, HTTPStatus.BAD_REQUEST
ACCOUNT = "iris@olympus.example"


@dataclass
class Mailbox:
    """Stands at the address the provider was told, and keeps what it posts."""

    address: str = ""
    posted: Queue[str] = field(default_factory=Queue)

    def token(self) -> str:
        return self.posted.get(timeout=10)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    made = Mailbox()

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            made.posted.put(sent["logout_token"][0])
            self.send_response(OK)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = HTTPServer(("127.0.0.1", 0), Take)
    made.address = f"http://127.0.0.1:{server.server_port}/backchannel"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def provider(world, issuer, mailbox):
    """The real one, registered with the address of a mailbox in place of ours, which no process listens at."""
    provider_id = new_id()
    columns = register(
        issuer,
        f"http://{world.host}/sso/{provider_id}/callback",
        backchannel_logout_uri=mailbox.address,
        backchannel_logout_session_required=True,
    )
    made = add_provider(world, world.root.id, id=provider_id, **columns)
    add_link(world, made, world.direct_buyer, ACCOUNT)
    return made


def sign_in(client, provider):
    """Sign in here through the provider; returns the browser as it knows the provider."""
    there = requests.Session()
    landed = client.get(go_as(ACCOUNT, client.get(f"/sso/{provider.id}").location, there))
    assert landed.status_code == FOUND
    return there


def sign_out_there(there, provider):
    shown = html.fromstring(there.get(f"{provider.issuer}/session/end", timeout=10).text)
    form = shown.get_element_by_id("op.logoutForm")
    there.post(form.get("action"), data={**dict(form.fields), "logout": "yes"}, timeout=10)


def tell(app, world, provider, token):
    machine = app.test_client()
    machine.host = world.host
    return machine.post(f"/sso/{provider.id}/backchannel", data={"logout_token": token})


def test_who_signs_out_at_the_real_provider_is_signed_out_here(app, client, world, provider, mailbox):
    """OpenID Connect Back-Channel Logout 1.0, with a provider of other people's making; and its token counts once."""
    there = sign_in(client, provider)
    assert client.get("/billing").status_code == OK
    (ours,) = sessions_in(world, world.root.id)
    assert ours.provider_session

    sign_out_there(there, provider)
    token = mailbox.token()

    assert tell(app, world, provider, token).status_code == OK
    assert sessions_in(world, world.root.id) == []
    assert client.get("/billing").status_code == FOUND
    sign_in(client, provider)
    assert tell(app, world, provider, token).status_code == BAD
    assert len(sessions_in(world, world.root.id)) == 1


def test_a_real_token_ends_the_session_it_names_and_not_the_same_persons_other_one(
    app, client, world, provider, mailbox
):
    there = sign_in(client, provider)
    other = app.test_client()
    other.host = world.host
    other.environ_base["REMOTE_ADDR"] = "203.0.113.90"
    sign_in(other, provider)
    assert len({each.provider_session for each in sessions_in(world, world.root.id)}) == 2

    sign_out_there(there, provider)

    assert tell(app, world, provider, mailbox.token()).status_code == OK
    assert (client.get("/billing").status_code, other.get("/billing").status_code) == (FOUND, OK)
