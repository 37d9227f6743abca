"""Forms of the product file wizard. What a file's columns may be is known once it is uploaded, so step 2 is built then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, SelectField, SelectMultipleField
from wtforms.widgets import CheckboxInput, ListWidget

from app.catalogue.product_files.fields import MATCH_BY, Field
from app.catalogue.product_files.files import NewFile
from app.catalogue.product_files.models import FileChargeType, FileKind
from app.core.ids import parse_id
from app.web.forms import Form


class UploadForm(Form):
    """Step 1: the file, and what all its products have in common."""

    file = FileField(
        "File",
        validators=[FileRequired("Choose a file")],
        description="Excel (.xlsx) or CSV in UTF-8, up to 5 MB and 10,000 products. The first row names the columns.",
    )
    currency = SelectField("Currency", description="Of all prices in the file. Repeat the import for other currencies.")
    kind = SelectField(
        "Products are",
        choices=[(FileKind.COMMON.value, "Services and other products"), (FileKind.ASSET.value, "Assets, bought once")],
    )
    charge_type = SelectField(
        "Charged",
        choices=[
            (FileChargeType.RECURRING.value, "In advance, again and again"),
            (FileChargeType.ONE_TIME.value, "Once"),
            (FileChargeType.PAY_PER_USE.value, "By what was used"),
        ],
    )
    product_type_id = SelectField(
        "Product type",
        default="",
        description="Leave it open when a column names the type of each product.",
    )

    def to_file(self) -> NewFile:
        """Return the validated input; call it after validate_on_submit()."""
        return NewFile(
            file_name=self.file.data.filename or "products.xlsx",
            currency=self.currency.data or "",
            kind=FileKind(self.kind.data),
            charge_type=FileChargeType(self.charge_type.data),
            product_type_id=parse_id(self.product_type_id.data or ""),
        )


class SheetForm(Form):
    """Another sheet of the workbook."""

    sheet = SelectField("Sheet", validate_choice=False)


class MappingForm(Form):
    """Step 2: which column fills which field. `mapping_form` adds a choice for each field of the file."""

    match_by = SelectMultipleField(
        "A product exists already when it has the same",
        choices=list(MATCH_BY),
        option_widget=CheckboxInput(),
        widget=ListWidget(prefix_label=False),
        default=["code"],
        validate_choice=False,
        description="No hit makes a new product, one is updated, a row with several is passed over.",
    )
    is_published = BooleanField("Publish new products", description="Those with a price; the others wait.")


def mapping_form(fields: Sequence[Field], columns: Sequence[str], chosen: Mapping[str, str]) -> MappingForm:
    """Return the form of a file, with the likely column of each field chosen."""
    choices = [("", "No column"), *((column, column) for column in columns)]
    members = {
        field.form_name: SelectField(
            field.label, choices=choices, default=chosen.get(field.key, ""), validate_choice=False
        )
        for field in fields
    }
    made: MappingForm = type("FileMappingForm", (MappingForm,), members)()
    return made
