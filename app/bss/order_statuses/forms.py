"""The form of a status."""

from __future__ import annotations

from dataclasses import replace

from wtforms import BooleanField, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from app.orders.models import StatusType, StorefrontType
from app.orders.statuses import OWN_TYPES, NamedStatus, StatusDetails
from app.web.forms import VersionedForm

TYPE_WORDS = {
    StatusType.IN_PROGRESS: "In progress",
    StatusType.AUTOMATIC_EXECUTE: "Automatic execute",
    StatusType.CANCELED: "Canceled",
}
STOREFRONT_WORDS = {
    StorefrontType.DRAFT: "Draft",
    StorefrontType.VIEWABLE: "Viewable",
    StorefrontType.SUBMITTED: "Submitted",
    StorefrontType.HIDDEN: "Hidden",
}
SHOWN = (StorefrontType.VIEWABLE, StorefrontType.HIDDEN)
MOST_NUMBER = 9999
MAILS = "Whoever ordered is told when an order gets here. The words stand in Setup, Mails."


class StatusForm(VersionedForm):
    """A name for where orders stand, or for why they ended."""

    number = IntegerField(
        "Number",
        default=100,
        validators=[InputRequired("Enter a number"), NumberRange(min=1, max=MOST_NUMBER, message="Enter 1 to 9999")],
        description="Its place in the list. Of several, the first is taken where none is the default.",
    )
    name = StringField("Name", validators=[InputRequired("Enter a name")])
    description = StringField(
        "Description", validators=[Optional(), Length(max=300, message="Use at most 300 characters")]
    )
    type = SelectField(
        "Type",
        choices=[(each.value, TYPE_WORDS[each]) for each in OWN_TYPES],
        description="Executed is reached by execution alone.",
    )
    storefront_type = SelectField(
        "In storefronts",
        choices=[(each.value, STOREFRONT_WORDS[each]) for each in SHOWN],
        description="Hidden: customers read the built-in status instead.",
    )
    is_default = BooleanField("Default", description="Orders that people deliver start here.")
    is_active = BooleanField("Active", default=True)
    mails_customer = BooleanField("Mail the customer", description=MAILS)

    def to_details(self) -> StatusDetails:
        """Return the validated input; call it after validate_on_submit()."""
        return StatusDetails(
            number=self.number.data or 0,
            name=self.name.data or "",
            description=self.description.data or "",
            type=StatusType(self.type.data),
            storefront_type=StorefrontType(self.storefront_type.data),
            is_default=self.is_default.data,
            is_active=self.is_active.data,
            mails_customer=self.mails_customer.data,
        )


class BuiltInForm(VersionedForm):
    """What can be changed on a built-in status: its mail; on *In Progress* more."""

    is_default = BooleanField("Default", description="Orders that people deliver start here.")
    is_active = BooleanField("Active")
    mails_customer = BooleanField("Mail the customer", description=MAILS)

    def to_details(self, status: NamedStatus) -> StatusDetails:
        """Return the status with what was changed."""
        is_default = status.details.is_default if status.is_mandatory else self.is_default.data
        return replace(
            status.details,
            is_default=is_default,
            is_active=self.is_active.data,
            mails_customer=self.mails_customer.data,
        )
