"""Roles of the back office: built-in ones to look at and copy, own ones to make and change; what a person may do (BC-03)."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from app.access import permission_required, signed_in_viewer
from app.bss.roles.matrix import areas
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid, NotFound
from app.identity import roles
from app.identity.errors import UserNotFound
from app.identity.models import BssRoleDefinition, UserKind
from app.identity.permissions import OF_BSS_ROLE, BssRole, Permission
from app.identity.queries import get_user
from app.identity.roles import RoleDetails
from app.web.forms import Form
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("roles", __name__, surface=Surface.BSS)


class RoleForm(Form):
    """A role of the distributor's own."""

    name = StringField("Name", validators=[InputRequired("Enter a name"), Length(max=roles.LONGEST_NAME)])
    description = TextAreaField(
        "Description", validators=[Optional(), Length(max=roles.LONGEST_DESCRIPTION)], filters=[lambda text: text or ""]
    )
    is_active = BooleanField("Active", default=True, description="An inactive role gives nothing to who has it.")
    rights = SelectMultipleField(
        "Rights",
        choices=[(right.value, right.value) for right in sorted(roles.GRANTABLE, key=lambda right: right.value)],
        validate_choice=False,  # the service refuses, with the right's name
    )

    def to_details(self) -> RoleDetails:
        """Return the validated input; call it after validate_on_submit()."""
        return RoleDetails(
            name=self.name.data or "",
            rights=tuple(self.rights.data or ()),
            description=self.description.data or "",
            is_active=bool(self.is_active.data),
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One role in the list."""

    key: str
    name: str
    note: str
    rights: int
    people: int | None  # None: not counted, of built-in roles
    is_active: bool
    url: str


@bp.get("")
@permission_required(Permission.BSS_ROLES_MANAGE)
def index() -> ResponseReturnValue:
    """List all roles."""
    own = [
        Line(
            str(role.id),
            role.name,
            role.description,
            len(role.rights),
            len(roles.people_with(role.id)),
            role.is_active,
            url_for(".edit", role_id=role.id),
        )
        for role in roles.list_roles()
    ]
    built_in = [
        Line(
            role.value,
            role.label,
            "Built in",
            len(OF_BSS_ROLE[role] & roles.GRANTABLE),
            None,
            True,
            url_for(".built_in", name=role.value),
        )
        for role in BssRole
    ]
    return page("bss/roles/index.html", title="Roles", lines=[*own, *built_in])


@bp.get("/built-in/<name>")
@permission_required(Permission.BSS_ROLES_MANAGE)
def built_in(name: str) -> ResponseReturnValue:
    """Show what a built-in role gives."""
    role = next((each for each in BssRole if each.value == name), None)
    if role is None:
        raise NotFound("There is no such role")
    return page(
        "bss/roles/built_in.html",
        title=role.label,
        breadcrumbs=_crumbs(role.label),
        areas=areas(),
        given={right.value: [role.label] for right in OF_BSS_ROLE[role]},
        clone_url=url_for(".new", copy=role.value),
    )


@bp.route("/new", methods=["GET", "POST"])
@permission_required(Permission.BSS_ROLES_MANAGE)
def new() -> ResponseReturnValue:
    """Make a role, from nothing or from another one."""
    form = RoleForm()
    if not form.is_submitted() and (copied := request.args.get("copy")):
        begun = roles.clone_of(copied)
        form.name.data, form.description.data = begun.name, begun.description
        form.rights.data = list(begun.rights)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                role = roles.create_role(form.to_details(), actor=signed_in_viewer().actor, at=utc_now())
                name = role.name
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(f"The role {name} was added.", "success")
            return redirect(url_for(".index"), code=303)
    return _form(form, "New role", None), form.status


@bp.route("/<uuid:role_id>", methods=["GET", "POST"])
@permission_required(Permission.BSS_ROLES_MANAGE)
def edit(role_id: UUID) -> ResponseReturnValue:
    """Change a role; it counts from the next request of everybody who has it."""
    role = roles.get_role(role_id)
    form = RoleForm(obj=role)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                roles.update_role(role_id, form.to_details(), actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The role was saved.", "success")
            return redirect(url_for(".index"), code=303)
    return _form(form, role.name, role), form.status


@bp.post("/<uuid:role_id>/delete")
@permission_required(Permission.BSS_ROLES_MANAGE)
def delete(role_id: UUID) -> ResponseReturnValue:
    """Delete a role nobody has."""
    name = roles.get_role(role_id).name
    with unit_of_work():
        roles.delete_role(role_id, actor=signed_in_viewer().actor, at=utc_now())
    flash(f"The role {name} was deleted.", "success")
    return redirect(url_for(".index"), code=303)


@bp.get("/of/<uuid:user_id>")
@permission_required(Permission.BSS_USERS_MANAGE)
def of_user(user_id: UUID) -> ResponseReturnValue:
    """Show what one of the distributor's people may do, and which role gives it."""
    user = get_user(user_id)
    if user.kind is not UserKind.BSS:
        raise UserNotFound(user_id)
    labels = {role.value: role.label for role in BssRole} | {str(role.id): role.name for role in roles.list_roles()}
    given: dict[str, list[str]] = {}
    for name in user.roles:
        for right in roles.permissions_of_role(name):
            given.setdefault(right.value, []).append(labels.get(name, name))
    return page(
        "bss/roles/of_user.html",
        title=f"Rights of {user.full_name}",
        breadcrumbs=(
            Crumb("Users", url_for("bss_users.index")),
            Crumb(user.full_name, url_for("bss_users.edit", user_id=user_id)),
            Crumb("Rights"),
        ),
        areas=areas(),
        given=given,
        role_names=[labels.get(name, name) for name in user.roles],
    )


def _form(form: RoleForm, title: str, role: BssRoleDefinition | None) -> str:
    viewer = signed_in_viewer()
    return page(
        "bss/roles/edit.html",
        title=title,
        breadcrumbs=_crumbs(title),
        form=form,
        role=role,
        people=roles.people_with(role.id) if role else [],
        areas=areas(),
        chosen=set(form.rights.data or ()),
        held={right.value for right in viewer.permissions} | set(role.rights if role else ()),
        may_manage_users=viewer.can(Permission.BSS_USERS_MANAGE),
    )


def _crumbs(here: str) -> tuple[Crumb, ...]:
    return (Crumb("Roles", url_for(".index")), Crumb(here))
