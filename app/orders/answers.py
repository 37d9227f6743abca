"""Reading what a program answers about a product it orders, as forms read what people type (CB-01)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.catalogue.characteristics import asked_of, components_of, read_answers
from app.catalogue.models import ProductKind
from app.catalogue.queries import products_with_types
from app.core.errors import FieldError, Invalid


def read_item_answers(product_id: UUID, typed: Mapping[str, str]) -> dict[str, Any]:
    """Return answers as items keep them: by characteristic id, of a bundle's components below their product's id.

    Names of components are `<product id>.<id>`. Raises Invalid naming the answer; an unknown product has none to give.
    """
    known = products_with_types([product_id]).get(product_id)
    if known is None:
        return {}
    product, product_type = known
    found, errors = read_answers(asked_of(product_type), typed)
    answers: dict[str, Any] = dict(found)
    if product_type.kind is ProductKind.BUNDLE:
        for part, part_type in components_of(product.id):
            of_part, wrong = read_answers(asked_of(part_type), typed, prefix=f"{part.id}.")
            errors = [*errors, *wrong]
            if of_part:
                answers[str(part.id)] = dict(of_part)
    if errors:
        raise Invalid(*(FieldError(f"answers.{each.field}", each.code, each.message) for each in errors))
    return answers
