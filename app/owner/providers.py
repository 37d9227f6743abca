"""Settings → Sign-in providers for the owner of a storefront and for the back office (SF-14, BC-27)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, IntegerField, PasswordField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import NumberRange, Optional

from app.access import current_address, permission_required
from app.access.doors import Door
from app.access.sso.departures import callback_uri, leave
from app.access.viewer import signed_in_viewer
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Conflict, Invalid
from app.identity.permissions import BssRole
from app.identity.providers.models import IdentityProvider, ProviderKind, ProviderState, SsoPurpose
from app.identity.providers.queries import get_provider, has_local_login, list_providers
from app.identity.providers.services import (
    ProviderDetails,
    delete_provider,
    disable_provider,
    enable_provider,
    save_oidc_provider,
    set_local_login,
)
from app.identity.providers.trips import Traveller
from app.identity.saml.services import SamlOptions, add_saml_provider, renew_saml_provider, set_saml_options
from app.owner.scopes import Rights, acting, frame_of
from app.web.forms import Form
from app.web.pages import page
from app.web.surfaces import Surface
from themes.frames import Crumb

TITLE = "Sign-in providers"
TONES = {ProviderState.ENABLED: "success", ProviderState.TESTED: "progress"}
Added = tuple[str, str, tuple[str, ...], Callable[..., ResponseReturnValue]]


class ProviderForm(Form):
    """An OpenID provider. What is wrong is the service's to say."""

    name = StringField("Name", description="On the button: Sign in with …")
    issuer = StringField("Issuer", description="The address of the provider, exactly as it names itself.")
    client_id = StringField("Client id")
    client_secret = PasswordField("Client secret", description="Empty keeps the stored one.")
    scopes = StringField("Scopes", default="openid email profile")
    email_claim = StringField("Claim with the e-mail", default="email")
    first_name_claim = StringField("Claim with the first name", default="given_name")
    last_name_claim = StringField("Claim with the last name", default="family_name")
    position = IntegerField(
        "Order", default=0, validators=[Optional(), NumberRange(min=0, max=999, message="Enter 0 to 999")]
    )
    is_visible = BooleanField("Show on the sign-in page", default=True)
    trusts_email = BooleanField(
        "Its e-mail addresses are verified", description="Only where nobody can enter another person's address there."
    )
    creates_users = BooleanField("Create people at their first sign-in")
    allowed_domains = StringField("Domains of created people", description="Such as company.com, company.eu")
    default_roles = SelectMultipleField(
        "Roles of created people", validate_choice=False, choices=[(role.value, role.label) for role in BssRole]
    )

    def to_details(self) -> ProviderDetails:
        """Return what was typed; absent texts are empty."""
        values: dict[str, Any] = {
            name: self[name].data or "" for name in ("name", "issuer", "client_id", "client_secret", "scopes")
        }
        for name in ("email_claim", "first_name_claim", "last_name_claim"):
            values[name] = (self[name].data or "").strip()
        for name in ("is_visible", "trusts_email", "creates_users"):
            values[name] = self[name].data
        return ProviderDetails(
            **values,
            position=self.position.data or 0,
            allowed_domains=tuple((self.allowed_domains.data or "").replace(",", " ").split()),
            default_roles=tuple(self.default_roles.data or ()),
        )


class SamlForm(Form):
    """A SAML provider, by the metadata it publishes."""

    name = StringField("Name", description="On the button: Sign in with …")
    metadata = TextAreaField("Metadata", description="The XML the provider offers for download, pasted as it is.")
    is_visible = BooleanField("Show on the sign-in page", default=True)
    trusts_email = BooleanField(
        "Its e-mail addresses are verified", description="Only where nobody can enter another person's address there."
    )


def provider_pages(blueprint: Blueprint, *, surface: Surface, door: Door, rights: Rights) -> None:
    """Add the pages; `door` is where the people of the providers sign in."""
    for path, endpoint, methods, answer in PAGES:
        right = rights.view if endpoint == "index" else rights.edit
        view = functools.wraps(answer)(functools.partial(answer, surface, door))
        blueprint.add_url_rule(path, endpoint, permission_required(right)(view), methods=methods)


def show_list(surface: Surface, door: Door) -> ResponseReturnValue:
    """Show the providers and the switch of passwords."""
    return page(
        "manage/providers/index.html",
        title=TITLE,
        frame=frame_of(surface),
        providers=list_providers(door.realm_id),
        tones=TONES,
        is_oidc=lambda each: each.kind is ProviderKind.OIDC,
        has_local=has_local_login(door.realm_id),
    )


def add(surface: Surface, door: Door) -> ResponseReturnValue:
    """Add a provider; it is a draft until a test sign-in has passed."""
    return _edited(surface, door, None)


def edit(surface: Surface, door: Door, provider_id: UUID) -> ResponseReturnValue:
    """Change a provider; a changed connection has to be tested again."""
    return _edited(surface, door, get_provider(door.realm_id, provider_id))


def _edited(surface: Surface, door: Door, provider: IdentityProvider | None) -> ResponseReturnValue:
    form = ProviderForm(obj=provider)
    provider_id = provider.id if provider else None
    if form.validate_on_submit():
        try:
            with unit_of_work():
                saved = save_oidc_provider(door.realm_id, provider_id, form.to_details(), actor=acting(), at=utc_now())
                saved_id = saved.id
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Saved. Run a test sign-in before people use it.", "success")
            return redirect(url_for(".edit", provider_id=saved_id), code=303)
    elif provider is not None and not form.is_submitted():
        form.allowed_domains.data = ", ".join(provider.allowed_domains)
    title = provider.name if provider else "Add a provider"
    return page(
        "manage/providers/form.html",
        title=title,
        breadcrumbs=[Crumb(TITLE, url_for(".index")), Crumb(title)],
        frame=frame_of(surface),
        form=form,
        callback=callback_uri(door, provider_id) if provider_id else None,
        is_staff=door.surface is Surface.BSS,
    ), form.status


