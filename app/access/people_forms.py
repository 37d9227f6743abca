"""Forms about people: who they are, what they may do."""

from __future__ import annotations

from collections.abc import Collection

from wtforms import EmailField, RadioField, SelectMultipleField, StringField, TelField
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from app.identity.models import User, UserKind, UserType
from app.identity.permissions import BssRole, StorefrontRole
from app.identity.realms import Person
from app.identity.roles import OwnRole, list_roles
from app.identity.services import NewUser, Role, available_roles
from app.web.forms import Form

TYPE_WORDS = {UserType.ADMIN: "Admin: all rights, manages users", UserType.USER: "User: the rights of the roles below"}


class PersonForm(Form):
    """A user's name and rights. People of the back office have roles only; Administrator is one of them."""

    first_name = StringField("First name", validators=[InputRequired("Enter the first name"), Length(max=100)])
    last_name = StringField("Last name", validators=[InputRequired("Enter the last name"), Length(max=100)])
    email = EmailField("E-mail", validators=[InputRequired("Enter an e-mail"), Length(max=254)])
    phone = TelField("Phone", validators=[Optional(), Length(max=30, message="Use at most 30 characters")])
    type = RadioField("Type", choices=[(each.value, words) for each, words in TYPE_WORDS.items()], default="user")
    roles = SelectMultipleField(
        "Roles", option_widget=CheckboxInput(), widget=ListWidget(prefix_label=False), validate_choice=False
    )

    def offer(self, person: Person, *, kept: Collection[str] = ()) -> None:
        """Offer what this kind of person may be given, and what one has already; the service refuses the rest."""
        self.offered: dict[str, Role] = {role.value: role for role in available_roles(person)}
        if person.kind is UserKind.BSS:
            others = {str(role.id): OwnRole(str(role.id), f"{role.name} (inactive)") for role in list_roles()}
            self.offered |= {name: others[name] for name in kept if name in others and name not in self.offered}
        self.roles.choices = [(role.value, role.label) for role in self.offered.values()]
        if person.kind is UserKind.BSS:
            del self.type

    def show(self, user: User) -> None:
        """Fill the form with a person as they stand."""
        self.first_name.data, self.last_name.data = user.first_name, user.last_name
        self.email.data, self.phone.data = user.email, user.phone
        self.roles.data = list(user.roles)
        if "type" in self:
            self.type.data = user.type.value

    @property
    def chosen_type(self) -> UserType:
        """Return the type; in the back office it follows from the role Administrator."""
        return UserType(self.type.data) if "type" in self else UserType.USER

    def chosen_roles(self, kind: UserKind) -> tuple[Role, ...]:
        """Return the roles that exist; an unknown one in the request is no role."""
        built_in = {role.value: role for role in (BssRole if kind is UserKind.BSS else StorefrontRole)}
        known: dict[str, Role] = {**self.offered, **built_in}
        return tuple(known[name] for name in self.roles.data or () if name in known)

    def to_new_user(self, person: Person) -> NewUser:
        """Return what was typed; call it after validate_on_submit()."""
        return NewUser(
            kind=person.kind,
            first_name=self.first_name.data or "",
            last_name=self.last_name.data or "",
            email=self.email.data or "",
            account_id=person.account_id,
            reseller_id=person.reseller_id,
            type=self.chosen_type,
            roles=self.chosen_roles(person.kind),
            phone=self.phone.data or None,
        )
