"""What the setups of order and offer statuses share: names are added, changed and deleted alike (CB-17, CB-19)."""

from __future__ import annotations

from collections.abc import Callable

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.web.forms import Form


def saved(form: Form, save: Callable[[], str]) -> ResponseReturnValue | None:
    """Save a valid form and go back to the list; `save` returns what is told there. None: the form is shown again."""
    if not form.validate_on_submit():
        return None
    try:
        with unit_of_work():
            words = save()
    except Invalid as refusal:
        form.take(refusal)
        return None
    return _told(words)


def deleted(name: str, delete: Callable[[], None]) -> ResponseReturnValue:
    """Delete a status that nothing stands in, and go back to the list."""
    with unit_of_work():
        delete()
    return _told(f"{name} was deleted.")


def _told(words: str) -> ResponseReturnValue:
    flash(words, "success")
    return redirect(url_for(".index"), code=303)
