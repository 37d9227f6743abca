"""Every attack starts as a valid answer and is then spoiled in one way: the refusal is for that and nothing else."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import timedelta

import pytest
import xmlsec
from lxml import etree

from app.identity.saml.documents import LARGEST
from app.identity.saml.errors import AnswerRefused
from app.identity.saml.verification import Expected, verify_answer
from tests.domain.identity.saml.answers import (
    NS,
    Answer,
    assertion_of,
    encode,
    evil_twin,
    key_pair,
    sign,
    signature_of,
)
from tests.domain.identity.saml.wrapping import VARIANTS
from tests.factories.world import MONDAY_NOON

ACS = "https://shop.example/tech/sso/1/saml/acs"
ENTITY = "https://shop.example/tech/sso/1/saml/metadata"
PROVIDER = "https://idp.example/metadata"
REQUEST = "ONELOGIN_0123456789"
VALID = Answer(REQUEST, ACS, ENTITY, PROVIDER, MONDAY_NOON)
BOMB = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


def expected() -> Expected:
    return Expected(REQUEST, PROVIDER, (key_pair().certificate,), ENTITY, ACS)


def refusal(encoded: str) -> str:
    with pytest.raises(AnswerRefused) as refused:
        verify_answer(encoded, expected(), at=MONDAY_NOON)
    assert str(refused.value) == "Signing in did not work"
    return refused.value.reason


def test_valid_answer_says_who_it_is() -> None:
    """The base of all attacks below: untouched, it counts."""
    found = verify_answer(VALID.encoded(), expected(), at=MONDAY_NOON)
    assert (found.subject.text, found.issuer, found.provider_session) == ("person-1", PROVIDER, "session-1")
    assert {each.name: each.values for each in found.attributes} == {
        "email": ("person@example.com",),
        "given_name": ("Per",),
    }
    assert found.valid_until == MONDAY_NOON + timedelta(minutes=8)


def test_answer_signed_as_a_whole_too_counts() -> None:
    root = VALID.signed()
    sign(root)
    assert verify_answer(encode(root), expected(), at=MONDAY_NOON).subject.text == "person-1"


def test_either_certificate_counts_while_one_takes_over() -> None:
    both = replace(expected(), certificates=(key_pair("next").certificate, key_pair().certificate))
    assert verify_answer(VALID.encoded(), both, at=MONDAY_NOON).subject.text == "person-1"
    assert verify_answer(encode(VALID.signed(key_pair("next"))), both, at=MONDAY_NOON).subject.text == "person-1"


def test_expired_certificate_counts_no_more() -> None:
    with pytest.raises(AnswerRefused, match="did not work") as refused:
        verify_answer(VALID.encoded(), expected(), at=MONDAY_NOON + timedelta(days=4000))
    assert refused.value.reason == "no_certificate"


def test_altered_answer_is_refused() -> None:
    """BC-F73 (partly): one letter of the name changed after signing."""
    root = VALID.signed()
    root.find(".//saml:NameID", NS).text = "person-2"
    assert refusal(encode(root)) == "wrong_signature"


def test_unsolicited_answer_is_refused() -> None:
    assert refusal(VALID.encoded(request_id=None)) == "wrong_request"


def test_answer_to_another_request_is_refused() -> None:
    assert refusal(VALID.encoded(request_id="ONELOGIN_another")) == "wrong_request"


def test_confirmation_of_another_request_is_refused() -> None:
    """The envelope is not signed: what counts is the request within the assertion."""
    assert refusal(VALID.encoded(confirmed_request_id="ONELOGIN_another")) == "wrong_request"
    assert refusal(VALID.encoded(confirmed_request_id=None)) == "wrong_request"


@pytest.mark.parametrize(("late", "is_refused"), [(timedelta(seconds=179), False), (timedelta(minutes=3), True)])
def test_expired_answer_is_refused_after_three_minutes(late: timedelta, is_refused) -> None:
    encoded = VALID.encoded(ends_after=-late)
    if is_refused:
        assert refusal(encoded) == "expired"
    else:
        assert verify_answer(encoded, expected(), at=MONDAY_NOON).subject.text == "person-1"


@pytest.mark.parametrize("field", ["begins_after", "issued_after"])
def test_answer_of_the_future_is_refused_beyond_three_minutes(field: str) -> None:
    assert refusal(VALID.encoded(**{field: timedelta(minutes=3, seconds=1)})) == "not_yet_valid"
    encoded = VALID.encoded(**{field: timedelta(minutes=3)})
    assert verify_answer(encoded, expected(), at=MONDAY_NOON).subject.text == "person-1"


@pytest.mark.parametrize("audience", ["https://other.example", f"{ENTITY}/", ENTITY[:-1], ENTITY.upper()])
def test_wrong_audience_is_refused(audience: str) -> None:
    assert refusal(VALID.encoded(audience=audience)) == "wrong_audience"


def test_missing_audience_is_refused() -> None:
    assert refusal(VALID.encoded(audience=None)) == "no_audience"


def test_second_audience_restriction_must_name_us_too() -> None:
    root = VALID.root()
    first = root.find(".//saml:AudienceRestriction", NS)
    second = copy.deepcopy(first)
    second[0].text = "https://other.example"
    first.addnext(second)
    sign(assertion_of(root))
    assert refusal(encode(root)) == "wrong_audience"


@pytest.mark.parametrize(
    "url",
    ["https://evil.example/acs", f"{ACS}/more", f"{ACS}?a=b", ACS.replace("/tech", ""), ACS.replace("https", "http")],
)
def test_wrong_destination_is_refused(url: str) -> None:
    """The library compares by prefix: what only begins with our address is another one."""
    assert refusal(VALID.encoded(destination=url)) == "wrong_destination"


def test_missing_destination_is_refused() -> None:
    assert refusal(VALID.encoded(destination=None)) == "wrong_destination"


@pytest.mark.parametrize("url", ["https://evil.example/acs", f"https://evil.example/?{ACS}", f"{ACS}/more", ACS[:-1]])
def test_wrong_recipient_is_refused(url: str) -> None:
    """The library looks for our address anywhere in it."""
    assert refusal(VALID.encoded(recipient=url)) == "wrong_recipient"


def test_missing_recipient_is_refused() -> None:
    assert refusal(VALID.encoded(recipient=None)) == "wrong_recipient"


def test_missing_confirmation_end_is_refused() -> None:
    assert refusal(VALID.encoded(ends_after=None)) == "no_confirmation_end"


def test_other_issuer_is_refused() -> None:
    assert refusal(VALID.encoded(issuer="https://evil.example")) == "wrong_issuer"


def test_unsuccessful_answer_is_refused() -> None:
    status = "urn:oasis:names:tc:SAML:2.0:status:Responder"
    assert refusal(VALID.encoded(status=status)) == "not_successful"


def test_unsigned_answer_is_refused() -> None:
    assert refusal(encode(VALID.root())) == "unsigned"


def test_signature_of_the_envelope_alone_is_refused() -> None:
    root = VALID.root()
    sign(root)
    assert refusal(encode(root)) == "unsigned"


def test_sha1_signature_is_refused() -> None:
    root = VALID.root()
    sign(assertion_of(root), method=xmlsec.Transform.RSA_SHA1)
    assert refusal(encode(root)) == "weak_signature"


def test_sha1_digest_is_refused() -> None:
    root = VALID.root()
    sign(assertion_of(root), digest=xmlsec.Transform.SHA1)
    assert refusal(encode(root)) == "weak_digest"


def test_signature_by_the_public_certificate_as_a_secret_is_refused() -> None:
    """HMAC with what everybody knows."""
    root = VALID.signed()
    root.find(".//ds:SignatureMethod", NS).set("Algorithm", f"{NS['ds']}hmac-sha1")
    assert refusal(encode(root)) == "weak_signature"


def test_foreign_certificate_is_refused() -> None:
    """The certificate inside the answer proves nothing."""
    assert refusal(encode(VALID.signed(key_pair("evil")))) == "wrong_signature"


@pytest.mark.parametrize("wrap", VARIANTS, ids=lambda wrap: wrap.__name__)
def test_signature_wrapping_is_refused(wrap) -> None:
    """XSW1…XSW8, on the signed assertion and on an answer that is signed as a whole as well."""
    assertion_signed, both_signed = VALID.signed(), VALID.signed()
    sign(both_signed)
    if wrap.__name__ not in ("xsw1", "xsw2"):  # these wrap the signature of the whole answer
        assert refusal(encode(wrap(assertion_signed))) != "wrong_signature"
    assert refusal(encode(wrap(both_signed))) != "wrong_signature"


def test_signature_that_points_elsewhere_is_refused() -> None:
    root = VALID.signed()
    assertion_of(root).set("ID", "_other")
    assert refusal(encode(root)) == "signature_elsewhere"


@pytest.mark.parametrize("spoil", ["two_references", "transform", "empty_uri", "object"])
def test_signature_of_odd_shape_is_refused(spoil: str) -> None:
    root = VALID.signed()
    signature = signature_of(assertion_of(root))
    reference = signature.find(".//ds:Reference", NS)
    if spoil == "two_references":
        reference.addnext(copy.deepcopy(reference))
    elif spoil == "transform":
        transform = reference.findall(".//ds:Transform", NS)[1]
        transform.set("Algorithm", "http://www.w3.org/TR/1999/REC-xslt-19991116")
    elif spoil == "empty_uri":
        reference.set("URI", "")
    else:
        etree.SubElement(signature, f"{{{NS['ds']}}}Object")
    assert refusal(encode(root)) in ("signature_shape", "signature_elsewhere")


def test_two_assertions_are_refused() -> None:
    root = VALID.signed()
    root.append(evil_twin(assertion_of(root)))
    assert refusal(encode(root)) == "not_one_assertion"


def test_comment_in_the_name_is_refused() -> None:
    """Canonicalisation drops comments, so the signature holds; a reader of the first text would see an administrator."""
    signed = etree.tostring(VALID_ADMIN.signed())
    spoiled = signed.replace(b"administrator.evil.example", b"administrator<!-- -->.evil.example")
    assert verify_answer(encode(signed), expected(), at=MONDAY_NOON).subject.text == "administrator.evil.example"
    assert refusal(encode(spoiled)) == "comment"


VALID_ADMIN = replace(VALID, subject="administrator.evil.example")


@pytest.mark.parametrize("where", ["before", "inside", "after"])
def test_comments_and_instructions_are_refused_anywhere(where: str) -> None:
    signed = etree.tostring(VALID.signed()).decode()
    spoiled = {
        "before": f"<!-- -->{signed}",
        "inside": signed.replace("person@example.com", "person@<?x y?>example.com"),
        "after": f"{signed}<?x y?>",
    }[where]
    assert refusal(encode(spoiled)) == "comment"


@pytest.mark.parametrize("prolog", [BOMB, OUTSIDE, "<!doctype a>", "<!DOCTYPE a SYSTEM 'http://127.0.0.1:9/x'>"])
def test_document_types_are_refused_before_parsing(monkeypatch: pytest.MonkeyPatch, prolog: str) -> None:
    """Entity bombs and external entities: no parser is asked at all."""
    monkeypatch.setattr(etree, "fromstring", lambda *_: pytest.fail("it was parsed"))
    assert refusal(encode(prolog + "<a>&b;</a>")) == "dtd"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-7"])
def test_document_types_in_disguise_are_refused(encoding: str) -> None:
    raw = f'<?xml version="1.0" encoding="{encoding}"?>{BOMB}<a>&b;</a>'.encode(encoding)
    assert refusal(encode(raw)) in ("not_utf8", "not_xml", "dtd")


@pytest.mark.parametrize("sent", ["", "no base64 at all!", encode(b"plain text"), encode(b"<a"), encode(b"\xff\xfe")])
def test_rubbish_is_refused(sent: str) -> None:
    assert refusal(sent) in ("not_base64", "not_xml", "not_utf8")


def test_too_large_answer_is_refused() -> None:
    assert refusal(encode(b"<a>" + b"x" * LARGEST + b"</a>")) == "too_large"
    assert refusal("A" * (LARGEST * 2)) == "too_large"


def test_encrypted_and_transient_answers_are_refused() -> None:
    root = VALID.root()
    etree.SubElement(root, f"{{{NS['saml']}}}EncryptedAssertion")
    assert refusal(encode(root)) == "encrypted"
    transient = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
    assert refusal(VALID.encoded(subject_format=transient)) == "transient_subject"


def test_times_without_zone_are_refused() -> None:
    root = VALID.root()
    root.find(".//saml:SubjectConfirmationData", NS).set("NotOnOrAfter", "2030-01-01T00:00:00")
    sign(assertion_of(root))
    assert refusal(encode(root)) == "time"
