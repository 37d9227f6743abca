"""Forms of provisioning."""

from __future__ import annotations

from wtforms import BooleanField, IntegerField, SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from app.provisioning.kinds import KINDS
from app.provisioning.managers import (
    CHECKED_KINDS,
    LONGEST_DESCRIPTION,
    LONGEST_KEY,
    LONGEST_NAME,
    LONGEST_TIMEOUT,
    MOST_CALLS,
    SHORTEST_TIMEOUT,
    ManagerDetails,
)
from app.provisioning.models import TaskKind
from app.web.forms import Form

KIND_LABELS = {
    TaskKind.CREATE: "Create",
    TaskKind.UPDATE: "Change",
    TaskKind.CANCEL: "Cancel",
    TaskKind.SUSPEND: "Suspend",
    TaskKind.ACTIVATE: "End a suspension",
    TaskKind.SCHEDULE: "Announce a change",
    TaskKind.WITHDRAW: "Take an announcement back",
}


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
    kind = SelectField("Provisioning", choices=[(key, kind.label) for key, kind in KINDS.items()])
    description = StringField("Description", validators=[Length(max=LONGEST_DESCRIPTION)])
    base_url = StringField(
        "Address of the vendor's API",
        description="Starts with https://. Not needed for services that people provision.",
    )
    application_id = StringField(
        "Application id",
        validators=[Length(max=100)],
        description="Sent with every call; for an Open Service Broker, the user's name.",
    )
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
    unchecked_kinds = SelectMultipleField(
        "Without a check",
        choices=[(kind.value, KIND_LABELS[kind]) for kind in CHECKED_KINDS],
        option_widget=CheckboxInput(),
        widget=ListWidget(prefix_label=False),
        description="Calls that this vendor cannot check beforehand.",
    )
    max_parallel_calls = IntegerField(
        "Calls at once",
        default=4,
        validators=[Optional(), NumberRange(1, MOST_CALLS, f"Enter 1 to {MOST_CALLS} calls")],
        description="More wait for their turn.",
    )
    synchronises_accounts = BooleanField(
        "Accounts first", default=True, description="Make an account known to the vendor before its first service."
    )
    takes_future_requests = BooleanField(
        "Later days",
        description="Send changes of quantity and billing cycle at once that wait for a period's end; else on the day.",
    )
    accepts_existing_accounts = BooleanField(
        "Existing accounts",
        description="Buyers may name an account they have at the vendor already; the vendor has to confirm that it is theirs.",
    )
    is_sandbox = BooleanField("Sandbox", description="Tell the vendor that nothing here is real.")

    def to_details(self) -> ManagerDetails:
        """Return the validated input; call it after validate_on_submit()."""
        return ManagerDetails(
            name=self.name.data or "",
            kind=self.kind.data or "",
            base_url=self.base_url.data or "",
            application_id=self.application_id.data or "",
            timeout_seconds=self.timeout_seconds.data or 0,
            has_precheck=bool(self.has_precheck.data),
            description=self.description.data or "",
            unchecked_kinds=frozenset(TaskKind(kind) for kind in self.unchecked_kinds.data or ()),
            is_sandbox=bool(self.is_sandbox.data),
            max_parallel_calls=4 if self.max_parallel_calls.data is None else self.max_parallel_calls.data,
            synchronises_accounts=bool(self.synchronises_accounts.data),
            takes_future_requests=bool(self.takes_future_requests.data),
            accepts_existing_accounts=bool(self.accepts_existing_accounts.data),
        )


class NewManagerForm(ManagerForm):
    """A registration with a key of the vendor's, where it has issued one."""

    api_key = StringField(
        "API key or password",
        validators=[Length(max=LONGEST_KEY)],
        description="Paste the key the vendor gave you, or leave it empty: then one is generated and shown once.",
    )


class ChangedManagerForm(ManagerForm):
    """Changes of a registration; it can be switched off."""

    is_active = BooleanField("Active", description="Switched off, its tasks wait until it is switched on again.")


class KeyForm(Form):
    """Another key: the vendor's own, or a generated one."""

    api_key = StringField(
        "API key or password",
        validators=[Length(max=LONGEST_KEY)],
        description="Paste the vendor's new key, or leave it empty: then one is generated and shown once.",
    )
