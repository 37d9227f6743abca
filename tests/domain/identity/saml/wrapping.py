"""Signature wrapping as published (Somorovsky et al., "On Breaking SAML", 2012; XSW1…XSW8 of SAML Raider).

Each takes a validly signed answer and moves the signed part to where the signature is still found, while a forged one
stands where it would be read.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

from lxml import etree

from tests.domain.identity.saml.answers import NS, assertion_of, evil_twin, signature_of

DS = f"{{{NS['ds']}}}"
SAMLP = f"{{{NS['samlp']}}}"


def xsw1(root: etree._Element) -> etree._Element:
    """The forged answer around; the signed original inside the signature it carries."""
    forged = evil_twin(root)
    signature = copy.deepcopy(signature_of(root))
    original = copy.deepcopy(root)
    original.remove(signature_of(original))
    signature.append(original)
    forged.find("saml:Issuer", NS).addnext(signature)
    return forged


def xsw2(root: etree._Element) -> etree._Element:
    """As XSW1, the original before the detached signature."""
    forged = evil_twin(root)
    signature = copy.deepcopy(signature_of(root))
    original = copy.deepcopy(root)
    original.remove(signature_of(original))
    forged.find("saml:Issuer", NS).addnext(signature)
    forged.find("saml:Issuer", NS).addnext(original)
    return forged


def xsw3(root: etree._Element) -> etree._Element:
    """A forged assertion before the signed one."""
    original = assertion_of(root)
    original.addprevious(evil_twin(original))
    return root


def xsw4(root: etree._Element) -> etree._Element:
    """The signed assertion inside the forged one."""
    original = assertion_of(root)
    forged = evil_twin(original)
    root.replace(original, forged)
    forged.append(original)
    return root


def xsw5(root: etree._Element) -> etree._Element:
    """The signature stays with the forged assertion; the original, bare, at the end."""
    original = assertion_of(root)
    signature = signature_of(original)
    forged = evil_twin(original)
    original.remove(signature)
    forged.find("saml:Issuer", NS).addnext(signature)
    root.replace(original, forged)
    root.append(original)
    return root


def xsw6(root: etree._Element) -> etree._Element:
    """As XSW5, the original inside the signature."""
    original = assertion_of(root)
    signature = signature_of(original)
    forged = evil_twin(original)
    original.remove(signature)
    forged.find("saml:Issuer", NS).addnext(signature)
    root.replace(original, forged)
    signature.append(original)
    return root


def xsw7(root: etree._Element) -> etree._Element:
    """A forged assertion in an extension, where the schema allows anything, with the same id."""
    original = assertion_of(root)
    extensions = etree.Element(f"{SAMLP}Extensions")
    root.find("saml:Issuer", NS).addnext(extensions)
    extensions.append(evil_twin(original, original.get("ID")))
    return root


def xsw8(root: etree._Element) -> etree._Element:
    """The forged assertion carries the signature, the original lies in an object of it."""
    original = assertion_of(root)
    signature = signature_of(original)
    forged = evil_twin(original, original.get("ID"))
    original.remove(signature)
    forged.find("saml:Issuer", NS).addnext(signature)
    root.replace(original, forged)
    holder = etree.SubElement(signature, f"{DS}Object")
    holder.append(original)
    return root


VARIANTS: tuple[Callable[[etree._Element], etree._Element], ...] = (xsw1, xsw2, xsw3, xsw4, xsw5, xsw6, xsw7, xsw8)