def add_saml(surface: Surface, door: Door) -> ResponseReturnValue:
    """Add a SAML provider; it is a draft until a test sign-in has passed."""
    return _saml(surface, door, None)


def edit_saml(surface: Surface, door: Door, provider_id: UUID) -> ResponseReturnValue:
    """Take over a provider's new metadata, such as its next certificate; empty keeps what is there."""
    return _saml(surface, door, get_provider(door.realm_id, provider_id))


def _saml(surface: Surface, door: Door, provider: IdentityProvider | None) -> ResponseReturnValue:
    form = SamlForm(obj=provider)
    provider_id = provider.id if provider else None
    if form.validate_on_submit():
        try:
            with unit_of_work():
                saved_id = _store_saml(door.realm_id, provider_id, form)
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Saved. Run a test sign-in before people use it.", "success")
            return redirect(url_for(".edit_saml", provider_id=saved_id), code=303)
    title = provider.name if provider else "Add a SAML provider"
    return page(
        "manage/providers/saml.html",
        title=title,
        breadcrumbs=[Crumb(TITLE, url_for(".index")), Crumb(title)],
        frame=frame_of(surface),
        form=form,
        is_new=provider is None,
        acs_url=door.url("saml_acs", provider_id=provider_id, _external=True) if provider_id else None,
        metadata_url=door.url("saml_metadata", provider_id=provider_id, _external=True) if provider_id else None,
    ), form.status


def _store_saml(realm_id: UUID, provider_id: UUID | None, form: SamlForm) -> UUID:
    actor, at, metadata = acting(), utc_now(), form.metadata.data or ""
    if provider_id is None:
        provider_id = add_saml_provider(realm_id, form.name.data or "", metadata, actor=actor, at=at).id
    elif metadata.strip():
        renew_saml_provider(realm_id, provider_id, metadata, actor=actor, at=at)
    options = SamlOptions(is_visible=form.is_visible.data, trusts_email=form.trusts_email.data)
    set_saml_options(realm_id, provider_id, options, actor=actor, at=at)
    return provider_id


def test(surface: Surface, door: Door, provider_id: UUID) -> ResponseReturnValue:  # noqa: ARG001 - as all pages here
    """Sign in at the provider to see what arrives; nobody is let in."""
    viewer = signed_in_viewer()
    provider = get_provider(door.realm_id, provider_id)
    return leave(door, provider, SsoPurpose.TEST, traveller=Traveller(viewer.user_id, viewer.session_id))


def _changed(change: Callable[[], None], done: str) -> ResponseReturnValue:
    try:
        with unit_of_work():
            change()
    except Conflict as refusal:
        flash(str(refusal), "warning")
    else:
        flash(done, "success")
    return redirect(url_for(".index"), code=303)


def enable(surface: Surface, door: Door, provider_id: UUID) -> ResponseReturnValue:  # noqa: ARG001 - as all pages here
    """Let people sign in through it."""
    return _changed(
        lambda: enable_provider(door.realm_id, provider_id, actor=acting(), at=utc_now()), "The provider is on."
    )


def disable(surface: Surface, door: Door, provider_id: UUID) -> ResponseReturnValue:  # noqa: ARG001 - as all pages here
    """Let nobody sign in through it."""
    return _changed(
        lambda: disable_provider(door.realm_id, provider_id, actor=acting(), at=utc_now()), "The provider is off."
    )


def delete(surface: Surface, door: Door, provider_id: UUID) -> ResponseReturnValue:  # noqa: ARG001 - as all pages here
    """Forget it and everything it vouched for."""
    return _changed(
        lambda: delete_provider(door.realm_id, provider_id, actor=acting(), at=utc_now()), "The provider is deleted."
    )


def switch_local(surface: Surface, door: Door) -> ResponseReturnValue:  # noqa: ARG001 - as all pages here
    """Switch passwords off, or on again."""
    is_on = not has_local_login(door.realm_id)
    owner_id = None if door.surface is Surface.BSS else current_address().reseller_id

    def change() -> None:
        set_local_login(door.realm_id, is_on, reseller_id=owner_id, actor=acting(), at=utc_now())

    return _changed(change, "Passwords are on." if is_on else "Passwords are off: people sign in through providers.")


PAGES: tuple[Added, ...] = (
    ("", "index", ("GET",), show_list),
    ("/new", "new", ("GET", "POST"), add),
    ("/saml/new", "new_saml", ("GET", "POST"), add_saml),
    ("/<uuid:provider_id>/saml", "edit_saml", ("GET", "POST"), edit_saml),
    ("/local", "switch_local", ("POST",), switch_local),
    ("/<uuid:provider_id>", "edit", ("GET", "POST"), edit),
    ("/<uuid:provider_id>/test", "test", ("GET",), test),
    ("/<uuid:provider_id>/enable", "enable", ("POST",), enable),
    ("/<uuid:provider_id>/disable", "disable", ("POST",), disable),
    ("/<uuid:provider_id>/delete", "delete", ("POST",), delete),
)
