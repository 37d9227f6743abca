"""A company's providers: added, tested, switched on and off. One is in use at a time."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.access.doors import STOREFRONT_DOOR as DOOR
from app.access.sso.departures import callback_uri, leave
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.companies.queries import Company
from app.identity.companies.services import require_open, switch_off, switch_on
from app.identity.permissions import Permission
from app.identity.providers.models import IdentityProvider, SsoPurpose
from app.identity.providers.queries import get_own_provider
from app.identity.providers.services import delete_provider, save_oidc_provider
from app.identity.providers.trips import Traveller
from app.identity.saml.services import SamlOptions, add_saml_provider, renew_saml_provider, set_saml_options
from app.storefront.company_sign_in.blueprint import TITLE, bp, changed, company_of_viewer
from app.storefront.company_sign_in.forms import OpenIdForm, SamlForm
from app.web.pages import page
from themes.frames import Crumb

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
    company, form = company_of_viewer(), OpenIdForm(obj=provider)
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
    title = provider.name if provider else "Add an OpenID provider"
    return page(
        "storefront/company_sign_in/openid.html",
        title=title,
        breadcrumbs=[Crumb(TITLE, url_for(".index")), Crumb(title)],
        form=form,
        provider_id=provider_id,
        callback=callback_uri(DOOR, provider_id) if provider_id else None,
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
    company, form = company_of_viewer(), SamlForm(obj=provider)
    provider_id = provider.id if provider else None
    if form.validate_on_submit():
        try:
            with unit_of_work():
                saved_id = _store_saml(company, provider_id, form)
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(SAVED, "success")
            return redirect(url_for(".edit_saml", provider_id=saved_id), code=303)
    title = provider.name if provider else "Add a SAML provider"
    return page(
        "storefront/company_sign_in/saml.html",
        title=title,
        breadcrumbs=[Crumb(TITLE, url_for(".index")), Crumb(title)],
        form=form,
        provider_id=provider_id,
        acs_url=DOOR.url("saml_acs", provider_id=provider_id, _external=True) if provider_id else None,
        metadata_url=DOOR.url("saml_metadata", provider_id=provider_id, _external=True) if provider_id else None,
    ), form.status


def _store_saml(company: Company, provider_id: UUID | None, form: SamlForm) -> UUID:
    require_open(company)
    metadata, actor, at = form.metadata.data or "", signed_in_viewer().actor, utc_now()
    if provider_id is None:
        provider_id = add_saml_provider(
            company.realm_id, form.name.data or "", metadata, account_id=company.account_id, actor=actor, at=at
        ).id
    elif metadata.strip():
        renew_saml_provider(company.realm_id, provider_id, metadata, account_id=company.account_id, actor=actor, at=at)
    options = SamlOptions(is_visible=False, trusts_email=form.trusts_email.data)
    set_saml_options(company.realm_id, provider_id, options, account_id=company.account_id, actor=actor, at=at)
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
