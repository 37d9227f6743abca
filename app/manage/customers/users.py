"""The people of one customer: invite, change roles, let go (RS-13, RS-24)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.models import UserStatus
from app.identity.permissions import Permission, StorefrontRole
from app.identity.queries import is_last_admin, list_users, locked_user_ids
from app.identity.services import (
    activate_contact,
    deactivate_user,
    resend_activation,
    reset_access,
    set_roles,
)
from app.manage.customers.blueprint import bp, customer_page, reseller_id
from app.manage.customers.forms import RolesForm, UserForm
from app.notifications.settings import find_mail_settings
from app.owner.scopes import owner_of_request
from app.resellers.customer_users import NewPerson, add_customer_user, get_customer_user

STATUS_WORDS = {
    UserStatus.PENDING: "Pending activation",
    UserStatus.ACTIVE: "Active",
    UserStatus.INACTIVE: "Inactive",
}


def users_page(
    customer_id: UUID,
    form: UserForm | None = None,
    *,
    link: str = "",
    edited: RolesForm | None = None,
    edited_id: UUID | None = None,
) -> ResponseReturnValue:
    """Show the people of a customer; `link` is an activation link to hand over, because no mail leaves."""
    people = list_users(customer_id)
    shown = form or UserForm(formdata=None)
    roles_forms = {
        person.id: RolesForm(formdata=None, prefix=f"u{number}-", type=person.type.value, roles=person.roles)
        for number, person in enumerate(people)
    }
    status = (edited or shown).status
    body = customer_page(
        "users",
        customer_id,
        people=people,
        locked=locked_user_ids(people, at=utc_now()),
        form=shown,
        link=link,
        roles_forms=roles_forms,
        edited=edited,
        edited_id=edited_id,
        user_statuses=STATUS_WORDS,
        role_words={role.value: role.label for role in StorefrontRole},
    )
    return body, status


@bp.get("/<uuid:customer_id>/users")
@permission_required(Permission.MANAGE_CUSTOMERS)
def users(customer_id: UUID) -> ResponseReturnValue:
    """List the people of a customer."""
    return users_page(customer_id)


@bp.post("/<uuid:customer_id>/users")
@permission_required(Permission.MANAGE_CUSTOMERS)
def add_users(customer_id: UUID) -> ResponseReturnValue:
    """Invite a person of a customer."""
    form, owner = UserForm(), owner_of_request()
    if form.validate_on_submit():
        person = NewPerson(
            form.first_name.data or "",
            form.last_name.data or "",
            form.email.data or "",
            form.chosen_type,
            form.chosen_roles,
        )
        try:
            with unit_of_work():
                invited = add_customer_user(
                    reseller_id(),
                    customer_id,
                    person,
                    storefront_id=owner.storefront_id,
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            return _invited(customer_id, invited.user.full_name, invited.link)
    return users_page(customer_id, form)


def _invited(customer_id: UUID, name: str, link: str) -> ResponseReturnValue:
    if find_mail_settings(reseller_id()) is None:
        return users_page(customer_id, link=link)
    flash(f"An activation mail is on its way to {name}.", "success")
    return redirect(url_for(".users", customer_id=customer_id), code=303)


@bp.post("/<uuid:customer_id>/users/<uuid:user_id>/invite")
@permission_required(Permission.MANAGE_CUSTOMERS)
def invite(customer_id: UUID, user_id: UUID) -> ResponseReturnValue:
    """Send a new activation link; the old one ends."""
    person = get_customer_user(reseller_id(), customer_id, user_id)
    with unit_of_work():
        link = resend_activation(
            person.id, invite_from=owner_of_request().storefront_id, actor=signed_in_viewer().actor, at=utc_now()
        )
    return _invited(customer_id, person.full_name, link)


@bp.post("/<uuid:customer_id>/users/<uuid:user_id>/reset")
@permission_required(Permission.MANAGE_CUSTOMERS)
def reset(customer_id: UUID, user_id: UUID) -> ResponseReturnValue:
    """Unlock a person and mail a link to set a new password."""
    person = get_customer_user(reseller_id(), customer_id, user_id)
    with unit_of_work():
        reset_access(person.id, realm_id=owner_of_request().storefront_id, actor=signed_in_viewer().actor, at=utc_now())
    flash(f"{person.full_name} gets a link to set a new password.", "success")
    return redirect(url_for(".users", customer_id=customer_id), code=303)


@bp.post("/<uuid:customer_id>/users/<uuid:user_id>/deactivate")
@permission_required(Permission.MANAGE_CUSTOMERS)
def deactivate_person(customer_id: UUID, user_id: UUID) -> ResponseReturnValue:
    """Take away a person's access; the last Admin of a customer is a warning, not a refusal (RS-24)."""
    person = get_customer_user(reseller_id(), customer_id, user_id)
    was_last = is_last_admin(person)
    with unit_of_work():
        deactivate_user(person.id, actor=signed_in_viewer().actor, at=utc_now())
    if was_last:
        flash(
            f"{person.full_name} was the last administrator: nobody of this customer manages its users now.", "warning"
        )
    else:
        flash(f"{person.full_name} has no access any more.", "success")
    return redirect(url_for(".users", customer_id=customer_id), code=303)


@bp.post("/<uuid:customer_id>/users/<uuid:user_id>/reactivate")
@permission_required(Permission.MANAGE_CUSTOMERS)
def reactivate_person(customer_id: UUID, user_id: UUID) -> ResponseReturnValue:
    """Give a contact, or somebody deactivated, access."""
    person = get_customer_user(reseller_id(), customer_id, user_id)
    with unit_of_work():
        link = activate_contact(
            person.id, invite_from=owner_of_request().storefront_id, actor=signed_in_viewer().actor, at=utc_now()
        )
    if link:
        return _invited(customer_id, person.full_name, link)
    flash(f"{person.full_name} may sign in again.", "success")
    return redirect(url_for(".users", customer_id=customer_id), code=303)


@bp.post("/<uuid:customer_id>/users/<uuid:user_id>/roles")
@permission_required(Permission.MANAGE_CUSTOMERS)
def roles(customer_id: UUID, user_id: UUID) -> ResponseReturnValue:
    """Change what a person may do; it counts from the next request."""
    person = get_customer_user(reseller_id(), customer_id, user_id)
    form = RolesForm(prefix=request.form.get("prefix", ""))
    if form.validate_on_submit():
        try:
            with unit_of_work():
                set_roles(
                    person.id,
                    type_=form.chosen_type,
                    roles=form.chosen_roles,
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(f"Roles of {person.full_name} changed.", "success")
            return redirect(url_for(".users", customer_id=customer_id), code=303)
    return users_page(customer_id, edited=form, edited_id=person.id)
