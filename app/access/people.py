"""The pages where somebody manages people: a list, add, change, take access away. Each surface says whose people."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access.people_forms import PersonForm
from app.access.viewer import signed_in_viewer
from app.audit.services import Actor
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Conflict, Invalid
from app.identity import queries
from app.identity.errors import UserNotFound
from app.identity.models import User, UserKind, UserStatus, UserType
from app.identity.permissions import BssRole, StorefrontRole
from app.identity.queries import UserFilter
from app.identity.realms import Person
from app.identity.roles import list_roles
from app.identity.services import (
    activate_contact,
    deactivate_user,
    invite_user,
    rename_user,
    resend_activation,
    reset_access,
    set_roles,
)
from app.identity.signing_out import sign_person_out
from app.web.pages import page
from app.web.pagination import Page, requested_page
from themes.frames import Crumb

STATUS_WORDS = {
    UserStatus.PENDING: "Pending activation",
    UserStatus.ACTIVE: "Active",
    UserStatus.INACTIVE: "Inactive",
}


@dataclass(frozen=True, slots=True)
class Desk:
    """Whose people are managed, from which pages."""

    blueprint: str  # "storefront_users"; its views: index, add, edit, deactivate, activate, resend, reset
    templates: str  # folder of index, form, link
    person: Person  # what a new one becomes
    realm_id: UUID  # where they sign in and whose mails go out

    def url(self, view: str, user_id: UUID | None = None) -> str:
        """Return the address of one of the desk's pages."""
        if user_id is None:
            return url_for(f"{self.blueprint}.{view}")
        return url_for(f"{self.blueprint}.{view}", user_id=user_id)

    def get(self, user_id: UUID) -> User:
        """Return one of the desk's people; raises UserNotFound for everybody else."""
        user = queries.get_user(user_id)
        if user.account_id != self.person.account_id or user.kind is not self.person.kind:
            raise UserNotFound(user_id)
        return user


@dataclass(frozen=True, slots=True)
class Row:
    """One person in the list."""

    user: User
    status: str
    type: str
    roles: str
    url: str


def _role_words(desk: Desk) -> dict[str, str]:
    """Return the roles the desk's people may have, by what they are stored as."""
    if desk.person.kind is not UserKind.BSS:
        return {role.value: role.label for role in StorefrontRole}
    return {role.value: role.label for role in BssRole} | {str(role.id): role.name for role in list_roles()}


def _filter(role_words: Collection[str]) -> UserFilter:
    status = next((each for each in UserStatus if each.value == request.args.get("status")), None)
    type_ = next((each for each in UserType if each.value == request.args.get("type")), None)
    role = request.args.get("role")
    return UserFilter(
        text=request.args.get("q", "").strip()[:100],
        status=status,
        type=type_,
        role=role if role in role_words else None,
    )


def show_list(desk: Desk) -> ResponseReturnValue:
    """List the people by name; search by name and e-mail, filter by status, type and role (SF-11)."""
    role_words = _role_words(desk)
    narrowed, wanted = _filter(role_words), requested_page()
    if desk.person.account_id is None:
        users = queries.list_bss_users(narrowed, limit=wanted.size, offset=wanted.offset)
        total = queries.count_bss_users(narrowed)
    else:
        users = queries.list_users(desk.person.account_id, narrowed, limit=wanted.size, offset=wanted.offset)
        total = queries.count_users(desk.person.account_id, narrowed)
    locked = queries.locked_user_ids(users, at=utc_now())
    rows = [
        Row(
            user,
            "Locked" if user.id in locked else STATUS_WORDS[user.status],
            "Admin" if user.type is UserType.ADMIN else "User",
            ", ".join(role_words.get(role, role) for role in user.roles),
            desk.url("edit", user.id),
        )
        for user in users
    ]
    return page(
        f"{desk.templates}/index.html",
        title="Users",
        found=Page(rows, total, wanted.number, wanted.size),
        narrowed=narrowed,
        statuses=[(status.value, words) for status, words in STATUS_WORDS.items()],
        roles=list(role_words.items()),
        blueprint=desk.blueprint,
    )


