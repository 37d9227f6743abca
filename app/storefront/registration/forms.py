"""What a visitor fills in to register."""

from __future__ import annotations

from typing import Any

from wtforms import BooleanField, EmailField, PasswordField, SelectField, StringField, TelField

from app.accounts.registration.services import NewRegistration
from app.web.countries import country_choices
from app.web.forms import Form

TEXTS = (
    "first_name", "last_name", "email", "phone", "company", "tax_id", "country", "city", "street", "postcode",
    "region", "password", "repeat",
)  # fmt: skip


class RegistrationForm(Form):
    """The applicant and the company. The service says what is wrong, all at once."""

    first_name = StringField("First name")
    last_name = StringField("Last name")
    email = EmailField("E-mail", description="You sign in with it. We mail you a link to activate your account.")
    phone = TelField("Phone")
    company = StringField("Company")
    tax_id = StringField("VAT number", description="With the letters of the country, such as DE136695976.")
    country = SelectField("Country", validate_choice=False)
    city = StringField("City")
    street = StringField("Address")
    postcode = StringField("Post code")
    region = StringField("State or region")
    password = PasswordField("Password")
    repeat = PasswordField("Repeat password")
    wants_reselling = BooleanField("Register as a reseller")
    terms = BooleanField("I accept the terms and the privacy notice")
    homepage = StringField("Leave this empty")  # people do not see it; programs fill in what they find

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer all countries."""
        super().__init__(*args, **kwargs)
        self.country.choices = country_choices()

    @property
    def is_programs(self) -> bool:
        """Whether something filled in what nobody sees."""
        return bool(self.homepage.data)

    def to_registration(self) -> NewRegistration:
        """Return what was typed."""
        texts: dict[str, Any] = {name: self[name].data or "" for name in TEXTS}
        return NewRegistration(
            **texts, wants_reselling=bool(self.wants_reselling.data), accepts_terms=bool(self.terms.data)
        )
