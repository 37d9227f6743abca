"""Single logout over the redirect binding: our messages, and what theirs must say to count (SAML profiles, 4.4).

Both sides sign the octets of the query as they were sent. Nothing is parsed before that signature holds.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, unquote_plus
from xml.sax.saxutils import escape as escaped
from xml.sax.saxutils import quoteattr

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from lxml import etree
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names
from onelogin.saml2.utils import OneLogin_Saml2_Utils as Library
from onelogin.saml2.xml_utils import OneLogin_Saml2_XML as LibraryXml

from app.identity.providers.identities import LogoutHint
from app.identity.providers.models import IdentityProvider
from app.identity.saml.documents import ids_of, read_deflated
from app.identity.saml.errors import AnswerRefused
from app.identity.saml.service import SamlRequest, ServiceAddresses, redirect_to
from app.identity.saml.signatures import DS, is_valid
from app.identity.saml.verification import DRIFT, SAML, SAMLP, SCHEMA, subject_of, text_of, time_of

LONGEST_QUERY = 32 * 1024
VALID_FOR = timedelta(minutes=5)  # since it was issued
HASHES = {
    Names.RSA_SHA256: hashes.SHA256(),
    Names.RSA_SHA384: hashes.SHA384(),
    Names.RSA_SHA512: hashes.SHA512(),
}
MOST_SESSIONS = 50
PARTIAL = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout"
LONGEST_RELAY_STATE = 500


@dataclass(frozen=True, slots=True)
class SignedQuery:
    """A query string whose signature holds."""

    message: str  # deflated and encoded
    relay_state: str | None


@dataclass(frozen=True, slots=True)
class VerifiedLogoutRequest:
    """Whose sessions a provider ends. No sessions named: all that it vouched for."""

    id: str
    subject: str
    sessions: tuple[str, ...]
    valid_until: datetime  # after which its time alone refuses it


def ask_to_sign_out(
    provider: IdentityProvider, addresses: ServiceAddresses, hint: LogoutHint, session: str | None, *, at: datetime
) -> SamlRequest:
    """Return our signed request to end a person's session there."""
    request_id = str(Library.generate_unique_id())
    formats = {
        "Format": hint.name_format,
        "NameQualifier": hint.name_qualifier,
        "SPNameQualifier": hint.own_qualifier,
    }
    named = "".join(f" {name}={quoteattr(value)}" for name, value in formats.items() if value)
    index = f"<samlp:SessionIndex>{escaped(session)}</samlp:SessionIndex>" if session else ""
    text = (
        f"<samlp:LogoutRequest {_head(request_id, provider.slo_url or '', at)}"
        f' NotOnOrAfter="{Library.parse_time_to_SAML(int((at + VALID_FOR).timestamp()))}">'
        f"<saml:Issuer>{escaped(addresses.entity_id)}</saml:Issuer>"
        f"<saml:NameID{named}>{escaped(hint.name_id)}</saml:NameID>{index}</samlp:LogoutRequest>"
    )
    query = {"SAMLRequest": _packed(text), "RelayState": request_id}
    return SamlRequest(request_id, redirect_to(provider, provider.slo_url or "", query, sign=True))


def answer_sign_out(
    provider: IdentityProvider,
    addresses: ServiceAddresses,
    request_id: str,
    relay_state: str | None,
    *,
    at: datetime,
) -> str:
    """Return where the browser takes our signed word that the sessions have ended."""
    url = provider.slo_answer_url or provider.slo_url or ""
    text = (
        f"<samlp:LogoutResponse {_head(str(Library.generate_unique_id()), url, at)} InResponseTo={quoteattr(request_id)}>"
        f"<saml:Issuer>{escaped(addresses.entity_id)}</saml:Issuer>"
        f'<samlp:Status><samlp:StatusCode Value="{Names.STATUS_SUCCESS}"/></samlp:Status></samlp:LogoutResponse>'
    )
    query = {"SAMLResponse": _packed(text)}
    if relay_state is not None:
        query["RelayState"] = relay_state
    return redirect_to(provider, url, query, sign=True)


def _head(message_id: str, destination: str, at: datetime) -> str:
    return (
        f'xmlns:samlp="{Names.NS_SAMLP}" xmlns:saml="{Names.NS_SAML}" ID="{message_id}" Version="2.0"'
        f' IssueInstant="{Library.parse_time_to_SAML(int(at.timestamp()))}" Destination={quoteattr(destination)}'
    )


def _packed(text: str) -> str:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return base64.b64encode(packer.compress(text.encode()) + packer.flush()).decode()


