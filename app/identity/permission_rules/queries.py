"""Reads of permission rules; distributor-private, so the back office alone has them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import and_, exists, func, or_, select

from app.audit.services import Actor
from app.core.db import Base, session
from app.identity.errors import PermissionRuleNotFound
from app.identity.models import Team, TeamMember
from app.identity.permission_rules.held import SEES_ALL
from app.identity.permission_rules.models import (
    PermissionRule,
    PermissionRuleGrant,
    PermissionRuleKind,
    PermissionRuleShare,
    Ruled,
    RuledKind,
    ShareRight,
)
from app.identity.roles import permissions_of_actor
from tenants.context import all_records, current_scope


def model_of(kind: RuledKind) -> Any:
    """Return the model of the records of a kind; they stand in domains above this one."""
    return next(
        mapper.class_
        for mapper in Base.registry.mappers
        if issubclass(mapper.class_, Ruled) and mapper.local_table is Base.metadata.tables[f"{kind.value}s"]
    )


def sees_all_records(actor: Actor) -> bool:
    """Return whether rules do not bind who acts: holders of `records.all`, the system, operators."""
    held = permissions_of_actor(actor)
    return held is None or SEES_ALL in held


def list_rules(actor: Actor) -> Sequence[PermissionRule]:
    """Return the rules that somebody may look after, by name: all, or those shared with them to manage."""
    return session.scalars(_rules().where(_shared(actor, (ShareRight.MANAGE,))).order_by(func.lower(PermissionRule.name))).all()  # fmt: skip


def get_rule(rule_id: UUID, *, is_changing: bool = False) -> PermissionRule:
    """Return a rule, locked for a change; raises PermissionRuleNotFound."""
    wanted = _rules().where(PermissionRule.id == rule_id)
    if is_changing:
        wanted = wanted.with_for_update().execution_options(populate_existing=True)
    found: PermissionRule | None = session.scalar(wanted)
    if found is None:
        raise PermissionRuleNotFound(rule_id)
    return found


def managed_rule(rule_id: UUID, actor: Actor, *, is_changing: bool = False) -> PermissionRule:
    """Return a rule that somebody may look after; PermissionRuleNotFound for others' too."""
    found = get_rule(rule_id, is_changing=is_changing)
    if session.scalar(_rules().where(PermissionRule.id == rule_id, _shared(actor, (ShareRight.MANAGE,)))) is None:
        raise PermissionRuleNotFound(rule_id)
    return found


def pickable_rules(kind: RuledKind, actor: Actor) -> Sequence[PermissionRule]:
    """Return the active rules that somebody may give records of a kind, the default first, then by name."""
    return session.scalars(
        _rules()
        .join(
            PermissionRuleKind,
            and_(
                PermissionRuleKind.distributor_id == PermissionRule.distributor_id,
                PermissionRuleKind.rule_id == PermissionRule.id,
            ),
        )
        .where(PermissionRuleKind.kind == kind, PermissionRule.is_active, _shared(actor, tuple(ShareRight)))
        .order_by(PermissionRuleKind.is_default.desc(), func.lower(PermissionRule.name))
    ).all()


def default_rule(kind: RuledKind) -> UUID | None:
    """Return which rule is pre-selected for new records of a kind."""
    return session.scalar(
        select(PermissionRuleKind.rule_id).where(
            PermissionRuleKind.distributor_id == current_scope().distributor_id,
            PermissionRuleKind.kind == kind,
            PermissionRuleKind.is_default,
        )
    )


def names_of_rules(rule_ids: Collection[UUID | None]) -> Mapping[UUID, str]:
    """Return what rules are called."""
    wanted = {each for each in rule_ids if each is not None}
    if not wanted:
        return {}
    rows = session.execute(
        select(PermissionRule.id, PermissionRule.name).where(
            PermissionRule.distributor_id == current_scope().distributor_id, PermissionRule.id.in_(wanted)
        )
    )
    return dict(rows.tuples().all())


def kinds_of(rule_ids: Collection[UUID]) -> Mapping[UUID, Mapping[RuledKind, bool]]:
    """Return what rules may be picked for, with whether they are the default of it."""
    rows = session.execute(
        select(PermissionRuleKind.rule_id, PermissionRuleKind.kind, PermissionRuleKind.is_default).where(
            PermissionRuleKind.distributor_id == current_scope().distributor_id,
            PermissionRuleKind.rule_id.in_(rule_ids),
        )
    ).all()
    return {rule_id: {row.kind: row.is_default for row in rows if row.rule_id == rule_id} for rule_id in rule_ids}


def grants_of(rule_id: UUID) -> Sequence[PermissionRuleGrant]:
    """Return whom a rule lets in."""
    return session.scalars(
        select(PermissionRuleGrant)
        .where(
            PermissionRuleGrant.distributor_id == current_scope().distributor_id, PermissionRuleGrant.rule_id == rule_id
        )
        .order_by(PermissionRuleGrant.id)
    ).all()


def shares_of(rule_id: UUID) -> Sequence[PermissionRuleShare]:
    """Return who may pick or edit a rule."""
    return session.scalars(
        select(PermissionRuleShare)
        .where(
            PermissionRuleShare.distributor_id == current_scope().distributor_id, PermissionRuleShare.rule_id == rule_id
        )
        .order_by(PermissionRuleShare.id)
    ).all()


def uses_of(rule_id: UUID) -> Mapping[RuledKind, int]:
    """Return how many records have a rule, by kind, whoever asks; kinds without any are left out."""
    found = {}
    with all_records():
        for kind in RuledKind:
            model = model_of(kind)
            count = session.scalar(
                select(func.count())
                .select_from(model)
                .where(model.distributor_id == current_scope().distributor_id, model.permission_rule_id == rule_id)
            )
            if count:
                found[kind] = count
    return found


def _rules() -> Any:
    return select(PermissionRule).where(PermissionRule.distributor_id == current_scope().distributor_id)


def _shared(actor: Actor, rights: tuple[ShareRight, ...]) -> Any:
    """Return the condition that a rule is shared with somebody; holders of `records.all` need no share."""
    if sees_all_records(actor):
        return PermissionRule.id.is_not(None)
    teams = (
        select(TeamMember.team_id)
        .join(Team, and_(Team.distributor_id == TeamMember.distributor_id, Team.id == TeamMember.team_id))
        .where(
            TeamMember.distributor_id == current_scope().distributor_id,
            TeamMember.user_id == actor.user_id,
            Team.is_active,
        )
    )
    return exists().where(
        PermissionRuleShare.distributor_id == PermissionRule.distributor_id,
        PermissionRuleShare.rule_id == PermissionRule.id,
        PermissionRuleShare.right.in_(rights),
        or_(PermissionRuleShare.user_id == actor.user_id, PermissionRuleShare.team_id.in_(teams)),
    )
