"""What staff answers about a product that is ordered: its characteristics, and those of a bundle's components (CB-18)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request

from app.catalogue.characteristics import Characteristic, asked_of, components_of, read_answers
from app.catalogue.models import Product, ProductKind, ProductType
from app.core.db import session
from app.core.errors import FieldError, Invalid

PREFIX = "characteristic-"
LONGEST = 500


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked about one product; `prefix` tells a bundle's components apart."""

    title: str | None
    prefix: str
    asked: tuple[Characteristic, ...]


def questions_about(product: Product) -> Sequence[Questions]:
    """Return what is asked about a product when it is ordered; empty where nothing is."""
    product_type = session.get_one(ProductType, (product.distributor_id, product.product_type_id))
    found = [Questions(None, "", asked_of(product_type))]
    if product_type.kind is ProductKind.BUNDLE:
        found += [Questions(part.name, f"{part.id}.", asked_of(kind)) for part, kind in components_of(product.id)]
    return [each for each in found if each.asked]


def typed_answers() -> dict[str, str]:
    """Return the answers as typed, by what stands behind the prefix."""
    return {
        name.removeprefix(PREFIX): value[: LONGEST + 1]
        for name, value in request.form.items()
        if name.startswith(PREFIX)
    }


def answers_about(product: Product) -> Mapping[str, Any]:
    """Read the answers of a form; what is missing only blocks the execution. Raises Invalid for what cannot be."""
    typed = typed_answers()
    answers: dict[str, Any] = {}
    errors: list[FieldError] = []
    for each in questions_about(product):
        found, wrong = read_answers(each.asked, typed, prefix=each.prefix)
        errors += wrong
        if not each.prefix:
            answers.update(found)
        elif found:
            answers[each.prefix.removesuffix(".")] = dict(found)
    if errors:
        raise Invalid(*(FieldError(f"{PREFIX}{error.field}", error.code, error.message) for error in errors))
    return answers


def shown_answers(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored answers as a form names them."""
    shown: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            shown.update({f"{name}.{inner}": each for inner, each in value.items()})
        else:
            shown[name] = value
    return shown


def chosen_options() -> tuple[str, ...]:
    """Return the codes of the ticked options."""
    return tuple(dict.fromkeys(code[:40] for code in request.form.getlist("option")))[:50]
