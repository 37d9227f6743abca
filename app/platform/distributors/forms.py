"""Form of a new distributor and its first administrator."""

from __future__ import annotations

from wtforms import EmailField, SelectField, StringField
from wtforms.validators import InputRequired

from app.identity.models import UserKind, UserType
from app.identity.permissions import BssRole
from app.identity.services import NewUser
from app.web.forms import Form
from tenants.founding import NewDistributor

CURRENCIES = ("EUR", "USD", "GBP", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "RON", "JPY")


class DistributorForm(Form):
    """Who the distributor is, where it answers, and who starts its back office."""

    name = StringField("Name", validators=[InputRequired("Enter the distributor's name")])
    host = StringField(
        "Host",
        validators=[InputRequired("Enter the host")],
        description="Its own DNS name, such as cloud.company.com. It must point to this installation.",
    )
    currency = SelectField("Home currency", choices=[(each, each) for each in CURRENCIES])
    time_zone = StringField("Time zone", default="Europe/Athens", description="Such as Europe/Athens.")
    first_name = StringField("First name", validators=[InputRequired("Enter the first name")])
    last_name = StringField("Last name", validators=[InputRequired("Enter the last name")])
    email = EmailField("E-mail", validators=[InputRequired("Enter the e-mail")])

    def to_distributor(self) -> NewDistributor:
        """Return what was typed; call it after validate_on_submit()."""
        return NewDistributor(
            name=self.name.data or "",
            host=self.host.data or "",
            currency=self.currency.data or "",
            time_zone=(self.time_zone.data or "").strip(),
        )

    def to_administrator(self) -> NewUser:
        """Return the first administrator; call it after validate_on_submit()."""
        return NewUser(
            kind=UserKind.BSS,
            first_name=self.first_name.data or "",
            last_name=self.last_name.data or "",
            email=self.email.data or "",
            type=UserType.ADMIN,
            roles=(BssRole.ADMINISTRATOR,),
        )
