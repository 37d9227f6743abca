"""Our side of SAML: what the library must know of us and a provider, our metadata, our requests."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from onelogin.saml2.authn_request import OneLogin_Saml2_Authn_Request
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from onelogin.saml2.utils import OneLogin_Saml2_Utils as Library

from app.core.secrets import decrypt
from app.identity.providers.models import IdentityProvider

KEY_BITS = 3072
KEY_VALID_FOR = timedelta(days=3650)
SAFE = ""  # everything else is percent-encoded, so that both sides sign the same octets


@dataclass(frozen=True, slots=True)
class ServiceAddresses:
    """Our addresses for one provider, absolute, below the path of an alias; `entity_id` is that of our metadata."""

    entity_id: str
    acs_url: str
    slo_url: str


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its key, both PEM."""

    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class SamlRequest:
    """A request on its way: `id` comes back as InResponseTo and as RelayState."""

    id: str
    url: str


def make_key_pair(name: str, *, at: datetime) -> KeyPair:
    """Make a key that signs our requests to one provider, with a self-signed certificate for ten years."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(days=1))
        .not_valid_after(at + KEY_VALID_FOR)
        .sign(key, hashes.SHA256())
    )
    return KeyPair(
        certificate.public_bytes(Encoding.PEM).decode(),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    )


def library_settings(provider: IdentityProvider, addresses: ServiceAddresses) -> OneLogin_Saml2_Settings:
    """Return what the library needs. Its templates do not escape what they are filled with: here it is done before."""
    has_key = provider.own_key_encrypted is not None
    written = {
        "strict": True,
        "sp": {
            "entityId": _escaped(addresses.entity_id),
            "assertionConsumerService": {"url": _escaped(addresses.acs_url), "binding": Names.BINDING_HTTP_POST},
            "singleLogoutService": {"url": _escaped(addresses.slo_url), "binding": Names.BINDING_HTTP_REDIRECT},
            "NameIDFormat": _escaped(provider.name_id_format or Names.NAMEID_UNSPECIFIED),
            "x509cert": provider.own_certificate or "" if has_key else "",
            "privateKey": decrypt(provider.own_key_encrypted or "") if has_key else "",
        },
        "idp": {
            "entityId": _escaped(provider.entity_id or "unknown"),
            "singleSignOnService": {"url": _escaped(provider.sso_url or addresses.acs_url)},
            "x509certMulti": {"signing": list(provider.certificates)},
        },
        "security": {
            "authnRequestsSigned": has_key and provider.signs_requests,
            "wantAssertionsSigned": True,
            "requestedAuthnContext": False,
            "rejectDeprecatedAlgorithm": True,
            "allowSingleLabelDomains": True,
            "signatureAlgorithm": Names.RSA_SHA256,
            "digestAlgorithm": Names.SHA256,
        },
    }
    return OneLogin_Saml2_Settings(written, sp_validation_only=True)


def own_metadata(provider: IdentityProvider, addresses: ServiceAddresses) -> bytes:
    """Return our metadata for a provider, as its administrators load it."""
    found = library_settings(provider, addresses).get_sp_metadata()
    return found if isinstance(found, bytes) else str(found).encode()


def ask_to_sign_in(
    provider: IdentityProvider, addresses: ServiceAddresses, *, address: str | None = None
) -> SamlRequest:
    """Return a request for the redirect binding, signed where the provider wants it.

    `address` goes along as the wanted subject where the provider names people by their addresses: a provider that calls
    them otherwise would have to refuse a subject it cannot answer for (SAML core, 3.4.1).
    """
    names_by_address = provider.name_id_format == Names.NAMEID_EMAIL_ADDRESS
    request = OneLogin_Saml2_Authn_Request(
        library_settings(provider, addresses),
        set_nameid_policy=provider.name_id_format is not None,
        name_id_value_req=_escaped(address) if address and names_by_address else None,
    )
    request_id = str(request.get_id())
    query = {"SAMLRequest": str(request.get_request()), "RelayState": request_id}
    return SamlRequest(request_id, redirect_to(provider, provider.sso_url or "", query, sign=provider.signs_requests))


def redirect_to(provider: IdentityProvider, url: str, query: dict[str, str], *, sign: bool) -> str:
    """Return a URL of the redirect binding, signed with our key for the provider."""
    if sign and provider.own_key_encrypted:
        query = {**query, "SigAlg": Names.RSA_SHA256}
        signed = urlencode(query, quote_via=quote, safe=SAFE)
        signature = Library.sign_binary(signed, decrypt(provider.own_key_encrypted))
        query["Signature"] = base64.b64encode(signature).decode()
    joint = "&" if "?" in url else "?"
    return f"{url}{joint}{urlencode(query, quote_via=quote, safe=SAFE)}"


def _escaped(text: str) -> str:
    return escape(text, {'"': "&quot;"})
