"""The table of groups and roles of an owner's provider (SF-14, BC-27)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access.doors import Door
from app.access.sso.group_rules import RulePage, show_rules
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.identity.providers.models import ProviderKind
from app.identity.providers.role_rules import add_rule, delete_rule
from app.owner.scopes import acting, frame_of
from app.web.surfaces import Surface
from themes.frames import Crumb


def show_owner_rules(surface: Surface, door: Door, provider_id: UUID) -> ResponseReturnValue:
    """Show what groups give, and take in one more rule."""
    where = RulePage(
        template="manage/providers/rules.html",
        frame=frame_of(surface),
        above=Crumb("Sign-in providers", url_for(".index")),
        edit_endpoints={ProviderKind.OIDC: ".edit", ProviderKind.SAML: ".edit_saml"},
        delete_endpoint=".delete_rule",
        realm_id=door.realm_id,
        provider_id=provider_id,
    )
    return show_rules(where, lambda new: add_rule(door.realm_id, provider_id, new, actor=acting(), at=utc_now()))


def remove_rule(surface: Surface, door: Door, provider_id: UUID, rule_id: UUID) -> ResponseReturnValue:  # noqa: ARG001 - as all pages here
    """Forget a rule."""
    with unit_of_work():
        delete_rule(door.realm_id, provider_id, rule_id, actor=acting(), at=utc_now())
    flash("The rule is deleted.", "success")
    return redirect(url_for(".rules", provider_id=provider_id), code=303)
