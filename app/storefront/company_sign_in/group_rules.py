"""Which groups at a company's provider make which of its people what (GO-14)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.access.sso.group_rules import RulePage, show_rules
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.identity.companies.groups import drop_group_rule, set_group_rule
from app.identity.permissions import Permission
from app.identity.providers.models import ProviderKind
from app.storefront.company_sign_in.blueprint import TITLE, bp, company_of_viewer
from themes.frames import Crumb


@bp.route("/providers/<uuid:provider_id>/roles", methods=["GET", "POST"])
@permission_required(Permission.COMPANY_SIGN_IN_MANAGE)
def group_rules(provider_id: UUID) -> ResponseReturnValue:
    """Show what groups give, and take in one more rule."""
    company = company_of_viewer()
    where = RulePage(
        template="storefront/company_sign_in/rules.html",
        frame="frames/storefront.html",
        above=Crumb(TITLE, url_for(".index")),
        edit_endpoints={ProviderKind.OIDC: ".edit_openid", ProviderKind.SAML: ".edit_saml"},
        delete_endpoint=".delete_group_rule",
        realm_id=company.realm_id,
        provider_id=provider_id,
        account_id=company.account_id,
    )
    actor, at = signed_in_viewer().actor, utc_now()
    return show_rules(where, lambda new: set_group_rule(company, provider_id, new, actor=actor, at=at))


@bp.post("/providers/<uuid:provider_id>/roles/<uuid:rule_id>/delete")
@permission_required(Permission.COMPANY_SIGN_IN_MANAGE)
def delete_group_rule(provider_id: UUID, rule_id: UUID) -> ResponseReturnValue:
    """Forget a rule."""
    with unit_of_work():
        drop_group_rule(company_of_viewer(), provider_id, rule_id, actor=signed_in_viewer().actor, at=utc_now())
    flash("The rule is deleted.", "success")
    return redirect(url_for(".group_rules", provider_id=provider_id), code=303)
