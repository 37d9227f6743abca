"""What an answer must say to count: the library compares by prefix and substring, and lets pass what is missing.

Here each part is required and compared exactly. Times may differ by three minutes (SF-14, BC-27).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lxml import etree
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names
from onelogin.saml2.xml_utils import OneLogin_Saml2_XML as LibraryXml

from app.identity.saml.documents import read_answer
from app.identity.saml.errors import AnswerRefused
from app.identity.saml.signatures import signed_assertion

DRIFT = timedelta(minutes=3)
LONGEST = 500  # of a subject, an attribute's name and each of its values
MOST = 200  # attributes, and values of one
SAML, SAMLP = f"{{{Names.NS_SAML}}}", f"{{{Names.NS_SAMLP}}}"
SCHEMA = "saml-schema-protocol-2.0.xsd"


@dataclass(frozen=True, slots=True)
class Expected:
    """What the stored request, its provider and our own address say an answer must be."""

    request_id: str
    provider_entity_id: str
    certificates: Sequence[str]  # PEM
    own_entity_id: str
    acs_url: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a person, by its name and, if there is one, its friendly name."""

    name: str
    friendly_name: str | None
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SubjectName:
    """A person's NameID with what qualifies it."""

    text: str
    format: str | None
    qualifier: str | None
    own_qualifier: str | None


@dataclass(frozen=True, slots=True)
class VerifiedAnswer:
    """Who the provider says it is."""

    assertion_id: str
    issuer: str
    subject: SubjectName
    provider_session: str | None  # SessionIndex
    attributes: tuple[Attribute, ...]
    valid_until: datetime  # after which the times alone refuse the assertion


def verify_answer(encoded: str, expected: Expected, *, at: datetime) -> VerifiedAnswer:
    """Return what a base64 answer proves; raises AnswerRefused for everything else, whatever is wrong with it."""
    root = read_answer(encoded)
    assertion = signed_assertion(root, expected.certificates, at=at)
    if isinstance(LibraryXml.validate_xml(root, SCHEMA), str):
        raise AnswerRefused("schema")
    _check_envelope(root, expected, at)
    if assertion.get("Version") != "2.0":
        raise AnswerRefused("version")
    if text_of(_only(assertion, "Issuer")) != expected.provider_entity_id:
        raise AnswerRefused("wrong_issuer")
    _check_issued(assertion, at)
    until = _check_conditions(_only(assertion, "Conditions"), expected, at)
    subject, confirmed_until = _check_subject(_only(assertion, "Subject"), expected, at)
    provider_session = _check_statements(assertion.findall(f"{SAML}AuthnStatement"), at)
    return VerifiedAnswer(
        assertion_id=assertion.get("ID", ""),
        issuer=expected.provider_entity_id,
        subject=subject,
        provider_session=provider_session,
        attributes=_attributes(assertion),
        valid_until=max(confirmed_until, until or confirmed_until) + DRIFT,
    )


def _check_envelope(root: etree._Element, expected: Expected, at: datetime) -> None:
    if root.get("Version") != "2.0":
        raise AnswerRefused("version")
    status = root.find(f"{SAMLP}Status/{SAMLP}StatusCode")
    if status is None or status.get("Value") != Names.STATUS_SUCCESS:
        raise AnswerRefused("not_successful")
    if root.get("Destination") != expected.acs_url:
        raise AnswerRefused("wrong_destination")
    if root.get("InResponseTo") != expected.request_id:
        raise AnswerRefused("wrong_request")
    issuer = root.find(f"{SAML}Issuer")
    if issuer is not None and text_of(issuer) != expected.provider_entity_id:
        raise AnswerRefused("wrong_issuer")
    _check_issued(root, at)


def _check_issued(element: etree._Element, at: datetime) -> None:
    issued = time_of(element, "IssueInstant")
    if issued is None or issued > at + DRIFT:
        raise AnswerRefused("not_yet_valid")


