"""Teams of the back office: a name, a leader, members (BC-03)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, EmailField, SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from app.access import permission_required, signed_in_viewer
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.core.ids import parse_id
from app.identity import teams
from app.identity.models import Team
from app.identity.permissions import Permission
from app.identity.queries import list_bss_users, names_of
from app.identity.teams import TeamDetails
from app.web.forms import Form
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("teams", __name__, surface=Surface.BSS)


class TeamForm(Form):
    """A team."""

    name = StringField("Name", validators=[InputRequired("Enter a name"), Length(max=teams.LONGEST_NAME)])
    email = EmailField(
        "E-mail alias", validators=[Optional(), Length(max=254)], description="An address that reaches all members."
    )
    leader_id = SelectField("Leader", default="", filters=[lambda value: value or ""])
    member_ids = SelectMultipleField("Members", option_widget=CheckboxInput(), widget=ListWidget(prefix_label=False))
    is_active = BooleanField("Active", default=True)

    def offer(self) -> None:
        """Offer the distributor's people."""
        people = [(str(person.id), person.full_name) for person in list_bss_users()]
        self.leader_id.choices = [("", "Nobody"), *people]
        self.member_ids.choices = people

    def to_details(self) -> TeamDetails:
        """Return the validated input; call it after validate_on_submit()."""
        return TeamDetails(
            name=self.name.data or "",
            leader_id=parse_id(self.leader_id.data or ""),
            member_ids=tuple(UUID(each) for each in self.member_ids.data or ()),
            email=self.email.data or "",
            is_active=bool(self.is_active.data),
        )


@bp.get("")
@permission_required(Permission.BSS_TEAMS_MANAGE)
def index() -> ResponseReturnValue:
    """List the teams."""
    found = teams.list_teams()
    members = teams.members_of([team.id for team in found])
    names = names_of([team.leader_id for team in found if team.leader_id])
    return page("bss/teams/index.html", title="Teams", teams=found, members=members, names=names)


@bp.route("/new", methods=["GET", "POST"])
@permission_required(Permission.BSS_TEAMS_MANAGE)
def new() -> ResponseReturnValue:
    """Make a team."""
    form = TeamForm()
    form.offer()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                name = teams.create_team(form.to_details(), actor=signed_in_viewer().actor, at=utc_now()).name
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(f"The team {name} was added.", "success")
            return redirect(url_for(".index"), code=303)
    return _form(form, "New team", None), form.status


@bp.route("/<uuid:team_id>", methods=["GET", "POST"])
@permission_required(Permission.BSS_TEAMS_MANAGE)
def edit(team_id: UUID) -> ResponseReturnValue:
    """Change a team and who is in it."""
    team = teams.get_team(team_id)
    form = TeamForm(obj=team)
    form.offer()
    if not form.is_submitted():
        form.leader_id.data = str(team.leader_id or "")
        form.member_ids.data = [str(each) for each in teams.members_of((team_id,))[team_id]]
    if form.validate_on_submit():
        try:
            with unit_of_work():
                teams.update_team(team_id, form.to_details(), actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The team was saved.", "success")
            return redirect(url_for(".index"), code=303)
    return _form(form, team.name, team), form.status


@bp.post("/<uuid:team_id>/delete")
@permission_required(Permission.BSS_TEAMS_MANAGE)
def delete(team_id: UUID) -> ResponseReturnValue:
    """Delete a team; its people stay."""
    name = teams.get_team(team_id).name
    with unit_of_work():
        teams.delete_team(team_id, actor=signed_in_viewer().actor, at=utc_now())
    flash(f"The team {name} was deleted.", "success")
    return redirect(url_for(".index"), code=303)


def _form(form: TeamForm, title: str, team: Team | None) -> str:
    crumbs = (Crumb("Teams", url_for(".index")), Crumb(title))
    return page("bss/teams/edit.html", title=title, breadcrumbs=crumbs, form=form, team=team)
