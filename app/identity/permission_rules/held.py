"""Which rules give a person what: repeated with the sign-in name, so that a session and its reach are one statement.

Whatever changes who is in a rule ends with `repeat_access`. A sign-in name it has not reached yet holds no rule: its
person sees the records without a rule, and no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from uuid import UUID

from sqlalchemy import func, select, update

from app.core.db import session
from app.identity.models import SignInName, Team, TeamMember, User
from app.identity.permission_rules.models import PermissionRuleGrant, RecordAccess
from app.identity.permissions import Permission
from app.identity.realms import open_realm
from app.identity.roles import permissions_of_user
from tenants.context import HeldRules, Reach, Scope, current_scope

ORDER = tuple(RecordAccess)
SEES_ALL = Permission.BSS_RECORDS_ALL


def rules_of(user_id: UUID, access: Mapping[str, str], permissions: Iterable[Permission]) -> HeldRules | Reach:
    """Return what one of the distributor's people sees, by the access repeated with their sign-in name."""
    if SEES_ALL in permissions:
        return Reach.ALL
    return HeldRules(user_id, *(_at_least(access, level) for level in ORDER))


def _at_least(access: Mapping[str, str], level: RecordAccess) -> tuple[UUID, ...]:
    wide_enough = {each.value for each in ORDER[ORDER.index(level) :]}
    return tuple(UUID(rule_id) for rule_id, given in sorted(access.items()) if given in wide_enough)


def changeable_by(user_id: UUID | None) -> Scope:
    """Return the scope in force with the records that somebody may change: for jobs that a person has started.

    None, and who sees every record: all of them. Nobody with access any more: those without a rule.
    """
    if user_id is None:
        return current_scope()
    person = session.scalar(
        select(User).where(User.distributor_id == current_scope().distributor_id, User.id == user_id)
    )
    access = access_by_person().get(user_id, {})
    held = rules_of(user_id, access, permissions_of_user(person) if person is not None else ())
    return current_scope() if isinstance(held, Reach) else current_scope().under_rules(replace(held, read=held.edit))


def lock_rules() -> None:
    """Let one change at a time decide who is in which rule, until the caller commits."""
    name = f"permission_rules:{current_scope().distributor_id}"
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def access_by_person() -> Mapping[UUID, Mapping[str, str]]:
    """Return what rules give to whom, as it is repeated: access by rule; people in no rule are left out."""
    here = current_scope().distributor_id
    given: dict[UUID, dict[str, str]] = {}
    direct = select(PermissionRuleGrant.user_id, PermissionRuleGrant.rule_id, PermissionRuleGrant.access).where(
        PermissionRuleGrant.distributor_id == here, PermissionRuleGrant.user_id.is_not(None)
    )
    by_team = (
        select(TeamMember.user_id, PermissionRuleGrant.rule_id, PermissionRuleGrant.access)
        .join(TeamMember, PermissionRuleGrant.team_id == TeamMember.team_id)
        .join(Team, Team.id == TeamMember.team_id)
        .where(
            PermissionRuleGrant.distributor_id == here,
            TeamMember.distributor_id == here,
            Team.distributor_id == here,
            Team.is_active,
        )
    )
    for user_id, rule_id, access in (*session.execute(direct), *session.execute(by_team)):
        mine, name = given.setdefault(user_id, {}), str(rule_id)
        if name not in mine or ORDER.index(access) > ORDER.index(RecordAccess(mine[name])):
            mine[name] = access.value
    return given


def repeat_access() -> None:
    """Write what rules give to each of the distributor's people, as it is now; it counts from their next request."""
    here = current_scope().distributor_id
    session.flush()
    given = access_by_person()
    with open_realm(here):
        names = session.execute(
            select(SignInName.id, SignInName.user_id, SignInName.rule_access)
            .where(SignInName.distributor_id == here, SignInName.realm_id == here)
            .order_by(SignInName.id)
            .with_for_update()
        ).all()
        for name_id, user_id, access in names:
            if access != given.get(user_id, {}):
                session.execute(
                    update(SignInName)
                    .where(SignInName.distributor_id == here, SignInName.id == name_id)
                    .values(rule_access=given.get(user_id, {}))
                )
