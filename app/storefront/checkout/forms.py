"""Forms of checkout, one per step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from flask import request
from wtforms import DateField, HiddenField, RadioField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import Length, Optional

from app.accounts.services import NewEndCustomer
from app.orders.service_details import AskedService, Told
from app.web.countries import country_choices
from app.web.forms import Form

LONGEST_TYPED = 1000


class RecipientForm(Form):
    """For whom a reseller orders: itself, one of its customers, or a new one made here (RS-03)."""

    recipient = RadioField(
        "Who is this order for?",
        choices=[("own", "For our own use"), ("customer", "For one of our customers"), ("new", "For a new customer")],
        validate_choice=False,
    )
    customer = SelectField("Customer", choices=[], validate_choice=False)
    name = StringField("Company name")
    email = StringField("E-mail")
    phone = StringField("Phone", validators=[Optional()])
    street = StringField("Street", validators=[Optional()])
    city = StringField("City", validators=[Optional()])
    postcode = StringField("Postcode", validators=[Optional()])
    country = SelectField("Country", choices=country_choices, validate_choice=False)
    tax_id = StringField("Tax id", validators=[Optional()])

    def to_customer(self, *, needs_address: bool) -> NewEndCustomer:
        """Return the new customer as typed; the service says what is wrong with it."""
        return NewEndCustomer(
            name=self.name.data or "",
            email=self.email.data or "",
            country=self.country.data or "",
            phone=self.phone.data or None,
            street=self.street.data or None,
            city=self.city.data or None,
            postcode=self.postcode.data or None,
            tax_id=self.tax_id.data or None,
            needs_address=needs_address,
        )


class ServicesForm(Form):
    """What services must know of their receiver: fields by what each of them asks, named after its service manager."""

    def answers(self, asked: Sequence[AskedService]) -> Mapping[UUID, Told]:
        """Return what was typed, by service manager."""
        return {each.manager_id: self._typed(each) for each in asked}

    def shown(self, asked: AskedService) -> Told:
        """Return what its fields show: as typed, or as answered before."""
        return self._typed(asked) if self.is_submitted() else asked.told or Told()

    @staticmethod
    def _typed(asked: AskedService) -> Told:
        options = {each.id: request.form.get(asked.field(each.id), "")[:LONGEST_TYPED] for each in asked.questions}
        has_one = request.form.get(asked.field("existing")) == "1"
        return Told(options, request.form.get(asked.field("reference"), "")[:LONGEST_TYPED] if has_one else None)


class DetailsForm(Form):
    """What the order needs beside its items: the alias of a plan, the buyer's own reference."""

    alias = StringField(
        "Storefront alias",
        description="3 to 40 lower-case letters, digits and single hyphens. It cannot be changed later.",
    )
    execute_on = DateField(
        "Execute on",
        validators=[Optional()],
        description="Empty: at once. Otherwise on that day, at the prices of that day.",
    )
    po_number = StringField(
        "Your reference", validators=[Optional(), Length(max=50, message="Use at most 50 characters")]
    )
    comment = TextAreaField("Comment", validators=[Optional(), Length(max=500, message="Use at most 500 characters")])


class ReviewForm(Form):
    """The last step: ticked terms and the key that makes a second submit harmless."""

    checkout_key = HiddenField()
    terms = SelectMultipleField("Terms", choices=[], validate_choice=False)
