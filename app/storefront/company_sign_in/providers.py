"""A company's providers: added, tested, switched on and off. One is in use at a time."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.access.doors import STOREFRONT_DOOR as DOOR
from app.access.sso.departures import callback_uri, leave
from app.access.sso.metadata import read_typed
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.companies.queries import Company, require_open
from app.identity.companies.services import switch_off, switch_on
from app.identity.permissions import Permission
from app.identity.providers.models import IdentityProvider, SsoPurpose
from app.identity.providers.presets import PRESETS, preset_of
from app.identity.providers.queries import get_own_provider
from app.identity.providers.services import delete_provider, save_oidc_provider
from app.identity.providers.trips import Traveller
from app.identity.saml.services import add_saml_provider, renew_saml_provider, set_metadata_url, set_saml_options
from app.storefront.company_sign_in.blueprint import TITLE, bp, changed, company_of_viewer
from app.storefront.company_sign_in.forms import OpenIdForm, OptionsForm, SamlForm
from app.web.pages import page
from themes.frames import Crumb

TITLES = {"openid": "an OpenID provider", "saml": "a SAML provider"}
SAVED = "Saved. Run a test sign-in before people use it."


def _own(provider_id: UUID) -> IdentityProvider:
    company = company_of_viewer()
    return get_own_provider(company.realm_id, provider_id, account_id=company.account_id)


@bp.route("/providers/openid", methods=["GET", "POST"])
@permission_required(Permission.COMPANY_SIGN_IN_MANAGE)
def add_openid() -> ResponseReturnValue:
    """Add an OpenID provider; it is a draft until a test sign-in has passed."""
    return _openid(None)


@bp.route("/providers/<uuid:provider_id>/openid", methods=["GET", "POST"])
@permission_required(Permission.COMPANY_SIGN_IN_MANAGE)
def edit_openid(provider_id: UUID) -> ResponseReturnValue:
    """Change an OpenID provider; a changed connection has to be tested again."""
    return _openid(_own(provider_id))


def _openid(provider: IdentityProvider | None) -> ResponseReturnValue:
    preset = preset_of(request.args.get("preset")) if provider is None else None
    company, form = company_of_viewer(), OpenIdForm(obj=provider, data=dict(preset.openid) if preset else None)
    provider_id = provider.id if provider else None
    if form.validate_on_submit():
        try:
            with unit_of_work():
                require_open(company)
                saved_id = save_oidc_provider(
                    company.realm_id,
                    provider_id,
                    form.to_details(),
                    account_id=company.account_id,
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                ).id
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(SAVED, "success")
            return redirect(url_for(".edit_openid", provider_id=saved_id), code=303)
    addresses = {} if provider_id is None else {
        "Address to come back to": callback_uri(DOOR, provider_id),
        "Address after signing out": DOOR.url("sso_signed_out", provider_id=provider_id, _external=True),
        "Back-channel logout": DOOR.url("sso_backchannel", provider_id=provider_id, _external=True),
    }  # fmt: skip
    return _form_page("openid", form, provider, addresses, hint=preset.openid_hint if preset else "")


def _form_page(
    protocol: str, form: OptionsForm, provider: IdentityProvider | None, addresses: dict[str, str], *, hint: str
) -> ResponseReturnValue:
    """Show the form of a protocol. `addresses` are ours, to be entered at the provider, by what providers call them."""
    title = provider.name if provider else f"Add {TITLES[protocol]}"
    return page(
        f"storefront/company_sign_in/{protocol}.html",
        title=title,
        breadcrumbs=[Crumb(TITLE, url_for(".index")), Crumb(title)],
        form=form,
        provider=provider,
        addresses=addresses,
        presets={name: each.label for name, each in PRESETS.items()} if provider is None else {},
        preset_endpoint=f".add_{protocol}",
        hint=hint,
    ), form.status


@bp.route("/providers/saml", methods=["GET", "POST"])
@permission_required(Permission.COMPANY_SIGN_IN_MANAGE)
def add_saml() -> ResponseReturnValue:
    """Add a SAML provider; it is a draft until a test sign-in has passed."""
    return _saml(None)


@bp.route("/providers/<uuid:provider_id>/saml", methods=["GET", "POST"])
@permission_required(Permission.COMPANY_SIGN_IN_MANAGE)
def edit_saml(provider_id: UUID) -> ResponseReturnValue:
    """Take over a provider's new metadata, such as its next certificate; empty keeps what is there."""
    return _saml(_own(provider_id))


