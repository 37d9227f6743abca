"""Whom of the distributor's people a notice of work is for: whoever has the right to do it, by whatever role (BC-03)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import String, any_, cast, exists, func, or_, select

from app.core.db import session
from app.identity.models import BssRoleDefinition, User, UserKind, UserStatus, UserType
from app.identity.permissions import OF_BSS_ROLE, Permission
from tenants.context import current_scope

OPERATES = Permission.BSS_PROVISIONING_EDIT  # vendors' tasks, and orders that people deliver
DECIDES = Permission.BSS_SUBSCRIPTIONS_EDIT  # what customers ask of their subscriptions
BILLS = Permission.BSS_BILLING_EDIT


def people_with_right(right: Permission) -> Sequence[User]:
    """Return the distributor's active people who have a right, by name: one statement. Needs the distributor's scope.

    Administrators have them all; others by built-in roles, and by active ones of the distributor's own.
    """
    built_in = [role.value for role, rights in OF_BSS_ROLE.items() if right in rights]
    own = exists().where(
        BssRoleDefinition.distributor_id == User.distributor_id,
        cast(BssRoleDefinition.id, String) == any_(User.roles),  # people name a role by its id
        BssRoleDefinition.is_active,
        BssRoleDefinition.rights.contains([right.value]),
    )
    return session.scalars(
        select(User)
        .where(
            User.distributor_id == current_scope().distributor_id,
            User.kind == UserKind.BSS,
            User.status == UserStatus.ACTIVE,
            or_(User.type == UserType.ADMIN, User.roles.overlap(built_in), own),
        )
        .order_by(func.lower(User.last_name), func.lower(User.first_name), User.id)
    ).all()


def emails_with_right(right: Permission) -> list[str]:
    """Return the addresses of who has a right."""
    return [user.email for user in people_with_right(right)]
