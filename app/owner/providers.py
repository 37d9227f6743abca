"""Settings → Sign-in providers for the owner of a storefront and for the back office (SF-14, BC-27)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import current_address, permission_required
from app.access.doors import Door
from app.access.sso.departures import callback_uri, leave
from app.access.sso.metadata import read_typed
from app.access.viewer import signed_in_viewer
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Conflict, Invalid
from app.identity.providers.models import IdentityProvider, ProviderKind, ProviderState, SsoPurpose
from app.identity.providers.presets import PRESETS, preset_of
from app.identity.providers.queries import get_own_provider, has_local_login, list_providers
from app.identity.providers.services import (
    delete_provider,
    disable_provider,
    enable_provider,
    save_oidc_provider,
    set_local_login,
    set_logo,
)
from app.identity.providers.trips import Traveller
from app.identity.saml.services import add_saml_provider, renew_saml_provider, set_metadata_url, set_saml_options
from app.owner.look import image_url
from app.owner.look_forms import PICTURES, uploaded
from app.owner.provider_forms import OptionsForm, ProviderForm, SamlForm
from app.owner.provider_rules import remove_rule, show_owner_rules
from app.owner.scopes import Rights, acting, frame_of
from app.resellers.images import ImagePurpose, store_image
from app.web.pages import page
from app.web.surfaces import Surface
from tenants.context import current_scope, direct_business_scope, scope
from themes.frames import Crumb

TITLE = "Sign-in providers"
TONES = {ProviderState.ENABLED: "success", ProviderState.TESTED: "progress"}
Added = tuple[str, str, tuple[str, ...], Callable[..., ResponseReturnValue]]


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
    provider = get_own_provider(door.realm_id, provider_id)
    if provider.kind is ProviderKind.SAML:
        return redirect(url_for(".edit_saml", provider_id=provider_id), code=303)
    return _edited(surface, door, provider)


def _edited(surface: Surface, door: Door, provider: IdentityProvider | None) -> ResponseReturnValue:
    preset = preset_of(request.args.get("preset")) if provider is None else None
    form = ProviderForm(obj=provider, data=dict(preset.openid) if preset else None)
    provider_id = provider.id if provider else None
    if form.validate_on_submit():
        try:
            with unit_of_work():
                saved = save_oidc_provider(door.realm_id, provider_id, form.to_details(), actor=acting(), at=utc_now())
                saved_id = saved.id
                _store_logo(door, saved_id, form)
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Saved. Run a test sign-in before people use it.", "success")
            return redirect(url_for(".edit", provider_id=saved_id), code=303)
    return _form_page(
        surface,
        door,
        "manage/providers/form.html",
        form,
        provider_id,
        new_title="Add an OpenID provider",
        hint=preset.openid_hint if preset else "",
        callback=callback_uri(door, provider_id) if provider_id else None,
        signed_out=door.url("sso_signed_out", provider_id=provider_id, _external=True) if provider_id else None,
        back_channel=door.url("sso_backchannel", provider_id=provider_id, _external=True) if provider_id else None,
    )


def _form_page(
    surface: Surface,
    door: Door,
    template: str,
    form: OptionsForm,
    provider_id: UUID | None,
    *,
    new_title: str,
    **more: Any,
) -> ResponseReturnValue:
    provider = get_own_provider(door.realm_id, provider_id) if provider_id else None  # a refusal has forgotten it
    if provider is not None and not form.is_submitted():
        form.show(provider)
    title = provider.name if provider else new_title
    logo = provider.logo_image_id if provider else None
    return page(
        template,
        title=title,
        breadcrumbs=[Crumb(TITLE, url_for(".index")), Crumb(title)],
        frame=frame_of(surface),
        form=form,
        is_new=provider is None,
        is_staff=door.surface is Surface.BSS,
        presets=PRESETS,
        pictures=PICTURES,
        metadata_error=provider.metadata_error if provider else None,
        logo_url=image_url(str(logo)) if logo else None,
        rules_url=url_for(".rules", provider_id=provider.id) if provider else None,
        **more,
    ), form.status


def _store_logo(door: Door, provider_id: UUID, form: OptionsForm) -> None:
    """Keep an uploaded logo as the storefront's pictures are kept: it is served at the same address."""
    content = uploaded(form.logo)
    if content is None:
        if form.remove_logo.data:
            set_logo(door.realm_id, provider_id, None)
        return
    reseller_id = None if door.surface is Surface.BSS else current_address().reseller_id
    here = current_scope()
    with scope(direct_business_scope(here.distributor_id) if reseller_id is None else here):
        image = store_image(ImagePurpose.LOGO, content, field="logo", reseller_id=reseller_id, at=utc_now())
        image_id = image.id
    set_logo(door.realm_id, provider_id, image_id)