def _check_conditions(conditions: etree._Element, expected: Expected, at: datetime) -> datetime | None:
    _check_begun(conditions, at)
    until = _check_not_over(conditions, at)
    known = {f"{SAML}AudienceRestriction", f"{SAML}OneTimeUse", f"{SAML}ProxyRestriction"}
    if any(child.tag not in known for child in conditions):
        raise AnswerRefused("unknown_condition")
    restrictions = conditions.findall(f"{SAML}AudienceRestriction")
    if not restrictions:
        raise AnswerRefused("no_audience")
    for restriction in restrictions:
        if expected.own_entity_id not in [text_of(each) for each in restriction.findall(f"{SAML}Audience")]:
            raise AnswerRefused("wrong_audience")
    return until


def _check_subject(subject: etree._Element, expected: Expected, at: datetime) -> tuple[SubjectName, datetime]:
    name = subject_of(_only(subject, "NameID"))
    if name.format == Names.NAMEID_TRANSIENT:
        raise AnswerRefused("transient_subject")  # another one each time: nobody could be found again
    confirmation = _only(subject, "SubjectConfirmation")
    if confirmation.get("Method") != Names.CM_BEARER:
        raise AnswerRefused("not_bearer")
    data = _only(confirmation, "SubjectConfirmationData")
    if data.get("Recipient") != expected.acs_url:
        raise AnswerRefused("wrong_recipient")
    if data.get("InResponseTo") != expected.request_id:
        raise AnswerRefused("wrong_request")
    _check_begun(data, at)
    until = _check_not_over(data, at)
    if until is None:
        raise AnswerRefused("no_confirmation_end")
    return name, until


def subject_of(name_id: etree._Element) -> SubjectName:
    """Return what a NameID says; raises AnswerRefused for one that names nobody."""
    name = text_of(name_id)
    if not name or len(name) > LONGEST or name != name.strip():
        raise AnswerRefused("no_subject")
    return SubjectName(name, name_id.get("Format"), name_id.get("NameQualifier"), name_id.get("SPNameQualifier"))


def _check_statements(statements: Sequence[etree._Element], at: datetime) -> str | None:
    if not statements:
        raise AnswerRefused("no_sign_in")
    for statement in statements:
        over = time_of(statement, "SessionNotOnOrAfter")
        if over is not None and over + DRIFT <= at:
            raise AnswerRefused("expired")
    return next((found for each in statements if (found := each.get("SessionIndex"))), None)


def _attributes(assertion: etree._Element) -> tuple[Attribute, ...]:
    found = []
    for node in assertion.iterfind(f"{SAML}AttributeStatement/{SAML}Attribute"):
        written = [each for each in node.findall(f"{SAML}AttributeValue") if not len(each)]
        values = tuple((each.text or "")[:LONGEST] for each in written[:MOST])
        found.append(Attribute(node.get("Name", "")[:LONGEST], node.get("FriendlyName"), values))
    return tuple(found[:MOST])


def _check_begun(element: etree._Element, at: datetime) -> None:
    begins = time_of(element, "NotBefore")
    if begins is not None and begins > at + DRIFT:
        raise AnswerRefused("not_yet_valid")


def _check_not_over(element: etree._Element, at: datetime) -> datetime | None:
    ends = time_of(element, "NotOnOrAfter")
    if ends is not None and ends + DRIFT <= at:
        raise AnswerRefused("expired")
    return ends


def time_of(element: etree._Element, name: str) -> datetime | None:
    written = element.get(name)
    if written is None:
        return None
    try:
        found = datetime.fromisoformat(written)
    except ValueError as error:
        raise AnswerRefused("time") from error
    if found.tzinfo is None:
        raise AnswerRefused("time")
    return found


def _only(parent: etree._Element, name: str) -> etree._Element:
    found = parent.findall(f"{SAML}{name}")
    if len(found) != 1:
        raise AnswerRefused(f"not_one_{name}")
    return found[0]


def text_of(element: etree._Element) -> str:
    """Return the text of an element that holds nothing else: a child in a name would split it in two."""
    if len(element):
        raise AnswerRefused("text_with_elements")
    return element.text or ""
