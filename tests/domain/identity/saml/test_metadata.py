"""What an owner pastes: taken over, or refused with a reason on its field and nothing stored."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.core.errors import Invalid
from app.identity.providers.models import ProviderState
from app.identity.providers.queries import list_providers
from app.identity.realms import open_realm
from app.identity.saml.metadata import read_metadata
from app.identity.saml.services import add_saml_provider, renew_saml_provider
from tenants.context import scope
from tests.domain.identity.conftest import OPERATOR
from tests.domain.identity.saml.answers import key_pair
from tests.factories.world import MONDAY_NOON

REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
LATER = datetime(2026, 3, 1, tzinfo=UTC)


def metadata(*keys: str, sso: str = "https://idp.example/sso", binding: str = REDIRECT, wants: str = "false") -> str:
    certificates = "".join(
        f"<KeyDescriptor use='signing'><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{bare(key_pair(key).certificate)}"
        "</ds:X509Certificate></ds:X509Data></ds:KeyInfo></KeyDescriptor>"
        for key in keys
    )
    return (
        "<?xml version='1.0'?><!-- by hand --><EntityDescriptor xmlns='urn:oasis:names:tc:SAML:2.0:metadata'"
        " xmlns:ds='http://www.w3.org/2000/09/xmldsig#' entityID='https://idp.example'>"
        f"<IDPSSODescriptor WantAuthnRequestsSigned='{wants}'"
        f" protocolSupportEnumeration='urn:oasis:names:tc:SAML:2.0:protocol'>{certificates}"
        f"<SingleSignOnService Binding='{binding}' Location='{sso}'/></IDPSSODescriptor></EntityDescriptor>"
    )


def bare(pem: str) -> str:
    return "".join(line for line in pem.splitlines() if "-----" not in line)


def test_metadata_says_who_where_and_what_signs() -> None:
    found = read_metadata(metadata("old", "new", wants="true"))
    assert (found.entity_id, found.sso_url, found.slo_url) == ("https://idp.example", "https://idp.example/sso", None)
    assert found.certificates == (key_pair("old").certificate, key_pair("new").certificate)
    assert found.wants_signed_requests


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<a", "The metadata cannot be read: "),
        ("", "The metadata is not an XML document"),
        ("<a/>", "not the metadata of a SAML identity provider"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "document type"),
        (f"<a>{'x' * 300_000}</a>", "larger than 256 KiB"),
        (metadata(), "no certificate"),
        (metadata("old", binding="urn:other"), "no sign-in address"),
        (metadata("old", sso="javascript:alert(1)"), "not a web address"),
    ],
)
def test_broken_metadata_is_refused_on_its_field(world, text, words) -> None:
    """SF-14: a field error with the parser's words; nothing is stored."""
    with scope(world.scope):
        with pytest.raises(Invalid) as refused:
            add_saml_provider(world.root.id, "Olympus", text, actor=OPERATOR, at=MONDAY_NOON)
        assert (refused.value.errors[0].field, words in refused.value.errors[0].message) == ("metadata", True)
        assert list_providers(world.root.id) == []


def test_certificate_may_be_added_while_the_old_one_still_counts(world) -> None:
    with scope(world.scope):
        made = add_saml_provider(
            world.root.id, "Olympus", metadata("old", wants="true"), actor=OPERATOR, at=MONDAY_NOON
        )
        assert (made.state, made.own_certificate is not None) == (ProviderState.DRAFT, True)
        own = made.own_certificate
        with open_realm(world.root.id):
            made.state = ProviderState.ENABLED

        both = metadata("old", "new", wants="true")
        renewed = renew_saml_provider(world.root.id, made.id, both, actor=OPERATOR, at=LATER)
        assert (renewed.state, len(renewed.certificates), renewed.own_certificate) == (ProviderState.ENABLED, 2, own)

        other = metadata("another", wants="true")
        renewed = renew_saml_provider(world.root.id, made.id, other, actor=OPERATOR, at=LATER)
        assert renewed.state is ProviderState.DRAFT
