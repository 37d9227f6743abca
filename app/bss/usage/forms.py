"""Forms of usage."""

from __future__ import annotations

from decimal import Decimal

from flask_wtf.file import FileField, FileRequired
from wtforms import DecimalField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional

from app.billing.usage.models import ResourceKind, UsageCharge
from app.billing.usage.rates import RESOURCE_LENGTH, UNIT_LENGTH, RateDetails
from app.core.ids import parse_id
from app.web.forms import Form, VersionedForm


class UsageFileForm(Form):
    """A file of usage."""

    file = FileField(
        "File",
        validators=[FileRequired("Choose a file")],
        description="Excel (.xlsx) or CSV in UTF-8, up to 5 MB and 50,000 rows.",
    )


class BudgetForm(Form):
    """What the usage of a subscription may cost in a cycle."""

    amount = DecimalField(
        "Budget of a cycle, net",
        places=None,
        validators=[Optional()],
        description="Billing people and the customer's Admins are told at 80 and 100 %. Nothing is stopped. Empty: none.",
    )


class RateForm(VersionedForm):
    """What one resource of a product costs."""

    resource = StringField(
        "Resource",
        validators=[InputRequired("Enter a name"), Length(max=RESOURCE_LENGTH)],
        description="As files of usage name it.",
    )
    kind = SelectField(
        "Kind",
        choices=[
            (ResourceKind.METERED.value, "Metered: begins at 0 in each cycle"),
            (ResourceKind.ALLOCATED.value, "Allocated: a level that stays, paid by the day"),
        ],
    )
    unit = StringField("Unit", validators=[Length(max=UNIT_LENGTH)], description="Such as GB or hours.")
    included = DecimalField(
        "Included quota", places=None, default=Decimal(0), validators=[Optional()], description="Units per cycle."
    )
    pack_size = DecimalField(
        "Pack size",
        places=None,
        validators=[Optional()],
        description="Sold in whole packs. Empty: exactly what was used.",
    )
    price = DecimalField("Price", places=None, validators=[Optional()], description="Per pack, or per unit and cycle.")
    currency = SelectField("Currency", validate_choice=False)
    add_on_id = SelectField(
        "Billed through the add-on",
        default="",
        validate_choice=False,
        description="Without a price of its own, what the add-on costs the payer counts.",
    )

    @classmethod
    def of(cls, charge: UsageCharge) -> RateForm:
        """Return the form of a rate."""
        return cls(
            resource=charge.resource,
            kind=charge.kind.value,
            unit=charge.unit,
            included=charge.included.normalize(),
            pack_size=charge.pack_size.normalize() if charge.pack_size is not None else None,
            price=charge.price,
            currency=charge.currency,
            add_on_id=str(charge.add_on_id or ""),
            version=charge.version,
        )

    def to_details(self) -> RateDetails:
        """Return the validated input; call it after validate_on_submit()."""
        return RateDetails(
            resource=self.resource.data or "",
            kind=ResourceKind(self.kind.data),
            unit=self.unit.data or "",
            currency=self.currency.data or "",
            price=self.price.data,
            add_on_id=parse_id(self.add_on_id.data or ""),
            pack_size=self.pack_size.data,
            included=self.included.data if self.included.data is not None else Decimal(0),
        )
