"""Forms about sign-in providers. What is wrong with them is the services' to say."""

from __future__ import annotations

from typing import Any

from flask_wtf.file import FileField
from wtforms import BooleanField, IntegerField, PasswordField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import NumberRange, Optional

from app.identity.permissions import BssRole
from app.identity.providers.models import IdentityProvider
from app.identity.providers.services import ProviderDetails
from app.identity.saml.services import SamlOptions
from app.web.forms import Form

SWITCHES = ("is_visible", "trusts_email", "roles_follow", "signs_out", "creates_users")
CLAIMS = ("email_claim", "first_name_claim", "last_name_claim", "groups_claim")


class OptionsForm(Form):
    """What owners decide about a provider of either protocol."""

    email_claim = StringField("Claim with the e-mail", default="email")
    first_name_claim = StringField("Claim with the first name", default="given_name")
    last_name_claim = StringField("Claim with the last name", default="family_name")
    groups_claim = StringField("Claim with the groups", default="groups")
    position = IntegerField(
        "Order", default=0, validators=[Optional(), NumberRange(min=0, max=999, message="Enter 0 to 999")]
    )
    is_visible = BooleanField("Show on the sign-in page", default=True)
    trusts_email = BooleanField(
        "Its e-mail addresses are verified", description="Only where nobody can enter another person's address there."
    )
    roles_follow = BooleanField(
        "Roles follow the provider",
        description="At each sign-in people get the roles of their groups, and lose others.",
    )
    signs_out = BooleanField(
        "Sign out at the provider too", default=True, description="Where the provider has an address for it."
    )
    creates_users = BooleanField("Create people at their first sign-in")
    allowed_domains = StringField("Domains of created people", description="Such as company.com, company.eu")
    default_roles = SelectMultipleField(
        "Roles of created people", validate_choice=False, choices=[(role.value, role.label) for role in BssRole]
    )
    logo = FileField("Logo", description="PNG, JPG, SVG or WebP, at most 1 MB; shown beside the name.")
    remove_logo = BooleanField("Remove the logo")

    def show(self, provider: IdentityProvider) -> None:
        """Fill in what a form cannot read from the row by itself."""
        self.allowed_domains.data = ", ".join(provider.allowed_domains)

    def options(self) -> dict[str, Any]:
        """Return what was typed, by the names of `Options`."""
        return {
            **{name: (self[name].data or "").strip() for name in CLAIMS},
            **{name: bool(self[name].data) for name in SWITCHES},
            "position": self.position.data or 0,
            "allowed_domains": tuple((self.allowed_domains.data or "").replace(",", " ").split()),
            "default_roles": tuple(self.default_roles.data or ()),
        }


class ProviderForm(OptionsForm):
    """An OpenID provider."""

    name = StringField("Name", description="On the button: Sign in with …")
    issuer = StringField("Issuer", description="The address of the provider, exactly as it names itself.")
    client_id = StringField("Client id")
    client_secret = PasswordField("Client secret", description="Empty keeps the stored one.")
    scopes = StringField("Scopes", default="openid email profile")

    def to_details(self) -> ProviderDetails:
        """Return what was typed; absent texts are empty."""
        texts: dict[str, Any] = {
            name: self[name].data or "" for name in ("name", "issuer", "client_id", "client_secret", "scopes")
        }
        return ProviderDetails(**texts, **self.options())


class SamlForm(OptionsForm):
    """A SAML provider, by the metadata it publishes."""

    name = StringField("Name", description="On the button: Sign in with …")
    metadata_url = StringField(
        "Address of the metadata", description="Read now and once a day, so that new certificates count by themselves."
    )
    metadata = TextAreaField(
        "Metadata",
        description="Or the XML the provider offers for download, pasted as it is.",
        filters=[lambda typed: typed if isinstance(typed, str) else ""],  # a model has a `metadata` of its own
    )

    def show(self, provider: IdentityProvider) -> None:
        """Start with an empty text: what was pasted is not kept."""
        super().show(provider)
        self.metadata.data = ""

    def to_options(self) -> SamlOptions:
        """Return what was typed beside the metadata."""
        return SamlOptions(**self.options())
