"""What a trial of a configurable product begins with: initial values of what is asked when it is ordered (CB-12).

Customers are asked for what has no initial value, and for the rest too where the product lets them alter it; staff may
set everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.catalogue.characteristics import Characteristic, asked_of, missing, read_answers
from app.catalogue.models import Product, ProductKind, ProductType
from app.catalogue.queries import get_product_type
from app.core.errors import FieldError, Invalid

FIELD = "characteristic-"
WITHOUT_TRIAL = frozenset({ProductKind.BUNDLE, ProductKind.DOMAIN})


def initial_resources(product: Product, product_type: ProductType) -> dict[str, Any]:
    """Return the initial values by characteristic id; of what the type no longer asks, none."""
    asked = {each.id for each in asked_of(product_type)}
    return {name: value for name, value in product.trial_resources.items() if name in asked}


def asked_of_trial(product: Product, product_type: ProductType, *, by_customer: bool) -> tuple[Characteristic, ...]:
    """Return what who starts a trial may answer."""
    asked = asked_of(product_type)
    if not by_customer:
        return asked
    initial = initial_resources(product, product_type)
    return tuple(each for each in asked if each.is_visible and (product.trial_alters or each.id not in initial))


def resources_of_trial(
    product: Product, product_type: ProductType, typed: Mapping[str, str], *, by_customer: bool
) -> dict[str, Any]:
    """Return the values a trial begins with, by characteristic id; `typed` are the answers as they were typed.

    What was not sent keeps its initial value, what nobody may answer too. Raises Invalid at `characteristic-<id>`: a
    wrong value, or none where one is needed. A customer cannot lack what storefronts do not show.
    """
    asked = [each for each in asked_of_trial(product, product_type, by_customer=by_customer) if each.id in typed]
    answers, errors = read_answers(asked, typed)
    answered = {each.id for each in asked}
    kept = {name: value for name, value in initial_resources(product, product_type).items() if name not in answered}
    values = {**kept, **answers}
    wrong = {error.field for error in errors}
    errors += [
        FieldError(each.id, "characteristic_required", f"{each.name} is needed")
        for each in missing(product_type, product, values)
        if each.id not in wrong and (each.is_visible or not by_customer)
    ]
    if errors:
        raise Invalid(*(FieldError(f"{FIELD}{error.field}", error.code, error.message) for error in errors))
    return values


def is_configurable(product: Product) -> bool:
    """Whether something is asked when the product is ordered; a bundle and a domain name have no trial."""
    product_type = get_product_type(product.product_type_id)
    return product_type.kind not in WITHOUT_TRIAL and bool(asked_of(product_type))
