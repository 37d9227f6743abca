"""What a provider of our own making says about the end of a session, and the means to spoil it one thing at a time."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.domain.identity.saml.answers import NS, given, key_pair, written

RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
RSA_SHA1 = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"


@dataclass(frozen=True, slots=True)
class LogoutMessage:
    """A LogoutRequest, or with `in_response_to` a LogoutResponse; None leaves an attribute or element out."""

    issuer: str
    destination: str | None
    at: datetime
    id: str = "_logout-1"
    issued_after: timedelta = timedelta(0)
    ends_after: timedelta | None = timedelta(minutes=5)
    subject: str | None = "person-1"
    sessions: tuple[str, ...] = ("session-1",)
    in_response_to: str | None = None
    is_response: bool = False
    status: str = SUCCESS
    relay_state: str | None = "there-1"
    prefix: str = ""  # before the root element
    inside: str = ""  # last in it
    key: str | None = None  # None: the provider's
    algorithm: str = RSA_SHA256

    @property
    def name(self) -> str:
        """Of the parameter that carries it."""
        return "SAMLResponse" if self.is_response else "SAMLRequest"

    def xml(self) -> str:
        """The message."""
        ends = written(self.at + self.ends_after) if self.ends_after is not None and not self.is_response else None
        kind = "LogoutResponse" if self.is_response else "LogoutRequest"
        head = (
            f'<samlp:{kind} xmlns:samlp="{NS["samlp"]}" xmlns:saml="{NS["saml"]}" ID="{self.id}" Version="2.0"'
            f' IssueInstant="{written(self.at + self.issued_after)}"'
            + given("Destination", self.destination)
            + given("NotOnOrAfter", ends)
            + given("InResponseTo", self.in_response_to)
            + f"><saml:Issuer>{escape(self.issuer)}</saml:Issuer>"
        )
        if self.is_response:
            body = f'<samlp:Status><samlp:StatusCode Value="{self.status}"/></samlp:Status>'
        else:
            named = f"<saml:NameID>{self.subject}</saml:NameID>" if self.subject is not None else ""
            body = named + "".join(f"<samlp:SessionIndex>{each}</samlp:SessionIndex>" for each in self.sessions)
        return f"{self.prefix}{head}{body}{self.inside}</samlp:{kind}>"

    def unsigned(self) -> str:
        """The query without a signature."""
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        packed = base64.b64encode(packer.compress(self.xml().encode()) + packer.flush()).decode()
        query = f"{self.name}={quote(packed, safe='')}"
        return query if self.relay_state is None else f"{query}&RelayState={quote(self.relay_state, safe='')}"

    def query(self, **changes: object) -> str:
        """The signed query string."""
        changed = replace(self, **changes) if changes else self
        signed = f"{changed.unsigned()}&SigAlg={quote(changed.algorithm, safe='')}"
        private: Any = load_pem_private_key((key_pair(changed.key) if changed.key else key_pair()).key.encode(), None)
        chosen = hashes.SHA1() if changed.algorithm == RSA_SHA1 else hashes.SHA256()  # noqa: S303 - to be refused
        signature = private.sign(signed.encode(), PKCS1v15(), chosen)
        return f"{signed}&Signature={quote(base64.b64encode(signature).decode(), safe='')}"
