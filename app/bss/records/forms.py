"""The field by which a new record gets a permission rule."""

from __future__ import annotations

from uuid import UUID

from wtforms import SelectField
from wtforms.validators import Optional

from app.audit.services import Actor
from app.core.ids import parse_id
from app.identity.permission_rules.models import RuledKind
from app.identity.permission_rules.queries import default_rule, pickable_rules
from app.web.forms import Form


class NewRecordForm(Form):
    """Who sees a new record; the field is left out where there is no rule for the viewer to pick."""

    permission_rule_id = SelectField(
        "Permission rule", validators=[Optional()], filters=[lambda value: value or ""], default=""
    )

    def choose_rule(self, kind: RuledKind, actor: Actor) -> None:
        """Offer the rules that may be picked; the default is pre-selected (BC-04)."""
        rules = pickable_rules(kind, actor)
        if not rules:
            del self.permission_rule_id
            return
        none = "Everybody" if kind is RuledKind.ACCOUNT else "As the account"
        self.permission_rule_id.choices = [("", none), *((str(rule.id), rule.name) for rule in rules)]
        preset = default_rule(kind)
        if not self.is_submitted() and preset in {rule.id for rule in rules}:
            self.permission_rule_id.data = str(preset)

    @property
    def chosen_rule(self) -> UUID | None:
        """The rule that was picked."""
        return parse_id(self.permission_rule_id.data or "") if "permission_rule_id" in self else None