def verify_query(query: str, name: str, certificates: Sequence[str], *, at: datetime) -> SignedQuery:
    """Return a message (`SAMLRequest` or `SAMLResponse`) whose query one of the certificates signed, as it was sent.

    Raises AnswerRefused. Every parameter stands there once; RSA with SHA-256 or stronger.
    """
    if len(query) > LONGEST_QUERY or not query.isascii():
        raise AnswerRefused("too_large")
    sent = _sent(query)
    if name not in sent or {"SAMLRequest", "SAMLResponse"} <= sent.keys():
        raise AnswerRefused("no_message")
    if "Signature" not in sent or "SigAlg" not in sent:
        raise AnswerRefused("unsigned")
    chosen = HASHES.get(unquote_plus(sent["SigAlg"]))
    if chosen is None:
        raise AnswerRefused("weak_signature")
    try:
        signature = base64.b64decode("".join(unquote_plus(sent["Signature"]).split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise AnswerRefused("not_base64") from error
    signed = "&".join(f"{each}={sent[each]}" for each in (name, "RelayState", "SigAlg") if each in sent).encode()
    keys = [x509.load_pem_x509_certificate(each.encode()).public_key() for each in certificates if is_valid(each, at)]
    if not any(isinstance(key, RSAPublicKey) and _holds(key, signature, signed, chosen) for key in keys):
        raise AnswerRefused("wrong_signature")
    relay_state = unquote_plus(sent["RelayState"]) if "RelayState" in sent else None
    if relay_state is not None and len(relay_state) > LONGEST_RELAY_STATE:
        raise AnswerRefused("too_large")
    return SignedQuery(unquote_plus(sent[name]), relay_state)


def _sent(query: str) -> Mapping[str, str]:
    """Return the parameters with their values still encoded; raises AnswerRefused where one is there twice."""
    found: dict[str, str] = {}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if name in found or (name, value) != (unquote_plus(name), value):
            raise AnswerRefused("repeated_parameter")
        found[name] = value
    if len(parse_qsl(query, keep_blank_values=True)) != len(found):
        raise AnswerRefused("repeated_parameter")
    return found


def _holds(key: RSAPublicKey, signature: bytes, signed: bytes, chosen: hashes.HashAlgorithm) -> bool:
    try:
        key.verify(signature, signed, PKCS1v15(), chosen)
    except InvalidSignature:
        return False
    return True


def read_logout_request(
    query: SignedQuery, provider: IdentityProvider, addresses: ServiceAddresses, *, at: datetime
) -> VerifiedLogoutRequest:
    """Return what a provider asks; raises AnswerRefused."""
    root = _message(query.message, "LogoutRequest", provider, addresses, at)
    ends = time_of(root, "NotOnOrAfter")
    if ends is not None and ends + DRIFT <= at:
        raise AnswerRefused("expired")
    names = root.findall(f"{SAML}NameID")
    if len(names) != 1 or root.find(f"{SAML}EncryptedID") is not None or root.find(f"{SAML}BaseID") is not None:
        raise AnswerRefused("no_subject")
    sessions = tuple(text_of(each) for each in root.findall(f"{SAMLP}SessionIndex"))
    if len(sessions) > MOST_SESSIONS or not all(sessions):
        raise AnswerRefused("sessions")
    issued = time_of(root, "IssueInstant")
    assert issued is not None
    return VerifiedLogoutRequest(
        root.get("ID", ""), subject_of(names[0]).text, sessions, max(issued + VALID_FOR, ends or issued) + DRIFT
    )


def check_logout_response(
    query: SignedQuery, request_id: str, provider: IdentityProvider, addresses: ServiceAddresses, *, at: datetime
) -> None:
    """Raise AnswerRefused unless a provider says that it has ended the session we asked about."""
    root = _message(query.message, "LogoutResponse", provider, addresses, at)
    if root.get("InResponseTo") != request_id:
        raise AnswerRefused("wrong_request")
    status = root.find(f"{SAMLP}Status/{SAMLP}StatusCode")
    below = status.find(f"{SAMLP}StatusCode") if status is not None else None
    if status is None or status.get("Value") != Names.STATUS_SUCCESS:
        raise AnswerRefused("not_signed_out")
    if below is not None and below.get("Value") == PARTIAL:
        raise AnswerRefused("not_signed_out_everywhere")


def _message(
    encoded: str, name: str, provider: IdentityProvider, addresses: ServiceAddresses, at: datetime
) -> etree._Element:
    root = read_deflated(encoded)
    if root.tag != f"{SAMLP}{name}":
        raise AnswerRefused("another_message")
    if isinstance(LibraryXml.validate_xml(root, SCHEMA), str):
        raise AnswerRefused("schema")
    if root.get("Version") != "2.0":
        raise AnswerRefused("version")
    ids = ids_of(root)
    if len(ids) != len(set(ids)) or any(node.tag == f"{DS}Signature" for node in root.iter()):
        raise AnswerRefused("signature_misplaced")  # the query's counts: one inside would only distract
    issuers = root.findall(f"{SAML}Issuer")
    if len(issuers) != 1 or text_of(issuers[0]) != provider.entity_id:
        raise AnswerRefused("wrong_issuer")
    if root.get("Destination") != addresses.slo_url:
        raise AnswerRefused("wrong_destination")
    issued = time_of(root, "IssueInstant")
    if issued is None or issued > at + DRIFT:
        raise AnswerRefused("not_yet_valid")
    if issued + VALID_FOR + DRIFT <= at:
        raise AnswerRefused("expired")
    return root