def add_saml(surface: Surface, door: Door) -> ResponseReturnValue:
    """Add a SAML provider; it is a draft until a test sign-in has passed."""
    return _saml(surface, door, None)


def edit_saml(surface: Surface, door: Door, provider_id: UUID) -> ResponseReturnValue:
    """Take over a provider's new metadata, such as its next certificate; empty keeps what is there."""
    return _saml(surface, door, get_own_provider(door.realm_id, provider_id))


def _saml(surface: Surface, door: Door, provider: IdentityProvider | None) -> ResponseReturnValue:
    preset = preset_of(request.args.get("preset")) if provider is None else None
    form = SamlForm(obj=provider, data=dict(preset.saml) if preset else None)
    provider_id, read_before = (provider.id, provider.metadata_url) if provider else (None, None)
    if form.validate_on_submit():
        try:
            metadata = read_typed(form.metadata.data, form.metadata_url.data, read_before=read_before)
            with unit_of_work():
                saved_id = _store_saml(door, provider_id, form, metadata)
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Saved. Run a test sign-in before people use it.", "success")
            return redirect(url_for(".edit_saml", provider_id=saved_id), code=303)
    return _form_page(
        surface,
        door,
        "manage/providers/saml.html",
        form,
        provider_id,
        new_title="Add a SAML provider",
        hint=preset.saml_hint if preset else "",
        acs_url=door.url("saml_acs", provider_id=provider_id, _external=True) if provider_id else None,
        slo_url=door.url("saml_slo", provider_id=provider_id, _external=True) if provider_id else None,
        metadata_url=door.url("saml_metadata", provider_id=provider_id, _external=True) if provider_id else None,
    )


def _store_saml(door: Door, provider_id: UUID | None, form: SamlForm, metadata: str) -> UUID:
    actor, at, realm_id = acting(), utc_now(), door.realm_id
    url = (form.metadata_url.data or "").strip() or None
    if provider_id is None:
        added = add_saml_provider(realm_id, form.name.data or "", metadata, metadata_url=url, actor=actor, at=at)
        provider_id = added.id
    else:
        if metadata.strip():
            renew_saml_provider(realm_id, provider_id, metadata, actor=actor, at=at)
        set_metadata_url(realm_id, provider_id, url, actor=actor, at=at)
    set_saml_options(realm_id, provider_id, form.to_options(), actor=actor, at=at)
    _store_logo(door, provider_id, form)
    return provider_id


def test(surface: Surface, door: Door, provider_id: UUID) -> ResponseReturnValue:  # noqa: ARG001 - as all pages here
    """Sign in at the provider to see what arrives; nobody is let in."""
    viewer = signed_in_viewer()
    provider = get_own_provider(door.realm_id, provider_id)
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
    ("/<uuid:provider_id>/roles", "rules", ("GET", "POST"), show_owner_rules),
    ("/<uuid:provider_id>/roles/<uuid:rule_id>/delete", "delete_rule", ("POST",), remove_rule),
    ("/<uuid:provider_id>/test", "test", ("GET",), test),
    ("/<uuid:provider_id>/enable", "enable", ("POST",), enable),
    ("/<uuid:provider_id>/disable", "disable", ("POST",), disable),
    ("/<uuid:provider_id>/delete", "delete", ("POST",), delete),
)
