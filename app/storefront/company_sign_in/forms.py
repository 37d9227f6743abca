"""What a company's Admin types. What is wrong with it is the services' to say, so that nothing is stored halfway."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from wtforms import (
    BooleanField,
    PasswordField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.widgets import CheckboxInput, ListWidget

from app.identity.companies.models import CompanySignIn
from app.identity.companies.services import ROLES, Rules
from app.identity.models import User
from app.identity.providers.options import CLAIMS
from app.identity.providers.services import ProviderDetails
from app.identity.saml.services import SamlOptions
from app.web.forms import Form

NAME = "For you and your colleagues, such as Acme account."
TRUST = "Only where nobody can enter another person's address there."


class DomainForm(Form):
    """A domain to be proven."""

    domain = StringField(
        "Domain", description="What stands behind the @ of your addresses, such as company.com.",
        render_kw={"autocapitalize": "none", "spellcheck": "false"},
    )  # fmt: skip


class RulesForm(Form):
    """Who comes in by the company's provider, and who must."""

    creates_users = BooleanField(
        "Add people of your domains at their first sign-in", description="Others you add under Users."
    )
    default_roles = SelectMultipleField(
        "Roles of people added this way",
        description="Also of everybody for whose groups at your provider there is no rule.",
        option_widget=CheckboxInput(),
        widget=ListWidget(prefix_label=False),
        validate_choice=False,
        choices=[(role.value, role.label) for role in ROLES],
    )
    is_required = BooleanField(
        "Switch passwords off for people of your domains",
        description="They sign in through your provider alone. People with other addresses keep their passwords.",
    )
    break_glass_user_id = SelectField(
        "Administrator who keeps a password",
        validate_choice=False,
        description="The way in when your provider fails.",
    )

    def offer(self, keepers: list[User]) -> None:
        """Offer the administrators who have a password."""
        people = [(str(person.id), f"{person.full_name} ({person.email})") for person in keepers]
        self.break_glass_user_id.choices = [("", "Choose an administrator"), *people]

    def show(self, rules: CompanySignIn | None) -> None:
        """Fill the form with what holds now."""
        if rules is None:
            return
        self.creates_users.data, self.default_roles.data = rules.creates_users, list(rules.default_roles)
        self.is_required.data = rules.is_required
        self.break_glass_user_id.data = str(rules.break_glass_user_id or "")

    def to_rules(self) -> Rules:
        """Return what was chosen; what is no id is nobody's."""
        try:
            keeper: UUID | None = UUID(self.break_glass_user_id.data or "")
        except ValueError:
            keeper = None
        return Rules(
            creates_users=self.creates_users.data,
            default_roles=tuple(self.default_roles.data or ()),
            is_required=self.is_required.data,
            break_glass_user_id=keeper,
        )


class OptionsForm(Form):
    """What is typed of a provider of either protocol."""

    email_claim = StringField("Claim with the e-mail", default="email")
    first_name_claim = StringField("Claim with the first name", default="given_name")
    last_name_claim = StringField("Claim with the last name", default="family_name")
    groups_claim = StringField("Claim with the groups", default="groups")
    roles_follow = BooleanField(
        "Roles follow the provider",
        default=True,
        description="Where groups give roles: at each sign-in people get those of their groups, and lose others.",
    )
    trusts_email = BooleanField("Its e-mail addresses are verified", description=TRUST)
    signs_out = BooleanField(
        "Sign out at the provider too", default=True, description="Where the provider has an address for it."
    )

    def options(self) -> dict[str, Any]:
        """Return what was typed, by the names of `Options`; whom it creates is said once for the company."""
        return {
            **{name: (self[name].data or "").strip() for name in CLAIMS},
            **{name: bool(self[name].data) for name in ("trusts_email", "signs_out", "roles_follow")},
            "is_visible": False,
        }


class OpenIdForm(OptionsForm):
    """A company's OpenID provider."""

    name = StringField("Name", description=NAME)
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
    """A company's SAML provider, by the metadata it publishes."""

    name = StringField("Name", description=NAME)
    metadata_url = StringField(
        "Address of the metadata", description="Read now and once a day, so that new certificates count by themselves."
    )
    metadata = TextAreaField(
        "Metadata",
        description="Or the XML the provider offers for download, pasted as it is.",
        filters=[lambda typed: typed if isinstance(typed, str) else ""],  # a model has a `metadata` of its own
    )

    def to_options(self) -> SamlOptions:
        """Return what was typed beside the metadata."""
        return SamlOptions(**self.options())
