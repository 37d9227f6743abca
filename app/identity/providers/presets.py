"""What is known of common providers before their owner types anything. Nothing of it is stored: it fills in a form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Preset:
    """A provider by the name people know; `openid` and `saml` are values of form fields."""

    label: str
    openid: Mapping[str, str] = field(default_factory=dict)
    saml: Mapping[str, str] = field(default_factory=dict)
    openid_hint: str = ""
    saml_hint: str = ""


ENTRA_CLAIMS = "http://schemas.microsoft.com/ws/2008/06/identity/claims"
PRESETS: Mapping[str, Preset] = {
    "entra": Preset(
        "Microsoft Entra ID",
        openid={"name": "Microsoft Entra ID", "issuer": "https://login.microsoftonline.com/YOUR-TENANT-ID/v2.0"},
        saml={
            "name": "Microsoft Entra ID",
            "metadata_url": "https://login.microsoftonline.com/YOUR-TENANT-ID/federationmetadata/2007-06/"
            "federationmetadata.xml?appid=YOUR-APP-ID",
            "groups_claim": f"{ENTRA_CLAIMS}/groups",
        },
        openid_hint="Put the tenant's id into the issuer. Add the optional claims email and, for roles, groups to the"
        " app registration. Entra ID does not say that an address is verified.",
        saml_hint="Put the ids of the tenant and of the enterprise application into the address.",
    ),
    "google": Preset(
        "Google",
        openid={"name": "Google", "issuer": "https://accounts.google.com"},
        saml={"name": "Google"},
        openid_hint="Make an OAuth client of type web application. Google sends no groups and has no sign-out address.",
        saml_hint="Download the metadata of your custom SAML app and paste it. Map Primary email to email, First name to"
        " given_name, Last name to family_name.",
    ),
    "okta": Preset(
        "Okta",
        openid={
            "name": "Okta",
            "issuer": "https://YOUR-COMPANY.okta.com",
            "scopes": "openid email profile groups",
        },
        saml={"name": "Okta", "metadata_url": "https://YOUR-COMPANY.okta.com/app/YOUR-APP-ID/sso/saml/metadata"},
        openid_hint="Put your Okta domain into the issuer. For roles, let the groups claim match the groups you use.",
        saml_hint="The address stands on the tab Sign On of the application.",
    ),
}


def preset_of(name: str | None) -> Preset | None:
    """Return a preset by its name; None for any other provider."""
    return PRESETS.get(name or "")
