"""Custom fields on pages of assets and subscriptions: what was typed, and what stands (CB-23, CB-31)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from flask import request

from app.core.ids import parse_id
from app.subscriptions.custom_fields import Answer

FIELD = "field-"
LONGEST = 1000  # of what is read; services say what is too long


def typed_fields() -> dict[UUID, str]:
    """Return what was typed, by field."""
    return {
        field_id: text[:LONGEST]
        for name, text in request.form.items()
        if name.startswith(FIELD) and (field_id := parse_id(name.removeprefix(FIELD))) is not None
    }


def with_typed(answers: Sequence[Answer], typed: Mapping[UUID, str]) -> list[Answer]:
    """Return fields with what was typed in place of what stands: a refused form keeps it."""
    return [Answer(each.field, typed.get(each.field.id, each.value)) for each in answers]
