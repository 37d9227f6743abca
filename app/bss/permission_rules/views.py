"""Setup, Permission rules: who sees a record, changes it, or does everything with it (BC-04)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.permission_rules.forms import PermissionRuleForm, holders
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.core.ids import parse_id
from app.identity import teams
from app.identity.permission_rules import services
from app.identity.permission_rules.models import PermissionRule, RecordAccess, RuledKind, ShareRight
from app.identity.permission_rules.queries import kinds_of, list_rules, managed_rule, uses_of
from app.identity.permissions import Permission
from app.identity.queries import list_bss_users
from app.web.forms import Form
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("permission_rules", __name__, surface=Surface.BSS, path="/permission-rules")


@bp.get("")
@permission_required(Permission.BSS_RULES_MANAGE)
def index() -> ResponseReturnValue:
    """List the rules that the viewer may look after."""
    rules = list_rules(signed_in_viewer().actor)
    return page(
        "bss/permission_rules/index.html",
        title="Permission rules",
        rules=rules,
        kinds=kinds_of([rule.id for rule in rules]),
        labels={kind: kind.label for kind in RuledKind},
    )


@bp.route("/new", methods=["GET", "POST"])
@permission_required(Permission.BSS_RULES_MANAGE)
def new() -> ResponseReturnValue:
    """Make a rule."""
    form = PermissionRuleForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                rule = services.create_rule(form.to_details(), actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(f"The rule {rule.name} was added.", "success")
            return redirect(url_for(".index"), code=303)
    return _form(form, "New permission rule", None), form.status


@bp.route("/<uuid:rule_id>", methods=["GET", "POST"])
@permission_required(Permission.BSS_RULES_MANAGE)
def edit(rule_id: UUID) -> ResponseReturnValue:
    """Change a rule for all records that have it."""
    rule = managed_rule(rule_id, signed_in_viewer().actor)
    form = PermissionRuleForm()
    if not form.is_submitted():
        form.show(services.details_of(rule_id))
    if form.validate_on_submit():
        try:
            with unit_of_work():
                services.update_rule(rule_id, form.to_details(), actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The rule was saved.", "success")
            return redirect(url_for(".index"), code=303)
    return _form(form, rule.name, rule), form.status


@bp.route("/<uuid:rule_id>/delete", methods=["GET", "POST"])
@permission_required(Permission.BSS_RULES_MANAGE)
def delete(rule_id: UUID) -> ResponseReturnValue:
    """Ask which rule its records get instead, and delete it."""
    actor = signed_in_viewer().actor
    rule = managed_rule(rule_id, actor)
    form = Form()
    if form.validate_on_submit():
        replacement_id = parse_id(request.form.get("replacement", ""))
        try:
            with unit_of_work():
                services.delete_rule(rule_id, replacement_id=replacement_id, actor=actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(f"The rule {rule.name} was deleted.", "success")
            return redirect(url_for(".index"), code=303)
    return page(
        "bss/permission_rules/delete.html",
        title=f"Delete {rule.name}",
        breadcrumbs=(*_crumbs(), Crumb(rule.name, url_for(".edit", rule_id=rule_id)), Crumb("Delete")),
        form=form,
        rule=rule,
        uses=[(kind.label, count) for kind, count in uses_of(rule_id).items()],
        others=[each for each in list_rules(actor) if each.is_active and each.id != rule_id],
    ), form.status


def _crumbs() -> tuple[Crumb, ...]:
    return (Crumb("Permission rules", url_for(".index")),)


def _form(form: PermissionRuleForm, title: str, rule: PermissionRule | None) -> str:
    details = services.details_of(rule.id) if rule is not None else None
    return page(
        "bss/permission_rules/edit.html",
        title=title,
        breadcrumbs=(*_crumbs(), Crumb(title)),
        form=form,
        rule=rule,
        kinds=[(kind.value, kind.label) for kind in RuledKind],
        holders=holders(list_bss_users(), [team for team in teams.list_teams() if team.is_active]),
        chosen=form.chosen(details),
        accesses=[(each.value, each.label) for each in RecordAccess],
        rights=[(each.value, each.label) for each in ShareRight],
    )
