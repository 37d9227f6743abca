"""What buyers answer and choose with a product: characteristics asked at order time, priced options (CB-01, CB-04)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import request

from app.catalogue.characteristics import asked_of, components_of, read_answers
from app.catalogue.models import Product, ProductKind, ProductType
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.core.ids import parse_id
from app.orders.basket_add_ons import TickedAddOn

PREFIX = "characteristic-"
OPTION = "option"
HAS_OPTIONS = "has_options"  # a form that shows options says so: an unticked box sends nothing
LONGEST = 500
ADD_ON, ADD_ON_QUANTITY = "add_on", "add_on_quantity-"  # a ticked one's id; its number, behind the id
MOST_ADD_ONS, LONGEST_NUMBER = 50, 9


def typed_answers() -> dict[str, str]:
    """Return the answers as typed, by what stands behind the prefix."""
    return {
        name.removeprefix(PREFIX): value[: LONGEST + 1]
        for name, value in request.form.items()
        if name.startswith(PREFIX)
    }


def chosen() -> tuple[str, ...]:
    """Return the codes of the ticked options."""
    return tuple(dict.fromkeys(code[:40] for code in request.form.getlist(OPTION)))[:50]


def chosen_if_asked() -> tuple[str, ...] | None:
    """Return the ticked options, or None where the form did not ask."""
    return chosen() if request.form.get(HAS_OPTIONS) else None


def ticked_add_ons() -> tuple[TickedAddOn, ...]:
    """Return the add-ons ticked with a product; raises Invalid where a quantity is no whole number."""
    found: list[TickedAddOn] = []
    errors: list[FieldError] = []
    for text in dict.fromkeys(request.form.getlist(ADD_ON)[:MOST_ADD_ONS]):
        product_id = parse_id(text)
        if product_id is None:
            errors.append(FieldError("quantity", "choice", "Choose add-ons of this product"))
            continue
        written = request.form.get(f"{ADD_ON_QUANTITY}{product_id}", "1").strip()
        is_number = written.isascii() and written.removeprefix("-").isdigit() and len(written) <= LONGEST_NUMBER
        ticked = TickedAddOn(product_id, int(written) if is_number else 0)
        if not is_number:
            errors.append(FieldError(ticked.field, "number", "Enter a whole number"))
        found.append(ticked)
    if errors:
        raise Invalid(*errors)
    return tuple(found)


def answers_about(product_id: UUID, distributor_id: UUID) -> Mapping[str, Any]:
    """Read the answers about a product, and about the components of a bundle under their ids; raises Invalid."""
    typed = typed_answers()
    product = session.get(Product, (distributor_id, product_id))
    if not typed or product is None:
        return {}
    product_type = session.get_one(ProductType, (distributor_id, product.product_type_id))
    answers: dict[str, Any]
    answers, errors = _read(product_type, typed)
    if product_type.kind is ProductKind.BUNDLE:
        for part, part_type in components_of(product.id):
            found, wrong = _read(part_type, typed, prefix=f"{part.id}.")
            errors += wrong
            if found:
                answers[str(part.id)] = found
    if errors:
        raise Invalid(*(FieldError(f"{PREFIX}{error.field}", error.code, error.message) for error in errors))
    return answers


def _read(
    product_type: ProductType, typed: Mapping[str, str], *, prefix: str = ""
) -> tuple[dict[str, Any], list[FieldError]]:
    asked = tuple(each for each in asked_of(product_type) if each.is_visible)
    answers, errors = read_answers(asked, typed, prefix=prefix)
    return dict(answers), errors
