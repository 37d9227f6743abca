"""Whom a connector may call: decisions §8, "allows private or unencrypted targets for mail and connectors"."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.core.networks import is_public
from tests.workers.connectors.canned import CannedServer, answer, canned_server
from tests.workers.connectors.contract import BAKERY, a_request
from workers.connectors.base import ConnectorUnavailable, ServiceManagerSettings
from workers.connectors.calls import CallOutcome, VendorCall
from workers.connectors.service_manager import ServiceManagerConnector
from workers.connectors.targets import TargetRefused, checked_endpoints, require_url

OK = answer(b'{"Code": 0, "Message": "", "Result": "svc-1"}')
PUBLIC = "198.41.0.4"


def create_at(base_url: str, *, allowed: frozenset[str] = frozenset(), records: list[VendorCall] | None = None):
    settings = ServiceManagerSettings(kind="service_manager", base_url=base_url, application_id="app", api_key="key-1")
    connector = ServiceManagerConnector(
        settings, allowed_private_targets=allowed, record_call=(records if records is not None else []).append
    )
    return connector.create(a_request(replace(BAKERY, vendor_reference="acc-1")), idempotency_key="task-1")


@contextmanager
def names(addresses: list[str]) -> Iterator[list[str]]:
    """Resolve every name to these addresses, loopback ones by themselves; tell what was looked up."""
    asked: list[str] = []

    def resolve(host: str, port: int, **_: object):
        asked.append(host)
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (a, port, 0, 0))
            if ":" in a
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port))
            for a in addresses
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workers.connectors.targets.socket.getaddrinfo", resolve)
        yield asked


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",  # noqa: S104
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::1",
        "2001:db8::1",
        "not an address",
    ],
)
def test_private_address_is_told_apart(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["198.41.0.4", "8.8.8.8", "2001:500:2::c", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_address_is_told_apart(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://vendor.example",
        "https://",
        "https://user:word@vendor.example",
        "https://vendor.example/?key=1",
        "https://vendor.example/#x",
        "https://vendor.example:99999",
        "//vendor.example",
        "http://vendor.example",
    ],
)
def test_unfit_address_is_refused(url: str) -> None:
    with pytest.raises(TargetRefused):
        require_url(url, allowed_private_targets=frozenset())


def test_plain_http_needs_permission_for_exactly_this_port() -> None:
    allowed = frozenset({"Vendor.example:8080", "[::1]:9000"})

    for url in ("http://vendor.Example:8080/api", "http://[::1]:9000", "https://elsewhere.example"):
        require_url(url, allowed_private_targets=allowed)
    for url in ("http://vendor.example/api", "http://vendor.example:8081/api", "http://other.example:8080/api"):
        with pytest.raises(TargetRefused, match="https"):
            require_url(url, allowed_private_targets=allowed)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1"])
def test_private_target_is_refused_and_never_connected(host: str) -> None:
    records: list[VendorCall] = []
    with canned_server(OK) as server:
        with pytest.raises(TargetRefused, match="not a public address"):
            create_at(f"https://{host}:{server.port}/api", records=records)
        with pytest.raises(TargetRefused, match="https"):
            create_at(f"http://{host}:{server.port}/api", records=records)

    assert server.requests == []
    assert [(call.outcome, call.status) for call in records] == [(CallOutcome.REJECTED, None)] * 2


def test_permission_for_one_port_opens_no_other() -> None:
    with canned_server(OK) as server:
        with pytest.raises(TargetRefused):
            create_at(f"https://127.0.0.1:{server.port}", allowed=frozenset({f"127.0.0.1:{server.port + 1}"}))
        made = create_at(server.url, allowed=frozenset({server.target}))

    assert (len(server.requests), made.reference) == (1, "svc-1")


@pytest.mark.parametrize("addresses", [["127.0.0.1"], [PUBLIC, "10.0.0.7"], ["2001:500:2::c", "::ffff:127.0.0.1"]])
def test_name_with_a_private_address_is_refused(addresses: list[str]) -> None:
    with names(addresses), pytest.raises(TargetRefused, match=r"vendor\.example:443 is not a public address"):
        create_at("https://vendor.example/api")


def test_name_is_resolved_once_so_a_changed_answer_gains_nothing() -> None:
    with canned_server(OK) as server, names(["127.0.0.1"]) as asked:
        create_at(f"http://vendor.example:{server.port}", allowed=frozenset({f"vendor.example:{server.port}"}))

    assert asked == ["vendor.example"]
    assert f"\r\nHost: vendor.example:{server.port}\r\n".encode() in server.requests[0]


def test_next_address_is_tried_when_one_does_not_answer() -> None:
    with canned_server(OK) as server, names(["127.0.0.2", "127.0.0.1"]):
        made = create_at(f"http://vendor.example:{server.port}", allowed=frozenset({f"vendor.example:{server.port}"}))

    assert made.reference == "svc-1"


def test_public_name_is_accepted() -> None:
    with names([PUBLIC, "2001:500:2::c"]):
        endpoints = checked_endpoints("vendor.example", 443, allowed_private_targets=frozenset())

    assert [endpoint.sockaddr[0] for endpoint in endpoints] == [PUBLIC, "2001:500:2::c"]


def test_name_that_does_not_exist_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("workers.connectors.targets.socket.getaddrinfo", fail)
    with pytest.raises(ConnectorUnavailable, match=r"vendor\.example could not be resolved"):
        create_at("https://vendor.example/api")


def test_proxies_of_the_environment_are_left_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    with canned_server(answer(b"{}")) as proxy, canned_server(OK) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        create_at(server.url, allowed=frozenset({server.target}))

    assert (len(proxy.requests), len(server.requests)) == (0, 1)


@contextmanager
def tls_server(folder: Path, name: str) -> Iterator[tuple[CannedServer, Path]]:
    """A vendor with a certificate that it signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "key.pem").write_bytes(pem)
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    with canned_server(OK, tls=context) as server:
        yield server, folder / "certificate.pem"


def test_certificate_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    with tls_server(tmp_path, "vendor.example") as (server, _), names(["127.0.0.1"]):
        allowed = frozenset({f"vendor.example:{server.port}"})
        with pytest.raises(ConnectorUnavailable, match="SSLError"):
            create_at(f"https://vendor.example:{server.port}", allowed=allowed)

    assert server.requests == []


def test_certificate_is_checked_against_the_name_not_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls_server(tmp_path, "vendor.example") as (server, authority), names(["127.0.0.1"]):
        monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(authority))
        allowed = frozenset({f"{name}:{server.port}" for name in ("vendor.example", "other.example")})
        made = create_at(f"https://vendor.example:{server.port}", allowed=allowed)
        with pytest.raises(ConnectorUnavailable, match="SSLError"):
            create_at(f"https://other.example:{server.port}", allowed=allowed)

    assert (made.reference, len(server.requests)) == ("svc-1", 1)
