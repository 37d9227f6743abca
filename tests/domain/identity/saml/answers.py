"""An identity provider of our own making: valid answers, and the means to spoil them one thing at a time."""

from __future__ import annotations

import base64
import copy
import functools
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from xml.sax.saxutils import escape

import xmlsec
from lxml import etree

from app.identity.saml.service import KeyPair, make_key_pair

ISSUED = datetime(2025, 1, 1, tzinfo=UTC)
NS = {
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"


@functools.cache
def key_pair(name: str = "provider") -> KeyPair:
    """A key by name, made once."""
    return make_key_pair(name, at=ISSUED)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider says; None leaves an attribute or element out."""

    request_id: str | None
    acs_url: str
    audience: str | None
    issuer: str
    at: datetime
    subject: str = "person-1"
    subject_format: str = UNSPECIFIED
    assertion_id: str = "_assertion-1"
    response_id: str = "_response-1"
    destination: str | None = ""  # "": the ACS
    recipient: str | None = ""
    ends_after: timedelta | None = timedelta(minutes=5)
    begins_after: timedelta = timedelta(0)
    issued_after: timedelta = timedelta(0)
    session_index: str = "session-1"
    attributes: tuple[tuple[str, str], ...] = (("email", "person@example.com"), ("given_name", "Per"))
    confirmed_request_id: str | None = ""
    status: str = "urn:oasis:names:tc:SAML:2.0:status:Success"

    def root(self) -> etree._Element:
        """The unsigned answer."""
        audience = (
            f"<saml:AudienceRestriction><saml:Audience>{escape(self.audience)}</saml:Audience></saml:AudienceRestriction>"
            if self.audience
            else ""
        )
        ends = None if self.ends_after is None else self.at + self.ends_after
        confirmed = self.request_id if self.confirmed_request_id == "" else self.confirmed_request_id
        issued = written(self.at + self.issued_after)
        attributes = "".join(
            f'<saml:Attribute Name="{escape(name)}"><saml:AttributeValue>{escape(value)}</saml:AttributeValue>'
            "</saml:Attribute>"
            for name, value in self.attributes
        )
        conditions = given("NotBefore", written(self.at + self.begins_after)) + given(
            "NotOnOrAfter", written(ends) if ends else None
        )
        data = (
            given("InResponseTo", confirmed)
            + given("Recipient", self.acs_url if self.recipient == "" else self.recipient)
            + given("NotOnOrAfter", written(ends) if ends else None)
        )
        return etree.fromstring(
            f'<samlp:Response xmlns:samlp="{NS["samlp"]}" xmlns:saml="{NS["saml"]}" ID="{self.response_id}"'
            f' Version="2.0" IssueInstant="{issued}"'
            + given("Destination", self.acs_url if self.destination == "" else self.destination)
            + given("InResponseTo", self.request_id)
            + f"><saml:Issuer>{self.issuer}</saml:Issuer>"
            f'<samlp:Status><samlp:StatusCode Value="{self.status}"/></samlp:Status>'
            f'<saml:Assertion ID="{self.assertion_id}" Version="2.0" IssueInstant="{issued}">'
            f"<saml:Issuer>{self.issuer}</saml:Issuer>"
            f'<saml:Subject><saml:NameID Format="{self.subject_format}">{escape(self.subject)}</saml:NameID>'
            f'<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">'
            f"<saml:SubjectConfirmationData{data}/></saml:SubjectConfirmation></saml:Subject>"
            f"<saml:Conditions{conditions}>{audience}</saml:Conditions>"
            f'<saml:AuthnStatement AuthnInstant="{issued}" SessionIndex="{self.session_index}"><saml:AuthnContext>'
            "<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef>"
            "</saml:AuthnContext></saml:AuthnStatement>"
            f"<saml:AttributeStatement>{attributes}</saml:AttributeStatement>"
            "</saml:Assertion></samlp:Response>"
        )

    def signed(self, key: KeyPair | None = None) -> etree._Element:
        """The answer with its assertion signed."""
        found = self.root()
        sign(assertion_of(found), key)
        return found

    def encoded(self, **changes: object) -> str:
        """What the browser posts."""
        return encode(replace(self, **changes).signed())


def given(name: str, value: str | None) -> str:
    return "" if value is None else f' {name}="{escape(value)}"'


def written(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def assertion_of(root: etree._Element) -> etree._Element:
    return root.find("saml:Assertion", NS)


def signature_of(element: etree._Element) -> etree._Element:
    return element.find("ds:Signature", NS)


def sign(
    element: etree._Element,
    key: KeyPair | None = None,
    *,
    method: object = xmlsec.Transform.RSA_SHA256,
    digest: object = xmlsec.Transform.SHA256,
) -> None:
    """Sign an element with an enveloped signature after its issuer."""
    pair = key or key_pair()
    signature = xmlsec.template.create(element, xmlsec.Transform.EXCL_C14N, method, ns="ds")
    element.find("saml:Issuer", NS).addnext(signature)
    reference = xmlsec.template.add_reference(signature, digest, uri=f"#{element.get('ID')}")
    xmlsec.template.add_transform(reference, xmlsec.Transform.ENVELOPED)
    xmlsec.template.add_transform(reference, xmlsec.Transform.EXCL_C14N)
    xmlsec.template.add_x509_data(xmlsec.template.ensure_key_info(signature))
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(pair.key, xmlsec.KeyFormat.PEM)
    context.key.load_cert_from_memory(pair.certificate, xmlsec.KeyFormat.PEM)
    context.register_id(element, "ID")
    context.sign(signature)


def encode(root: etree._Element | str | bytes) -> str:
    raw = root.encode() if isinstance(root, str) else root if isinstance(root, bytes) else etree.tostring(root)
    return base64.b64encode(raw).decode()


def evil_twin(element: etree._Element, new_id: str | None = "_evil") -> etree._Element:
    """A copy without signature that says it is somebody else."""
    twin = copy.deepcopy(element)
    twin.tail = None
    for signature in twin.findall(".//ds:Signature", NS):
        signature.getparent().remove(signature)
    if new_id is not None:
        twin.set("ID", new_id)
    for name in twin.iter(f"{{{NS['saml']}}}NameID"):
        name.text = "administrator"
    return twin
