"""Changing some properties of something: JSON Merge Patch (RFC 7396). What is not sent stays; null takes a value away."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from app.api.schemas import Schema

MEDIA_TYPE = "application/merge-patch+json"


class Patch(Schema):
    """A merge patch. Properties that may be taken away are declared with None; an empty patch changes nothing."""

    @property
    def sent(self) -> dict[str, Any]:
        """The properties that were sent, with their values."""
        return {name: getattr(self, name) for name in self.model_fields_set}

    def words(self) -> str:
        """Return what was sent as text: a property that is missing is another patch than one that is null."""
        return self.model_dump_json(exclude_unset=True)


def values_of(thing: Any, details: type[Any], patch: Patch) -> dict[str, Any]:
    """Return a thing's properties as a dataclass of details takes them, with the patch laid over them."""
    known = {field.name for field in fields(details)}
    present = {name: getattr(thing, name) for name in known if hasattr(thing, name)}
    return {**present, **{name: value for name, value in patch.sent.items() if name in known}}
