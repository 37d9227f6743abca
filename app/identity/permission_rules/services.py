"""Making, changing and deleting permission rules (BC-04). Each change is audited and counts from the next request.

Who may look after a rule: holders of `records.all`, and those it is shared with to manage; whoever makes one, too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update

from app.audit.services import Actor, record
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.core.ids import new_id
from app.identity.models import Team, User, UserKind
from app.identity.permission_rules.held import lock_rules, repeat_access
from app.identity.permission_rules.models import (
    PermissionRule,
    PermissionRuleGrant,
    PermissionRuleKind,
    PermissionRuleShare,
    RecordAccess,
    RuledKind,
    ShareRight,
)
from app.identity.permission_rules.queries import (
    get_rule,
    grants_of,
    kinds_of,
    managed_rule,
    model_of,
    sees_all_records,
    shares_of,
    uses_of,
)
from tenants.context import all_records, current_scope

LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Holder:
    """A person or a team: one of the two ids."""

    user_id: UUID | None = None
    team_id: UUID | None = None

    @property
    def name(self) -> str:
        """The holder as forms and the audit trail name it."""
        return f"user:{self.user_id}" if self.user_id else f"team:{self.team_id}"


@dataclass(frozen=True, slots=True)
class RuleDetails:
    """What is typed of a rule: what it may be picked for, where it is pre-selected, whom it lets in, who may use it."""

    name: str
    kinds: frozenset[RuledKind]
    grants: tuple[tuple[Holder, RecordAccess], ...]
    defaults: frozenset[RuledKind] = frozenset()
    shares: tuple[tuple[Holder, ShareRight], ...] = ()
    is_active: bool = True


def create_rule(details: RuleDetails, *, actor: Actor, at: datetime) -> PermissionRule:
    """Make a rule; raises Invalid. Whoever does not see every record may look after what they made."""
    lock_rules()
    _check(details, None)
    if not sees_all_records(actor) and actor.user_id is not None:
        mine = (Holder(user_id=actor.user_id), ShareRight.MANAGE)
        details = replace(details, shares=(*(each for each in details.shares if each[0] != mine[0]), mine))
    rule = PermissionRule(id=new_id(), name=details.name.strip(), is_active=details.is_active, created_at=at)
    session.add(rule)
    session.flush()
    _write(rule, details)
    record(
        "permission_rule.created",
        actor=actor,
        at=at,
        target_kind="permission_rule",
        target_id=rule.id,
        after=_picture(rule),
    )
    return rule


def update_rule(rule_id: UUID, details: RuleDetails, *, actor: Actor, at: datetime) -> PermissionRule:
    """Change a rule for all records that have it; raises PermissionRuleNotFound, Invalid."""
    lock_rules()
    rule = managed_rule(rule_id, actor, is_changing=True)
    _check(details, rule)
    before = _picture(rule)
    rule.name, rule.is_active = details.name.strip(), details.is_active
    _write(rule, details)
    after = _picture(rule)
    changed = [name for name in after if before[name] != after[name]]
    record(
        "permission_rule.changed",
        actor=actor,
        at=at,
        target_kind="permission_rule",
        target_id=rule_id,
        before={name: before[name] for name in changed},
        after={name: after[name] for name in changed},
    )
    return rule


def delete_rule(rule_id: UUID, *, replacement_id: UUID | None, actor: Actor, at: datetime) -> None:
    """Delete a rule; the records that have it get another one.

    Raises PermissionRuleNotFound, and Invalid at `replacement` where records have it and no other active rule is named.
    """
    lock_rules()
    rule = managed_rule(rule_id, actor, is_changing=True)
    uses = uses_of(rule_id)
    if uses:
        _replace(rule, replacement_id, uses)
    before = _picture(rule) | {"records": ", ".join(f"{count} {kind.label.lower()}" for kind, count in uses.items())}
    record(
        "permission_rule.deleted",
        actor=actor,
        at=at,
        target_kind="permission_rule",
        target_id=rule_id,
        before=before,
        after={"replacement": replacement_id} if uses else {},
    )
    session.delete(rule)
    repeat_access()


def _replace(rule: PermissionRule, replacement_id: UUID | None, kinds: Collection[RuledKind]) -> None:
    """Give all records of a rule another one."""
    here = current_scope().distributor_id
    other = session.scalar(
        select(PermissionRule).where(
            PermissionRule.distributor_id == here,
            PermissionRule.id == replacement_id,
            PermissionRule.id != rule.id,
            PermissionRule.is_active,
        )
    )
    if other is None:
        raise Invalid.field("replacement", "required", "Choose the rule that records with this one get instead")
    with all_records():
        for kind in kinds:
            model = model_of(kind)
            session.execute(
                update(model)
                .where(model.distributor_id == here, model.permission_rule_id == rule.id)
                .values(permission_rule_id=other.id)
                .execution_options(synchronize_session=False)
            )


def _check(details: RuleDetails, rule: PermissionRule | None) -> None:
    errors = [*_name_errors(details.name.strip(), rule)]
    if not details.kinds:
        errors.append(FieldError("kinds", "required", "Choose what the rule may be picked for"))
    if stray := details.defaults - details.kinds:
        names = ", ".join(sorted(kind.label.lower() for kind in stray))
        errors.append(
            FieldError("defaults", "not_applied", f"The rule does not apply to {names}: it is no default there")
        )
    if not details.grants:
        errors.append(FieldError("grants", "required", "Let at least one user or team in"))
    for field, holders in (("grants", details.grants), ("shares", details.shares)):
        if not _are_known([holder for holder, _ in holders]):
            errors.append(FieldError(field, "unknown", "Choose among your users and teams"))
    if errors:
        raise Invalid(*errors)


def _name_errors(name: str, rule: PermissionRule | None) -> Iterator[FieldError]:
    if not name:
        yield FieldError("name", "required", "Enter a name")
    elif len(name) > LONGEST_NAME:
        yield FieldError("name", "too_long", f"Use at most {LONGEST_NAME} characters")
    elif not name.isprintable():
        yield FieldError("name", "characters", "Leave out line breaks and other invisible characters")
    elif _is_taken(name, rule):
        yield FieldError("name", "taken", "A rule with this name exists")


def _is_taken(name: str, rule: PermissionRule | None) -> bool:
    wanted = select(PermissionRule.id).where(
        PermissionRule.distributor_id == current_scope().distributor_id,
        func.lower(PermissionRule.name) == func.lower(name),
    )
    if rule is not None:
        wanted = wanted.where(PermissionRule.id != rule.id)
    return session.scalar(wanted) is not None


def _are_known(holders: Collection[Holder]) -> bool:
    here = current_scope().distributor_id
    people = {each.user_id for each in holders if each.user_id}
    teams = {each.team_id for each in holders if each.team_id}
    known_people = session.scalars(
        select(User.id).where(User.distributor_id == here, User.kind == UserKind.BSS, User.id.in_(people))
    ).all()
    known_teams = session.scalars(select(Team.id).where(Team.distributor_id == here, Team.id.in_(teams))).all()
    return people == set(known_people) and teams == set(known_teams)


def _write(rule: PermissionRule, details: RuleDetails) -> None:
    """Write what belongs to a rule anew. A new default of a kind takes the place of the former one (BC-F13)."""
    here = current_scope().distributor_id
    for model in (PermissionRuleKind, PermissionRuleGrant, PermissionRuleShare):
        session.execute(delete(model).where(model.distributor_id == here, model.rule_id == rule.id))
    defaults = details.defaults if details.is_active else frozenset[RuledKind]()
    if defaults:
        session.execute(
            update(PermissionRuleKind)
            .where(PermissionRuleKind.distributor_id == here, PermissionRuleKind.kind.in_(defaults))
            .values(is_default=False)
        )
    session.add_all(
        PermissionRuleKind(rule_id=rule.id, kind=kind, is_default=kind in defaults)
        for kind in RuledKind
        if kind in details.kinds
    )
    session.add_all(
        PermissionRuleGrant(rule_id=rule.id, user_id=holder.user_id, team_id=holder.team_id, access=access)
        for holder, access in details.grants
    )
    session.add_all(
        PermissionRuleShare(rule_id=rule.id, user_id=holder.user_id, team_id=holder.team_id, right=right)
        for holder, right in details.shares
    )
    repeat_access()


def details_of(rule_id: UUID) -> RuleDetails:
    """Return a rule as it is typed; raises PermissionRuleNotFound."""
    rule = get_rule(rule_id)
    kinds = kinds_of((rule_id,))[rule_id]
    return RuleDetails(
        rule.name,
        frozenset(kinds),
        tuple((Holder(each.user_id, each.team_id), each.access) for each in grants_of(rule_id)),
        frozenset(kind for kind, is_default in kinds.items() if is_default),
        tuple((Holder(each.user_id, each.team_id), each.right) for each in shares_of(rule_id)),
        rule.is_active,
    )


def _picture(rule: PermissionRule) -> dict[str, object]:
    found = details_of(rule.id)
    return {
        "name": found.name,
        "is_active": found.is_active,
        "applies_to": ", ".join(sorted(kind.value for kind in found.kinds)),
        "default_for": ", ".join(sorted(kind.value for kind in found.defaults)),
        "access": ", ".join(sorted(f"{holder.name}={access.value}" for holder, access in found.grants)),
        "sharing": ", ".join(sorted(f"{holder.name}={right.value}" for holder, right in found.shares)),
    }
