"""Teams: people of the back office who work together (BC-03). A team gives no rights; permission rules name teams."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select

from app.audit.services import Actor, record
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.core.ids import new_id
from app.identity.errors import TeamNotFound
from app.identity.models import Team, TeamMember, User, UserKind
from app.identity.permission_rules.held import lock_rules, repeat_access
from app.identity.services import address_errors
from app.identity.sign_in import normal_email
from tenants.context import current_scope

LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class TeamDetails:
    """What is typed of a team. Its leader is a member, named among them or not."""

    name: str
    leader_id: UUID | None = None
    member_ids: tuple[UUID, ...] = ()
    email: str = ""  # reaches all of them
    is_active: bool = True


def list_teams() -> Sequence[Team]:
    """Return the teams by name."""
    return session.scalars(
        select(Team).where(Team.distributor_id == current_scope().distributor_id).order_by(func.lower(Team.name))
    ).all()


def get_team(team_id: UUID, *, is_changing: bool = False) -> Team:
    """Return a team, locked for a change; raises TeamNotFound."""
    wanted = select(Team).where(Team.distributor_id == current_scope().distributor_id, Team.id == team_id)
    if is_changing:
        wanted = wanted.with_for_update().execution_options(populate_existing=True)
    found = session.scalar(wanted)
    if found is None:
        raise TeamNotFound(team_id)
    return found


def members_of(team_ids: Collection[UUID]) -> Mapping[UUID, frozenset[UUID]]:
    """Return who is in teams, by team."""
    rows = session.execute(
        select(TeamMember.team_id, TeamMember.user_id).where(
            TeamMember.distributor_id == current_scope().distributor_id, TeamMember.team_id.in_(team_ids)
        )
    ).all()
    return {team_id: frozenset(row.user_id for row in rows if row.team_id == team_id) for team_id in team_ids}


def create_team(details: TeamDetails, *, actor: Actor, at: datetime) -> Team:
    """Make a team; raises Invalid."""
    members = _checked(details, None)
    team = Team(id=new_id(), created_at=at)
    _write(team, details)
    session.add(team)
    session.flush()
    _seat(team.id, members)
    record("team.created", actor=actor, at=at, target_kind="team", target_id=team.id, after=_picture(team, members))
    return team


def update_team(team_id: UUID, details: TeamDetails, *, actor: Actor, at: datetime) -> Team:
    """Change a team and who is in it, and so what they see by permission rules; raises TeamNotFound, Invalid."""
    lock_rules()
    team = get_team(team_id, is_changing=True)
    members = _checked(details, team)
    before = _picture(team, members_of((team_id,))[team_id])
    _write(team, details)
    _empty(team_id)
    _seat(team_id, members)
    repeat_access()
    record(
        "team.changed",
        actor=actor,
        at=at,
        target_kind="team",
        target_id=team_id,
        before=before,
        after=_picture(team, members),
    )
    return team


def delete_team(team_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Delete a team; its people stay, and lose what permission rules give it. Raises TeamNotFound."""
    lock_rules()
    team = get_team(team_id, is_changing=True)
    before = _picture(team, members_of((team_id,))[team_id])
    record("team.deleted", actor=actor, at=at, target_kind="team", target_id=team_id, before=before)
    _empty(team_id)
    session.delete(team)
    repeat_access()


def _checked(details: TeamDetails, team: Team | None) -> frozenset[UUID]:
    """Return who will be in the team; raises Invalid."""
    errors = []
    name = details.name.strip()
    if not name:
        errors.append(FieldError("name", "required", "Enter a name"))
    elif len(name) > LONGEST_NAME:
        errors.append(FieldError("name", "too_long", f"Use at most {LONGEST_NAME} characters"))
    elif not name.isprintable():
        errors.append(FieldError("name", "characters", "Leave out line breaks and other invisible characters"))
    elif _is_taken(name, team):
        errors.append(FieldError("name", "taken", "A team with this name exists"))
    if details.email.strip():
        errors.extend(address_errors("email", details.email))
    people = _people({*details.member_ids, details.leader_id} - {None})
    if details.leader_id is not None and details.leader_id not in people:
        errors.append(FieldError("leader_id", "unknown", "Choose one of your users"))
    if set(details.member_ids) - people:
        errors.append(FieldError("member_ids", "unknown", "Choose among your users"))
    if errors:
        raise Invalid(*errors)
    return people


def _people(ids: Collection[UUID | None]) -> frozenset[UUID]:
    """Return which of the ids are people of the back office."""
    return frozenset(
        session.scalars(
            select(User.id).where(
                User.distributor_id == current_scope().distributor_id, User.kind == UserKind.BSS, User.id.in_(ids)
            )
        )
    )


def _is_taken(name: str, team: Team | None) -> bool:
    wanted = select(Team.id).where(
        Team.distributor_id == current_scope().distributor_id, func.lower(Team.name) == func.lower(name)
    )
    if team is not None:
        wanted = wanted.where(Team.id != team.id)
    return session.scalar(wanted) is not None


def _write(team: Team, details: TeamDetails) -> None:
    team.name, team.leader_id, team.is_active = details.name.strip(), details.leader_id, details.is_active
    team.email = normal_email(details.email) or None


def _empty(team_id: UUID) -> None:
    session.execute(
        delete(TeamMember).where(
            TeamMember.distributor_id == current_scope().distributor_id, TeamMember.team_id == team_id
        )
    )


def _seat(team_id: UUID, members: Collection[UUID]) -> None:
    session.add_all(TeamMember(id=new_id(), team_id=team_id, user_id=user_id) for user_id in sorted(members))
    session.flush()


def _picture(team: Team, members: Collection[UUID]) -> dict[str, object]:
    return {
        "name": team.name,
        "leader": team.leader_id or "",
        "email": team.email or "",
        "members": ", ".join(sorted(map(str, members))),
        "is_active": team.is_active,
    }
