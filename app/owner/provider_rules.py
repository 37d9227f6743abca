"""The table of groups and roles of one provider (SF-14, BC-27)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access.doors import Door
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.providers.queries import get_own_provider
from app.identity.providers.role_rules import ADMIN, add_rule, delete_rule, list_rules, roles_to_give
from app.owner.provider_forms import RuleForm
from app.owner.scopes import acting, frame_of
from app.web.pages import page
from app.web.surfaces import Surface
from themes.frames import Crumb

TITLE = "Groups and roles"


def show_rules(surface: Surface, door: Door, provider_id: UUID) -> ResponseReturnValue:
    """Show what groups give, and take in one more; an existing group's roles are replaced."""
    get_own_provider(door.realm_id, provider_id)
    roles, is_staff, form = roles_to_give(door.realm_id), door.surface is Surface.BSS, RuleForm()
    form.offer(roles, with_admin=not is_staff)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                add_rule(door.realm_id, provider_id, form.to_rule(), actor=acting(), at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Saved. It counts from people's next sign-in.", "success")
            return redirect(url_for(".rules", provider_id=provider_id), code=303)
    provider = get_own_provider(door.realm_id, provider_id)  # a refusal has forgotten it
    labels = {ADMIN: "Admin", **{role.value: role.label for role in roles}}
    return page(
        "manage/providers/rules.html",
        title=TITLE,
        breadcrumbs=[
            Crumb("Sign-in providers", url_for(".index")),
            Crumb(provider.name, url_for(".edit" if provider.issuer else ".edit_saml", provider_id=provider_id)),
            Crumb(TITLE),
        ],
        frame=frame_of(surface),
        form=form,
        provider=provider,
        rules=[
            (rule, [labels.get(each, each) for each in ([ADMIN] if rule.makes_admin and not is_staff else rule.roles)])
            for rule in list_rules(door.realm_id, provider_id)
        ],
    ), form.status


def remove_rule(surface: Surface, door: Door, provider_id: UUID, rule_id: UUID) -> ResponseReturnValue:  # noqa: ARG001 - as all pages here
    """Forget a rule."""
    with unit_of_work():
        delete_rule(door.realm_id, provider_id, rule_id, actor=acting(), at=utc_now())
    flash("The rule is deleted.", "success")
    return redirect(url_for(".rules", provider_id=provider_id), code=303)
