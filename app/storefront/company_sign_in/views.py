"""The one page with everything: what is proven, by which provider, for whom."""

from __future__ import annotations

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.companies.domains import LOST_AFTER, list_domains, record_of
from app.identity.companies.models import CompanyDomain, DomainState
from app.identity.companies.queries import find_rules, is_allowed, is_blocked
from app.identity.companies.services import glass_keepers, save_rules
from app.identity.permissions import Permission
from app.identity.providers.models import IdentityProvider, ProviderKind, ProviderState
from app.identity.providers.queries import list_providers
from app.storefront.company_sign_in.blueprint import TITLE, bp, company_of_viewer
from app.storefront.company_sign_in.forms import DomainForm, RulesForm
from app.web.pages import page

DOMAIN_TONES = {DomainState.PROVEN: "success", DomainState.PENDING: "progress", DomainState.LOST: "danger"}
PROVIDER_TONES = {ProviderState.ENABLED: "success", ProviderState.TESTED: "progress"}


@bp.get("")
@permission_required(Permission.COMPANY_SIGN_IN_MANAGE)
def index() -> ResponseReturnValue:
    """Show domains, providers and rules."""
    return show_page()


@bp.post("/rules")
@permission_required(Permission.COMPANY_SIGN_IN_MANAGE)
def rules() -> ResponseReturnValue:
    """Decide who comes in by the provider, and who must."""
    form = RulesForm()
    form.offer(list(glass_keepers(company_of_viewer())))
    if form.validate_on_submit():
        try:
            with unit_of_work():
                save_rules(company_of_viewer(), form.to_rules(), actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Saved.", "success")
            return redirect(url_for(".index"), code=303)
    return show_page(rules_form=form)


def show_page(domain_form: DomainForm | None = None, rules_form: RulesForm | None = None) -> ResponseReturnValue:
    """Show the page with the form that was refused, if one was."""
    company = company_of_viewer()
    decided = find_rules(company)
    if rules_form is None:
        rules_form = RulesForm(formdata=None)
        rules_form.offer(list(glass_keepers(company)))
        rules_form.show(decided)
    domain_form = domain_form or DomainForm(formdata=None)
    providers = list_providers(company.realm_id, account_id=company.account_id)
    domains = list_domains(company)
    is_proven = any(each.state is DomainState.PROVEN for each in domains)
    refused = next((form for form in (domain_form, rules_form) if form.errors), domain_form)
    return page(
        "storefront/company_sign_in/index.html",
        title=TITLE,
        is_off=not is_allowed(company.realm_id) or is_blocked(company),
        is_in_use=is_proven and any(each.state is ProviderState.ENABLED for each in providers),
        is_required=decided is not None and decided.is_required,
        domains=[(each, record_of(each)) for each in domains],
        domain_tones=DOMAIN_TONES,
        ends_of=_end_of,
        providers=providers,
        provider_tones=PROVIDER_TONES,
        edit_endpoint=_edit_endpoint,
        domain_form=domain_form,
        rules_form=rules_form,
    ), refused.status


def _end_of(domain: CompanyDomain) -> object:
    """When a proven domain without its record is lost."""
    return domain.missing_since + LOST_AFTER if domain.missing_since else None


def _edit_endpoint(provider: IdentityProvider) -> str:
    return ".edit_openid" if provider.kind is ProviderKind.OIDC else ".edit_saml"
