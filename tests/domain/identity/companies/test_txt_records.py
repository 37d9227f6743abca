"""Asking DNS for real: a small name server on loopback answers as a test wants."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from app.core.txt_records import Dns, DnsSilent, TxtFile

RECORDS = {
    "_sign-in-verification.acme.example.": ['"sign-in-verification=abc"', '"another"'],
    "long.example.": ['"sign-in-verification=" "in two parts"'],
    "alias.example.": None,  # a CNAME
}


def answer_of(query: dns.message.Message) -> dns.message.Message:
    question = query.question[0]
    name = question.name.to_text()
    answer = dns.message.make_response(query)
    answer.flags |= dns.flags.AA | dns.flags.RA
    if name == "broken.example.":
        answer.set_rcode(dns.rcode.SERVFAIL)
    elif name == "alias.example.":
        answer.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", "long.example."))
        answer.answer.append(dns.rrset.from_text("long.example.", 60, "IN", "TXT", *RECORDS["long.example."]))
    elif name in RECORDS:
        answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *RECORDS[name]))
    elif name != "empty.example.":
        answer.set_rcode(dns.rcode.NXDOMAIN)
    return answer


@pytest.fixture
def server() -> Iterator[Dns]:
    """A name server; it does not answer for `silent.example`."""
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    line.bind(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            message, sender = line.recvfrom(4096)
            if message == b"end":
                return
            query = dns.message.from_wire(message)
            if query.question[0].name.to_text() != "silent.example.":
                line.sendto(answer_of(query).to_wire(), sender)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield Dns(server=line.getsockname())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ending:
        ending.sendto(b"end", line.getsockname())
    thread.join(5)
    line.close()


def test_texts_are_read_whole(server: Dns) -> None:
    assert server.of("_sign-in-verification.acme.example") == {"sign-in-verification=abc", "another"}
    assert server.of("long.example") == {"sign-in-verification=in two parts"}
    assert server.of("alias.example") == {"sign-in-verification=in two parts"}


@pytest.mark.parametrize("name", ["nowhere.example", "empty.example"])
def test_no_record_is_an_answer(server: Dns, name: str) -> None:
    assert server.of(name) == frozenset()


@pytest.mark.parametrize("name", ["broken.example", "silent.example", "a..b", "x" * 64 + ".example"])
def test_no_answer_is_none(server: Dns, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a name server that is down would take a domain from its company."""
    monkeypatch.setattr("app.core.txt_records.LONGEST_WAIT_SECONDS", 0.3)
    with pytest.raises(DnsSilent):
        server.of(name)


def test_a_file_stands_in_for_dns(tmp_path) -> None:
    path = tmp_path / "records.txt"
    assert TxtFile(path).of("acme.example") == frozenset()
    path.write_text("acme.example one\nother.example two\nacme.example three and four\n")
    assert TxtFile(path).of("acme.example") == {"one", "three and four"}
