"""What people enter of themselves and of their company. The services say what is wrong with it."""

from __future__ import annotations

from typing import Any

from wtforms import EmailField, SelectField, StringField, TelField
from wtforms.validators import Length, Optional

from app.accounts.models import Account
from app.accounts.own_company import CompanyDetails
from app.web.countries import country_choices
from app.web.forms import Form

FIELDS = ("name", "tax_id", "email", "phone", "street", "postcode", "city", "region", "country")


class OwnDetailsForm(Form):
    """A person's name and telephone."""

    first_name = StringField("First name", render_kw={"autocomplete": "given-name"})
    last_name = StringField("Last name", render_kw={"autocomplete": "family-name"})
    phone = TelField(
        "Phone",
        validators=[Optional(), Length(max=30, message="Use at most 30 characters")],
        render_kw={"autocomplete": "tel"},
    )


class CompanyForm(Form):
    """The company as invoices name it."""

    name = StringField("Company", render_kw={"autocomplete": "organization"})
    tax_id = StringField("VAT number", description="With the letters of the country, such as DE136695976.")
    email = EmailField("E-mail of the billing contact")
    phone = TelField("Phone of the billing contact")
    street = StringField("Address", render_kw={"autocomplete": "street-address"})
    postcode = StringField("Post code", render_kw={"autocomplete": "postal-code"})
    city = StringField("City")
    region = StringField("State or region")
    country = SelectField("Country", validate_choice=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer all countries."""
        super().__init__(*args, **kwargs)
        self.country.choices = country_choices()

    def show(self, account: Account) -> None:
        """Fill in what is known."""
        for name in FIELDS:
            self[name].data = getattr(account, name) or ""

    def to_details(self) -> CompanyDetails:
        """Return what was typed."""
        texts: dict[str, Any] = {name: self[name].data or "" for name in FIELDS}
        return CompanyDetails(**texts)
