"""Forms of the import wizard."""

from __future__ import annotations

from flask_wtf.file import FileField, FileRequired
from wtforms import SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired
from wtforms.widgets import CheckboxInput, ListWidget

from app.catalogue.services import RuleDetails
from app.core.ids import parse_id
from app.web.forms import Form


class UploadForm(Form):
    """Step 1: the sheet, and who provisions what it sells."""

    file = FileField(
        "Price sheet",
        validators=[FileRequired("Choose a file")],
        description="CSV in UTF-8, up to 64 MB. The first line names the columns.",
    )
    service_manager = SelectField(
        "Service manager",
        default="",
        description="Provisions the products of the sheet. Can be set on the product type later.",
    )


class ConfirmForm(Form):
    """Step 2: which segments are published."""

    segments = SelectMultipleField(
        "Publish new products of",
        option_widget=CheckboxInput(),
        widget=ListWidget(prefix_label=False),
        description="The others are imported for reference and shown to nobody. Products you already have keep their state.",
    )


class RuleForm(Form):
    """A saved rule: which rows belong to which category."""

    field = SelectField("When the", choices=[("title", "Title"), ("publisher", "Publisher"), ("tag", "Tag")])
    contains = StringField("contains", validators=[InputRequired("Enter some text")])
    category_id = SelectField("put it into", validators=[InputRequired("Choose a category")])

    def to_rule(self) -> RuleDetails | None:
        """Return the validated input, or None where the category is no id."""
        category_id = parse_id(self.category_id.data or "")
        if category_id is None:
            return None
        return RuleDetails(self.field.data, self.contains.data or "", category_id)
