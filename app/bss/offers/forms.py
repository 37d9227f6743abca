"""Forms of offers."""

from __future__ import annotations

from flask_wtf.file import FileField, FileRequired
from wtforms import DateField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import Length, Optional

from app.bss.item_forms import ItemForm
from app.core.ids import parse_id
from app.orders.offers.services import OfferDetails, OfferedItem, OfferItemChange
from app.pricing.quotes import PriceKey
from app.web.forms import Form, VersionedForm


class OfferForm(VersionedForm):
    """What an offer says beside its products. The key makes a second submit harmless (GO-02)."""

    request_key = HiddenField()
    name = StringField(
        "Name",
        validators=[Optional(), Length(max=255, message="Use at most 255 characters")],
        description="Empty: the account's name with the offer's number.",
    )
    contact_name = StringField(
        "Contact", validators=[Optional(), Length(max=200, message="Use at most 200 characters")]
    )
    contact_email = StringField(
        "Contact's e-mail", validators=[Optional(), Length(max=254, message="Use at most 254 characters")]
    )
    valid_until = DateField("Valid until", validators=[Optional()], description="Empty: 30 days.")
    introduction = TextAreaField(
        "Introduction",
        validators=[Optional(), Length(max=4000, message="Use at most 4000 characters")],
        description="Stands above the products.",
        render_kw={"rows": 4},
    )
    notes = TextAreaField(
        "Notes",
        validators=[Optional(), Length(max=4000, message="Use at most 4000 characters")],
        description="Only staff read them.",
        render_kw={"rows": 2},
    )

    language = SelectField("Language", choices=[], validate_choice=False, description="Of its template.")
    owner = SelectField("Owner", choices=[], validate_choice=False)

    def to_details(self) -> OfferDetails:
        """Return the validated input; call it after validate_on_submit()."""
        return OfferDetails(
            name=self.name.data or "",
            contact_name=self.contact_name.data or "",
            contact_email=self.contact_email.data or "",
            valid_until=self.valid_until.data,
            introduction=self.introduction.data or "",
            notes=self.notes.data or "",
            language=self.language.data or "",
            owner_id=parse_id(self.owner.data or "") if "owner" in self else None,
        )


class OfferItemForm(ItemForm):
    """An item of an offer."""

    def to_item(self, key: PriceKey) -> OfferedItem:
        """Return what to put on the offer; call it after validate_on_submit()."""
        return OfferedItem(
            key.product_id, key.term, key.cycle, self.quantity.data or 0, self.friendly_name.data, self.agreed,
            parent_id=self.wanted_parent,
        )  # fmt: skip

    def to_change(self) -> OfferItemChange:
        """Return what changes; call it after validate_on_submit()."""
        return OfferItemChange(self.quantity.data or 0, self.friendly_name.data, self.agreed)


class RefuseForm(Form):
    """Why an offer was lost."""

    reason = StringField("Reason", validators=[Optional(), Length(max=500, message="Use at most 500 characters")])


class StatusForm(Form):
    """Another status of the offer's type."""

    status_ref = SelectField("Status", choices=[], validate_choice=False)


class ActionForm(Form):
    """A button that changes something: nothing but its token."""


class DocumentForm(Form):
    """A file for an offer."""

    file = FileField(
        "File",
        validators=[FileRequired("Choose a file")],
        description="PDF, PNG, JPG or an Office document, up to 10 MB. Only staff reads it.",
    )