def show_add(desk: Desk) -> ResponseReturnValue:
    """Add a person; the activation mail goes out and its link is shown, to be handed over where mail fails."""
    form = PersonForm()
    form.offer(desk.person)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                invited = invite_user(
                    form.to_new_user(desk.person),
                    realm_id=desk.realm_id,
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            return _show_link(desk, invited.user, invited.url)
    return page(
        f"{desk.templates}/form.html",
        title="Add user",
        breadcrumbs=_crumbs(desk, "Add user"),
        form=form,
        user=None,
        index_url=desk.url("index"),
    ), form.status


def show_edit(desk: Desk, user_id: UUID) -> ResponseReturnValue:
    """Change a person's name, type and roles. The e-mail is theirs to change (SF-16)."""
    user = desk.get(user_id)
    form = PersonForm()
    form.offer(desk.person, kept=user.roles)
    if request.method == "GET":
        form.show(user)
    form.email.data = user.email
    if form.validate_on_submit():
        actor, at = signed_in_viewer().actor, utc_now()
        try:
            with unit_of_work():
                rename_user(
                    user_id,
                    first_name=form.first_name.data or "",
                    last_name=form.last_name.data or "",
                    phone=form.phone.data or None,
                    actor=actor,
                    at=at,
                )
                if user.status is not UserStatus.INACTIVE:
                    set_roles(
                        user_id,
                        type_=form.chosen_type,
                        roles=form.chosen_roles(user.kind),
                        actor=actor,
                        at=at,
                    )
        except Invalid as refusal:
            form.take(refusal)
        except Conflict as refusal:  # the last Admin, or oneself: the rights stay as they are
            form.form_errors.append(str(refusal))
        else:
            flash("User saved.", "success")
            return redirect(desk.url("index"), code=HTTPStatus.SEE_OTHER)
        user = desk.get(user_id)
    is_locked = user.id in queries.locked_user_ids([user], at=utc_now())
    return page(
        f"{desk.templates}/form.html",
        title=user.full_name,
        breadcrumbs=_crumbs(desk, user.full_name),
        form=form,
        user=user,
        status="Locked" if is_locked else STATUS_WORDS[user.status],
        warns_of_last_admin=queries.is_last_admin(user),
        is_self=signed_in_viewer().user_id == user_id,
        index_url=desk.url("index"),
        urls={view: desk.url(view, user_id) for view in ("deactivate", "activate", "resend", "reset", "sign_out")},
    ), form.status


def deactivate(desk: Desk, user_id: UUID) -> ResponseReturnValue:
    """Take a person's access away; LastAdmin and OwnAccess come back as a notice."""
    desk.get(user_id)
    with unit_of_work():
        deactivate_user(user_id, actor=signed_in_viewer().actor, at=utc_now())
    flash("Access ended. The person stays as a contact.", "success")
    return redirect(desk.url("edit", user_id), code=HTTPStatus.SEE_OTHER)


def activate(desk: Desk, user_id: UUID) -> ResponseReturnValue:
    """Give a person access, again or for the first time."""
    user = desk.get(user_id)
    try:
        with unit_of_work():
            url = activate_contact(user_id, invite_from=desk.realm_id, actor=signed_in_viewer().actor, at=utc_now())
    except Invalid as refusal:
        flash(str(refusal), "error")
        return redirect(desk.url("edit", user_id), code=HTTPStatus.SEE_OTHER)
    if url:
        return _show_link(desk, user, url)
    flash("The person may sign in again.", "success")
    return redirect(desk.url("edit", user_id), code=HTTPStatus.SEE_OTHER)


def resend(desk: Desk, user_id: UUID) -> ResponseReturnValue:
    """Mail a new activation link and show it."""
    return _send(desk, user_id, lambda actor, at: resend_activation(
        user_id, invite_from=desk.realm_id, actor=actor, at=at
    ))  # fmt: skip


def reset(desk: Desk, user_id: UUID) -> ResponseReturnValue:
    """Unlock a person and mail a reset link; it is never shown, or staff could take over whom they look after."""
    user = desk.get(user_id)
    with unit_of_work():
        reset_access(user_id, realm_id=desk.realm_id, actor=signed_in_viewer().actor, at=utc_now())
    flash(f"A link to set a new password is on its way to {user.email}.", "success")
    return redirect(desk.url("edit", user_id), code=HTTPStatus.SEE_OTHER)


def sign_out(desk: Desk, user_id: UUID) -> ResponseReturnValue:
    """End a person's sessions; they may sign in again."""
    user = desk.get(user_id)
    with unit_of_work():
        sign_person_out(user_id, actor=signed_in_viewer().actor, at=utc_now())
    flash(f"All sessions of {user.full_name} have ended.", "success")
    return redirect(desk.url("edit", user_id), code=HTTPStatus.SEE_OTHER)


def _send(desk: Desk, user_id: UUID, make: Callable[[Actor, datetime], str]) -> ResponseReturnValue:
    user = desk.get(user_id)
    with unit_of_work():
        url = make(signed_in_viewer().actor, utc_now())
    return _show_link(desk, user, url)


def _show_link(desk: Desk, user: User, url: str) -> ResponseReturnValue:
    return page(
        f"{desk.templates}/link.html",
        title="Link sent",
        breadcrumbs=_crumbs(desk, "Link sent"),
        user=user,
        link=url,
        hours=72,
        index_url=desk.url("index"),
    )


def _crumbs(desk: Desk, here: str) -> tuple[Crumb, ...]:
    return (Crumb("Users", desk.url("index")), Crumb(here))


def own_people(kind: UserKind) -> Person:
    """Return what a colleague of the viewer is."""
    viewer = signed_in_viewer()
    return Person(kind, viewer.reseller_id, viewer.account_id)
