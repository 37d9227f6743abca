"""Which element is signed, and whether by the provider. What is read afterwards is that element and no other.

The shape of a signature is held to what the standard prescribes before xmlsec follows any of its references: that is
what signature wrapping lives on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from lxml import etree
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names
from onelogin.saml2.utils import OneLogin_Saml2_Utils as Library

from app.identity.saml.documents import ids_of
from app.identity.saml.errors import AnswerRefused

DS = f"{{{Names.NS_DS}}}"
RESPONSE = f"{{{Names.NS_SAMLP}}}Response"
ASSERTION = f"{{{Names.NS_SAML}}}Assertion"
ENCRYPTED = f"{{{Names.NS_SAML}}}EncryptedAssertion"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
SIGNATURE_METHODS = frozenset(
    {Names.RSA_SHA256, Names.RSA_SHA384, Names.RSA_SHA512} | {f"{MORE}ecdsa-sha{bits}" for bits in (256, 384, 512)}
)
DIGEST_METHODS = frozenset({Names.SHA256, Names.SHA384, Names.SHA512})
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
TRANSFORMS = frozenset({Names.NS_DS + "enveloped-signature", EXCLUSIVE})
XPATHS = {RESPONSE: Library.RESPONSE_SIGNATURE_XPATH, ASSERTION: Library.ASSERTION_SIGNATURE_XPATH}


def signed_assertion(root: etree._Element, certificates: Sequence[str], *, at: datetime) -> etree._Element:
    """Return the one assertion of an answer, signed by one of the certificates (PEM) valid at `at`.

    Raises AnswerRefused. A signature of the whole answer may stand beside the assertion's, never for it.
    """
    if root.tag != RESPONSE:
        raise AnswerRefused("not_a_response")
    assertions = [node for node in root.iter() if node.tag == ASSERTION]
    if any(node.tag == ENCRYPTED for node in root.iter()):
        raise AnswerRefused("encrypted")
    if len(assertions) != 1 or assertions[0].getparent() is not root:
        raise AnswerRefused("not_one_assertion")
    ids = ids_of(root)
    if len(ids) != len(set(ids)):
        raise AnswerRefused("ids_repeat")
    signatures = [node for node in root.iter() if node.tag == f"{DS}Signature"]
    signed = [_signed_element(signature, root) for signature in signatures]
    if assertions[0] not in signed:
        raise AnswerRefused("unsigned")
    if len(signed) != len(set(signed)):
        raise AnswerRefused("signatures_repeat")
    valid = [each for each in certificates if is_valid(each, at)]
    if not valid:
        raise AnswerRefused("no_certificate")
    for element in signed:
        if not Library.validate_sign(root, xpath=XPATHS[element.tag], multicerts=valid):
            raise AnswerRefused("wrong_signature")
    return assertions[0]


def is_valid(certificate: str, at: datetime) -> bool:
    """Return whether a certificate (PEM) is in its time."""
    found = x509.load_pem_x509_certificate(certificate.encode())
    return found.not_valid_before_utc <= at <= found.not_valid_after_utc


def _signed_element(signature: etree._Element, root: etree._Element) -> etree._Element:
    """Return what a signature stands in, if it signs just that by strong algorithms."""
    element = signature.getparent()
    if element is None or not (element is root or (element.tag == ASSERTION and element.getparent() is root)):
        raise AnswerRefused("signature_misplaced")
    if [child.tag for child in signature][:2] != [f"{DS}SignedInfo", f"{DS}SignatureValue"] or any(
        child.tag != f"{DS}KeyInfo" for child in list(signature)[2:]
    ):
        raise AnswerRefused("signature_shape")
    info = signature[0]
    if [child.tag for child in info] != [
        f"{DS}{name}" for name in ("CanonicalizationMethod", "SignatureMethod", "Reference")
    ]:
        raise AnswerRefused("signature_shape")
    canonical, method, reference = info
    if canonical.get("Algorithm") != EXCLUSIVE or len(method):
        raise AnswerRefused("signature_shape")
    if method.get("Algorithm") not in SIGNATURE_METHODS:
        raise AnswerRefused("weak_signature")
    if [child.tag for child in reference] != [f"{DS}{name}" for name in ("Transforms", "DigestMethod", "DigestValue")]:
        raise AnswerRefused("signature_shape")
    transforms, digest, _ = reference
    if digest.get("Algorithm") not in DIGEST_METHODS:
        raise AnswerRefused("weak_digest")
    used = [transform.get("Algorithm") for transform in transforms]
    if len(used) != len(TRANSFORMS) or set(used) != TRANSFORMS or used[0] == EXCLUSIVE:
        raise AnswerRefused("signature_shape")
    element_id = element.get("ID")
    if not element_id or reference.get("URI") != f"#{element_id}":
        raise AnswerRefused("signature_elsewhere")
    return element
