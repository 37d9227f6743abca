"""A provider's own description, pasted or fetched by the owner: what it is called, where it answers, what it signs with."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names
from onelogin.saml2.utils import OneLogin_Saml2_Utils as Library

from app.core.errors import Invalid
from app.identity.saml.documents import read_document
from app.identity.saml.errors import AnswerRefused

MD, DS = f"{{{Names.NS_MD}}}", f"{{{Names.NS_DS}}}"
LEAST_RSA_BITS = 2048
LONGEST = 500
WORDS = {
    "too_large": "The metadata is larger than 256 KiB",
    "not_utf8": "The metadata is not written in UTF-8",
    "dtd": "The metadata holds a document type, which is not accepted",
}


@dataclass(frozen=True, slots=True)
class ProviderDescription:
    """What a provider says of itself. `certificates` are PEM, several while a new one takes over."""

    entity_id: str
    sso_url: str
    slo_url: str | None
    slo_answer_url: str | None  # where answers to its own requests go, if elsewhere
    certificates: tuple[str, ...]
    name_id_format: str | None
    wants_signed_requests: bool


def read_metadata(text: str, *, entity_id: str | None = None) -> ProviderDescription:
    """Read a description; of several, the one of `entity_id` or the first. Raises Invalid on the field `metadata`."""
    root = _read(text)
    found = [
        (entity, role)
        for entity in root.iter(f"{MD}EntityDescriptor")
        if (role := entity.find(f"{MD}IDPSSODescriptor")) is not None and entity_id in (None, entity.get("entityID"))
    ]
    if not found:
        raise _refused("This is not the metadata of a SAML identity provider")
    entity, role = found[0]
    sso_url = _location(role, "SingleSignOnService")
    if sso_url is None:
        raise _refused("The provider has no sign-in address for the redirect binding")
    certificates = _certificates(role)
    if not certificates:
        raise _refused("The metadata holds no certificate to check signatures with")
    name = entity.get("entityID", "")
    if not 0 < len(name) <= LONGEST:
        raise _refused("The metadata does not name its provider")
    name_id_format = role.find(f"{MD}NameIDFormat")
    return ProviderDescription(
        entity_id=name,
        sso_url=sso_url,
        slo_url=_location(role, "SingleLogoutService"),
        slo_answer_url=_location(role, "SingleLogoutService", "ResponseLocation"),
        certificates=certificates,
        name_id_format=(name_id_format.text or "").strip()[:200] or None if name_id_format is not None else None,
        wants_signed_requests=role.get("WantAuthnRequestsSigned") in ("true", "1"),
    )


def read_certificate(text: str) -> str:
    """Return a certificate (PEM, or its base64 alone) as PEM; raises Invalid on the field `certificate`."""
    try:
        found = x509.load_pem_x509_certificate(Library.format_cert("".join(text.split()) and text).encode())
    except ValueError as error:
        raise Invalid.field("certificate", "certificate_unreadable", "This certificate cannot be read") from error
    key = found.public_key()
    if isinstance(key, RSAPublicKey) and key.key_size < LEAST_RSA_BITS:
        message = f"The key of this certificate has {key.key_size} bits; at least {LEAST_RSA_BITS} are needed"
        raise Invalid.field("certificate", "certificate_weak", message)
    if not isinstance(key, RSAPublicKey | EllipticCurvePublicKey):
        raise Invalid.field("certificate", "certificate_weak", "Only RSA and elliptic curve certificates are accepted")
    return found.public_bytes(Encoding.PEM).decode()


def _read(text: str) -> etree._Element:
    try:
        return read_document(text.encode())
    except AnswerRefused as refused:
        cause = refused.__cause__
        told = f"The metadata cannot be read: {cause}" if cause is not None else "The metadata is not an XML document"
        raise _refused(WORDS.get(refused.reason, told)) from refused


def _certificates(role: etree._Element) -> tuple[str, ...]:
    found: list[str] = []
    for key in role.findall(f"{MD}KeyDescriptor"):
        if key.get("use") == "encryption":
            continue
        for node in key.iterfind(f"{DS}KeyInfo/{DS}X509Data/{DS}X509Certificate"):
            try:
                found.append(read_certificate(node.text or ""))
            except Invalid as error:
                raise _refused(error.errors[0].message) from error
    return tuple(dict.fromkeys(found))


def _location(role: etree._Element, service: str, name: str = "Location") -> str | None:
    for node in role.findall(f"{MD}{service}"):
        if node.get("Binding") == Names.BINDING_HTTP_REDIRECT:
            url = node.get(name) or ""
            if not url and name != "Location":
                return None
            parts = urlsplit(url)
            is_plain = url.isascii() and url.isprintable() and " " not in url
            if parts.scheme not in ("http", "https") or not parts.netloc or len(url) > LONGEST or not is_plain:
                raise _refused("An address of the provider is not a web address")
            return url
    return None


def _refused(message: str) -> Invalid:
    return Invalid.field("metadata", "metadata_refused", message)
