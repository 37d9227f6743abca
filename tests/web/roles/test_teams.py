from __future__ import annotations

from http import HTTPStatus

import pytest
from sqlalchemy import select

from app.core.db import session as db_session
from app.core.ids import new_id
from app.identity.models import Team, TeamMember
from app.identity.permissions import Permission
from tenants.context import scope
from tests.factories.world import World
from tests.web.roles.conftest import make_role

FOUND, UNPROCESSABLE = HTTPStatus.SEE_OTHER, HTTPStatus.UNPROCESSABLE_ENTITY


def teams_of(world: World) -> dict[str, tuple[Team, set[object]]]:
    with scope(world.scope):
        found = db_session.scalars(select(Team).execution_options(populate_existing=True)).all()
        seats = db_session.execute(select(TeamMember.team_id, TeamMember.user_id)).all()
        return {team.name: (team, {seat.user_id for seat in seats if seat.team_id == team.id}) for team in found}


def test_a_team_has_a_leader_and_members_until_it_is_deleted(client, world, sign_in, hire) -> None:
    """BC-03: name, leader, members, e-mail alias; its leader is a member; its people stay when it goes."""
    leader, member = hire("sales"), hire("support")
    sign_in(world.bss_user)

    client.post(
        "/bss/teams/new",
        data={
            "name": "Greece", "email": "Greece@Nord.example", "is_active": "y",
            "leader_id": str(leader.id), "member_ids": [str(member.id)],
        },
    )  # fmt: skip
    made, seats = teams_of(world)["Greece"]
    shown = client.get("/bss/teams").text
    edited = client.get(f"/bss/teams/{made.id}").text
    client.post(f"/bss/teams/{made.id}", data={"name": "Hellas", "leader_id": "", "member_ids": [str(member.id)]})
    changed, left = teams_of(world)["Hellas"]
    client.post(f"/bss/teams/{made.id}/delete")

    assert (made.email, made.leader_id, made.is_active, seats) == (
        "greece@nord.example", leader.id, True, {leader.id, member.id},
    )  # fmt: skip
    assert ("Greece" in shown, leader.full_name in shown, member.full_name in edited) == (True, True, True)
    assert (changed.leader_id, changed.is_active, left) == (None, False, {member.id})
    assert teams_of(world) == {}
    assert client.get(f"/bss/users/{member.id}").status_code == HTTPStatus.OK
    assert client.get(f"/bss/teams/{made.id}").status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(
    "typed", [{"name": ""}, {"name": "greece"}, {"name": "x" * 81}, {"email": "nobody"}, {"leader_id": str(new_id())}]
)
def test_a_team_that_cannot_be_is_refused(client, world, sign_in, typed) -> None:
    sign_in(world.bss_user)
    client.post("/bss/teams/new", data={"name": "Greece"})

    response = client.post("/bss/teams/new", data={"name": "Crete", **typed})

    assert (response.status_code, list(teams_of(world))) == (UNPROCESSABLE, ["Greece"])


def test_a_customers_person_joins_no_team(client, world, sign_in) -> None:
    sign_in(world.bss_user)

    response = client.post("/bss/teams/new", data={"name": "Crete", "member_ids": [str(world.tech.admin.id)]})

    assert (response.status_code, teams_of(world)) == (UNPROCESSABLE, {})


def test_teams_are_kept_by_who_has_the_right(client, world, sign_in, hire) -> None:
    sign_in(hire(make_role(world, "Team desk", Permission.BSS_TEAMS_MANAGE)))
    allowed = client.post("/bss/teams/new", data={"name": "Greece"}).status_code
    sign_in(hire("sales"))
    refused = client.post("/bss/teams/new", data={"name": "Crete"}).status_code

    assert (allowed, refused, list(teams_of(world))) == (FOUND, HTTPStatus.FORBIDDEN, ["Greece"])