def _saml(provider: IdentityProvider | None) -> ResponseReturnValue:
    preset = preset_of(request.args.get("preset")) if provider is None else None
    company, form = company_of_viewer(), SamlForm(obj=provider, data=dict(preset.saml) if preset else None)
    provider_id, read_before = (provider.id, provider.metadata_url) if provider else (None, None)
    if form.validate_on_submit():
        try:
            require_open(company)
            metadata = read_typed(form.metadata.data, form.metadata_url.data, read_before=read_before)
            with unit_of_work():
                saved_id = _store_saml(company, provider_id, form, metadata)
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(SAVED, "success")
            return redirect(url_for(".edit_saml", provider_id=saved_id), code=303)
    addresses = {} if provider_id is None else {
        "Address answers are sent to": DOOR.url("saml_acs", provider_id=provider_id, _external=True),
        "Address for signing out": DOOR.url("saml_slo", provider_id=provider_id, _external=True),
        "Our metadata": DOOR.url("saml_metadata", provider_id=provider_id, _external=True),
    }  # fmt: skip
    return _form_page("saml", form, provider, addresses, hint=preset.saml_hint if preset else "")


def _store_saml(company: Company, provider_id: UUID | None, form: SamlForm, metadata: str) -> UUID:
    actor, at, realm_id, account_id = signed_in_viewer().actor, utc_now(), company.realm_id, company.account_id
    url = (form.metadata_url.data or "").strip() or None
    if provider_id is None:
        provider_id = add_saml_provider(
            realm_id, form.name.data or "", metadata, metadata_url=url, account_id=account_id, actor=actor, at=at
        ).id
    else:
        if metadata.strip():
            renew_saml_provider(realm_id, provider_id, metadata, account_id=account_id, actor=actor, at=at)
        set_metadata_url(realm_id, provider_id, url, account_id=account_id, actor=actor, at=at)
    set_saml_options(realm_id, provider_id, form.to_options(), account_id=account_id, actor=actor, at=at)
    return provider_id


@bp.get("/providers/<uuid:provider_id>/test")
@permission_required(Permission.COMPANY_SIGN_IN_MANAGE)
def test(provider_id: UUID) -> ResponseReturnValue:
    """Sign in at the provider to see what arrives; nobody is let in."""
    provider, viewer = _own(provider_id), signed_in_viewer()
    require_open(company_of_viewer())
    return leave(DOOR, provider, SsoPurpose.TEST, traveller=Traveller(viewer.user_id, viewer.session_id))


@bp.post("/providers/<uuid:provider_id>/enable")
@permission_required(Permission.COMPANY_SIGN_IN_MANAGE)
def enable(provider_id: UUID) -> ResponseReturnValue:
    """Lead the company's people to it."""
    _own(provider_id)
    return changed(
        lambda: switch_on(company_of_viewer(), provider_id, actor=signed_in_viewer().actor, at=utc_now()),
        "The provider is on.",
    )


@bp.post("/providers/<uuid:provider_id>/disable")
@permission_required(Permission.COMPANY_SIGN_IN_MANAGE)
def disable(provider_id: UUID) -> ResponseReturnValue:
    """Lead nobody to it any more."""
    _own(provider_id)
    return changed(
        lambda: switch_off(company_of_viewer(), provider_id, actor=signed_in_viewer().actor, at=utc_now()),
        "The provider is off. Your people sign in with their passwords.",
    )


@bp.post("/providers/<uuid:provider_id>/delete")
@permission_required(Permission.COMPANY_SIGN_IN_MANAGE)
def delete(provider_id: UUID) -> ResponseReturnValue:
    """Forget it and everything it vouched for."""
    company = company_of_viewer()
    _own(provider_id)
    return changed(
        lambda: delete_provider(
            company.realm_id,
            provider_id,
            account_id=company.account_id,
            actor=signed_in_viewer().actor,
            at=utc_now(),
        ),
        "The provider is deleted.",
    )
