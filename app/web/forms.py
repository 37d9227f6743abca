"""One base of all forms: typed values survive a refusal, every message stands at its field."""

from __future__ import annotations

from http import HTTPStatus

from flask_wtf import FlaskForm

from app.core.errors import Invalid


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
