"""The form of a category."""

from __future__ import annotations

from wtforms import BooleanField, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Optional

from app.bss.categories.choices import category_choices
from app.catalogue.models import Category
from app.catalogue.services import CategoryDetails
from app.catalogue.services.categories import ICONS, MAX_DEPTH
from app.core.ids import parse_id
from app.web.forms import VersionedForm


class CategoryForm(VersionedForm):
    """Name, place and icon."""

    name = StringField("Name", validators=[InputRequired("Enter a name")])
    parent_id = SelectField("Below", default="")
    icon = SelectField("Icon", choices=[(name, name.capitalize()) for name in ICONS], default="box")
    position = IntegerField("Position", default=0, validators=[Optional()], description="Small numbers stand first.")
    is_visible = BooleanField("Visible in storefronts", default=True)

    def choose(self) -> None:
        """Offer the categories something can stand below."""
        self.parent_id.choices = category_choices(none="Top level", deepest=MAX_DEPTH - 1)

    def to_details(self) -> CategoryDetails:
        """Return the validated input; call it after validate_on_submit()."""
        return CategoryDetails(
            name=self.name.data or "",
            parent_id=parse_id(self.parent_id.data or ""),
            icon=self.icon.data,
            position=self.position.data or 0,
            is_visible=self.is_visible.data,
        )

    @classmethod
    def of(cls, category: Category) -> CategoryForm:
        """Return the form of an existing category."""
        form = cls(obj=category)
        if not form.is_submitted():
            form.parent_id.data = str(category.parent_id or "")
        return form
