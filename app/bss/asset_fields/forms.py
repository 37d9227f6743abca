"""The form of a custom field."""

from __future__ import annotations

from wtforms import BooleanField, IntegerField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from app.core.errors import Invalid
from app.core.ids import parse_id
from app.subscriptions.asset_models import AssetField, AssetFieldKind, FieldSubject
from app.subscriptions.custom_fields import FieldDetails
from app.web.forms import VersionedForm

KIND_WORDS = {
    AssetFieldKind.TEXT: "Text",
    AssetFieldKind.NUMBER: "Number",
    AssetFieldKind.DATE: "Date",
    AssetFieldKind.YES_NO: "Yes or no",
    AssetFieldKind.CHOICE: "One of a list",
}


SUBJECT_WORDS = {FieldSubject.ASSET: "Assets", FieldSubject.SUBSCRIPTION: "Subscriptions"}


class FieldForm(VersionedForm):
    """What a field is, where it shows, and what it starts with."""

    name = StringField("Name", validators=[InputRequired("Enter a name"), Length(max=100)])
    code = StringField("Code", validators=[InputRequired("Enter a code")], description="Letters, digits, dots, dashes.")
    subject = SelectField(
        "Describes", choices=[(each.value, words) for each, words in SUBJECT_WORDS.items()], validate_choice=False
    )
    kind = SelectField("Type", choices=[(each.value, words) for each, words in KIND_WORDS.items()])
    choices = TextAreaField("Choices", validators=[Optional()], description="One a line.", render_kw={"rows": 4})
    group_name = StringField(
        "Group", validators=[Optional(), Length(max=100, message="Use at most 100 characters")],
        description="Fields of one group stand together.",
    )  # fmt: skip
    position = IntegerField("Order", validators=[Optional()], default=0)
    default_value = StringField(
        "Default", validators=[Optional(), Length(max=500, message="Use at most 500 characters")]
    )
    is_required = BooleanField("Compulsory")
    is_searchable = BooleanField("Found by the search")
    shows_in_storefront = BooleanField(
        "Show in storefront", description="Its customer reads it, where a display rule shows it."
    )
    product_types = SelectMultipleField(
        "Display rule: of these product types",
        validate_choice=False,
        option_widget=CheckboxInput(),
        widget=ListWidget(prefix_label=False),
        description="Without one the field never shows.",
    )

    def to_details(self) -> FieldDetails:
        """Return the validated input; raises Invalid for product types and subjects that are none."""
        wanted = self.subject.data or FieldSubject.ASSET.value
        subject = next((each for each in FieldSubject if each.value == wanted), None)
        if subject is None:
            raise Invalid.field("subject", "choice", "Choose assets or subscriptions")
        type_ids = {parse_id(text) for text in self.product_types.data or ()}
        chosen = frozenset(each for each in type_ids if each is not None)
        if len(chosen) < len(type_ids):
            raise Invalid.field("product_types", "choice", "Choose product types of the list")
        return FieldDetails(
            code=(self.code.data or "").strip(),
            name=self.name.data or "",
            kind=AssetFieldKind(self.kind.data),
            subject=subject,
            group_name=self.group_name.data or "",
            position=self.position.data or 0,
            choices=tuple(line.strip() for line in (self.choices.data or "").splitlines() if line.strip()),
            default_value=self.default_value.data or "",
            is_required=self.is_required.data,
            is_searchable=self.is_searchable.data,
            shows_in_storefront=self.shows_in_storefront.data,
            product_type_ids=chosen,
        )

    def show(self, field: AssetField, product_type_ids: frozenset[object]) -> None:
        """Fill in what stands."""
        self.name.data, self.code.data, self.kind.data = field.name, field.code, field.kind.value
        self.subject.data = field.subject.value
        self.choices.data, self.group_name.data = "\n".join(field.choices), field.group_name
        self.position.data, self.default_value.data = field.position, field.default_value
        self.is_required.data, self.is_searchable.data = field.is_required, field.is_searchable
        self.shows_in_storefront.data = field.shows_in_storefront
        self.product_types.data = [str(each) for each in product_type_ids]
