"""The form of a permission rule: what is typed becomes what the service takes (BC-04)."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import TypeVar

from flask import request
from wtforms import BooleanField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from app.core.ids import parse_id
from app.identity.models import Team, User
from app.identity.permission_rules.models import RecordAccess, RuledKind, ShareRight
from app.identity.permission_rules.services import LONGEST_NAME, Holder, RuleDetails
from app.web.forms import Form

Given = TypeVar("Given", bound=enum.Enum)


def _kinds(label: str, description: str = "") -> SelectMultipleField:
    """Return a field of kinds of records, ticked."""
    return SelectMultipleField(
        label,
        choices=[(kind.value, kind.label) for kind in RuledKind],
        option_widget=CheckboxInput(),
        widget=ListWidget(prefix_label=False),
        description=description,
    )


class PermissionRuleForm(Form):
    """A rule. Who is let in, and who may use it, is one choice per user and team: `grant-<holder>`, `share-<holder>`."""

    name = StringField("Name", validators=[InputRequired("Enter a name"), Length(max=LONGEST_NAME)])
    is_active = BooleanField("Active", default=True)
    kinds = _kinds("Applies to")
    defaults = _kinds("Default", "Pre-selected for new records. It takes the place of the present default.")
    grants = StringField("Access")
    shares = StringField("Sharing")

    def chosen(self, details: RuleDetails | None) -> Mapping[str, str]:
        """Return the choices per holder as they stand on the page: as sent, or as the rule has them."""
        if request.method == "POST":
            return {name: value for name, value in request.form.items() if name.startswith(("grant-", "share-"))}
        if details is None:
            return {}
        given = {f"grant-{holder.name}": access.value for holder, access in details.grants}
        return given | {f"share-{holder.name}": right.value for holder, right in details.shares}

    def show(self, details: RuleDetails) -> None:
        """Fill the form with a rule as it stands."""
        self.process(
            data={
                "name": details.name,
                "is_active": details.is_active,
                "kinds": [kind.value for kind in details.kinds],
                "defaults": [kind.value for kind in details.defaults],
            }
        )

    def to_details(self) -> RuleDetails:
        """Return what was sent; call it after validate_on_submit()."""
        return RuleDetails(
            name=self.name.data or "",
            kinds=frozenset(RuledKind(value) for value in self.kinds.data or ()),
            grants=tuple(_sent("grant-", RecordAccess)),
            defaults=frozenset(RuledKind(value) for value in self.defaults.data or ()),
            shares=tuple(_sent("share-", ShareRight)),
            is_active=bool(self.is_active.data),
        )


def _sent(prefix: str, choices: type[Given]) -> Sequence[tuple[Holder, Given]]:
    """Return the holders with a choice; a holder nobody knows is the service's to refuse."""
    values = {choice.value: choice for choice in choices}
    found = []
    for name, value in request.form.items():
        if not name.startswith(prefix) or value not in values:
            continue
        what, _, holder_id = name.removeprefix(prefix).partition(":")
        if (known := parse_id(holder_id)) is not None and what in ("user", "team"):
            found.append((Holder(user_id=known) if what == "user" else Holder(team_id=known), values[value]))
    return found


def holders(people: Sequence[User], teams: Sequence[Team]) -> Sequence[tuple[str, str, str]]:
    """Return everybody who may be named in a rule: name in the form, name on the page, what it is."""
    return [
        *((Holder(team_id=team.id).name, team.name, "Team") for team in teams),
        *((Holder(user_id=person.id).name, person.full_name, "User") for person in people),
    ]
