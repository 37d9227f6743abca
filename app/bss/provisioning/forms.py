"""Forms of provisioning."""

from __future__ import annotations

from wtforms import BooleanField, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange

from app.provisioning.managers import (
    KINDS,
    LONGEST_KEY,
    LONGEST_NAME,
    LONGEST_TIMEOUT,
    SHORTEST_TIMEOUT,
    ManagerDetails,
)
from app.web.forms import Form


class ActionForm(Form):
    """A button that changes something: nothing but its token."""


class DoneForm(Form):
    """What a person did at the vendor."""

    vendor_reference = StringField(
        "Reference at the vendor",
        validators=[InputRequired("Enter what the service is called at the vendor"), Length(max=200)],
        description="What the service is called there; later changes name it.",
    )


class DeliveryForm(Form):
    """What people delivered; a reference where there is one."""

    vendor_reference = StringField("Reference", validators=[Length(max=200, message="Use at most 200 characters")])


class ManagerForm(Form):
    """A service manager's registration; hands the service its details."""

    name = StringField("Name", validators=[InputRequired("Enter a name"), Length(max=LONGEST_NAME)])
    kind = SelectField("Provisioning", choices=list(KINDS.items()))
    base_url = StringField(
        "Address of the vendor's API",
        description="Starts with https://. Not needed for services that people provision.",
    )
    application_id = StringField("Application id", validators=[Length(max=100)], description="Sent with every call.")
    timeout_seconds = IntegerField(
        "Timeout (seconds)",
        default=30,
        validators=[
            InputRequired("Enter a number of seconds"),
            NumberRange(SHORTEST_TIMEOUT, LONGEST_TIMEOUT, f"Enter {SHORTEST_TIMEOUT} to {LONGEST_TIMEOUT} seconds"),
        ],
        description="How long a call may take before it is tried again later.",
    )
    has_precheck = BooleanField(
        "Check before each change", default=True, description="Ask the vendor whether a change would work, then do it."
    )

    def to_details(self) -> ManagerDetails:
        """Return the validated input; call it after validate_on_submit()."""
        return ManagerDetails(
            name=self.name.data or "",
            kind=self.kind.data or "",
            base_url=self.base_url.data or "",
            application_id=self.application_id.data or "",
            timeout_seconds=self.timeout_seconds.data or 0,
            has_precheck=bool(self.has_precheck.data),
        )


class NewManagerForm(ManagerForm):
    """A registration with a key of the vendor's, where it has issued one."""

    api_key = StringField(
        "API key",
        validators=[Length(max=LONGEST_KEY)],
        description="Paste the key the vendor gave you, or leave it empty: then one is generated and shown once.",
    )


class ChangedManagerForm(ManagerForm):
    """Changes of a registration; it can be switched off."""

    is_active = BooleanField("Active", description="Switched off, its tasks wait until it is switched on again.")
