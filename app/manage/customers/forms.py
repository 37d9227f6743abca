"""Forms about a reseller's customers: typed values in, dataclasses of the services out."""

from __future__ import annotations

from typing import Any

from wtforms import BooleanField, RadioField, SelectField, SelectMultipleField, StringField
from wtforms.widgets import CheckboxInput, ListWidget

from app.accounts.details import NewEndCustomer
from app.identity.models import UserType
from app.identity.permissions import StorefrontRole
from app.web.countries import country_choices
from app.web.forms import Form

CUSTOMER_ROLES = tuple(role for role in StorefrontRole if role is not StorefrontRole.STOREFRONT_MANAGER)


class CustomerForm(Form):
    """What a reseller knows of its customer. The service says what is wrong."""

    name = StringField("Company name")
    email = StringField("E-mail")
    phone = StringField("Phone")
    website = StringField("Website", description="Such as https://example.com.")
    street = StringField("Street")
    city = StringField("City")
    postcode = StringField("Postcode")
    region = StringField("Region")
    country = SelectField("Country", validate_choice=False)
    tax_id = StringField("Tax id")
    customer_code = StringField("Your code", description="Your own code for this customer, if you use one.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer all countries."""
        super().__init__(*args, **kwargs)
        self.country.choices = country_choices()

    def to_customer(self, *, approval_required: bool = True, needs_address: bool = False) -> NewEndCustomer:
        """Return what was typed."""

        def text(name: str) -> str:
            return self[name].data or ""

        return NewEndCustomer(
            name=text("name"),
            email=text("email"),
            country=text("country"),
            phone=text("phone"),
            website=text("website"),
            tax_id=text("tax_id"),
            customer_code=text("customer_code"),
            street=text("street"),
            city=text("city"),
            postcode=text("postcode"),
            region=text("region"),
            approval_required=approval_required,
            needs_address=needs_address,
        )


class NewCustomerForm(CustomerForm):
    """A customer to add, with its first user where wanted."""

    approval_required = BooleanField("Approve its orders", description="Orders wait until you have accepted them.")
    with_user = BooleanField(
        "Create the first storefront user", description="An administrator of the customer; gets an activation mail."
    )
    user_first_name = StringField("First name")
    user_last_name = StringField("Last name")
    user_email = StringField("User's e-mail")


class RolesForm(Form):
    """What a user of a customer may do."""

    type = RadioField(
        "Type",
        choices=[
            (UserType.ADMIN.value, "Administrator: everything, and manages the users"),
            (UserType.USER.value, "User with roles"),
        ],
        default=UserType.ADMIN.value,
    )
    roles = SelectMultipleField(
        "Roles",
        choices=[(role.value, role.label) for role in CUSTOMER_ROLES],
        validate_choice=False,
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )

    @property
    def chosen_type(self) -> UserType:
        """The type as the domain names it."""
        return UserType(self.type.data)

    @property
    def chosen_roles(self) -> tuple[StorefrontRole, ...]:
        """The roles that exist; the service refuses those that are not available."""
        known = {role.value: role for role in StorefrontRole}
        return tuple(known[name] for name in self.roles.data or () if name in known)


class UserForm(RolesForm):
    """A person of a customer to add."""

    first_name = StringField("First name")
    last_name = StringField("Last name")
    email = StringField("E-mail")
