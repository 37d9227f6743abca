"""One base of all forms: typed values survive a refusal, every message stands at its field."""

from __future__ import annotations

from http import HTTPStatus

from flask_wtf import FlaskForm
from wtforms import HiddenField

from app.core.errors import Invalid

LONGEST_VERSION = 10  # digits


class Form(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A form whose page answers 200 when shown and 422 when refused.

    `take` puts what a service refused beside the fields of the same name; the rest stands in WTForms' `form_errors`.
    """

    def take(self, refusal: Invalid) -> None:
        """Show a service's refusal at its fields."""
        for error in refusal.errors:
            field = self._fields.get(error.field)
            if field is None:
                self.form_errors.append(error.message)
            else:
                field.errors = [*field.errors, error.message]

    @property
    def status(self) -> HTTPStatus:
        """The answer's status: 422 as soon as anything is wrong."""
        return HTTPStatus.UNPROCESSABLE_ENTITY if self.errors else HTTPStatus.OK


class VersionedForm(Form):
    """A form that changes a record with a version (CB-00); the `form` macro of pages carries it along.

    Made with `obj=row` it shows the row's; else say `show_version`. What makes a record needs none.
    """

    version = HiddenField()

    def show_version(self, stands: int) -> None:
        """Say which version the form is opened at; one that was sent keeps what it was opened at."""
        if not self.is_submitted():
            self.version.data = str(stands)

    @property
    def seen_version(self) -> int:
        """The version the form was opened at; 0, which is nobody's, where it was not sent or somebody tampered with it."""
        written = next(iter(self.version.raw_data or ()), "")
        return int(written) if written.isascii() and written.isdigit() and len(written) <= LONGEST_VERSION else 0
