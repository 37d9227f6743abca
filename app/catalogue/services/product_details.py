"""What a person says about a product, and what may be wrong with it (CB-02, SF-18)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select

from app.catalogue.bundles.services import is_bundle_type
from app.catalogue.models import (
    Audience,
    Category,
    Industry,
    PriceGroup,
    Product,
    ProductGroup,
    ProductKind,
    ProductType,
    SaleMode,
)
from app.core.db import session
from app.core.errors import FieldError
from tenants.context import current_scope

NAME_LENGTH, DESCRIPTION_LENGTH, TAX_CODE_LENGTH = 255, 4000, 40
SLUG_LENGTH, SLUG = 80, re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
MAX_QUANTITY = 1_000_000
MAX_TRIAL_DAYS, MAX_TRIAL_MONTHS = 365, 12


@dataclass(frozen=True, slots=True)
class ProductDetails:
    """What a person says about a product. Quantities are whole units, at most a million."""

    name: str
    product_type_id: UUID
    description: str = ""
    slug: str = ""  # its address in storefronts; empty: as it is, from the name for a new one
    category_id: UUID | None = None
    group_id: UUID | None = None
    industry_id: UUID | None = None
    price_group_id: UUID | None = None
    vendor: str = ""
    unit_of_measure: str = "licence"
    is_add_on: bool = False
    is_active: bool = True
    is_published: bool = False
    is_new: bool = False
    is_featured: bool = False
    is_popular: bool = False
    audience: Audience = Audience.EVERYONE
    min_quantity: int = 1
    max_quantity: int | None = None
    step_quantity: int = 1
    visible_from: date | None = None  # days of the storefront that shows it, both included
    visible_to: date | None = None
    sale: SaleMode = SaleMode.OPEN
    takes_enquiries: bool = False
    shows_price: bool = True  # False: only the basket tells it
    trial_days: int | None = None  # or months
    trial_months: int | None = None
    trial_max_quantity: int = 25
    is_taxable: bool = True
    tax_code: str = ""
    position: int = 0

    @property
    def has_trial(self) -> bool:
        """Whether a length was given."""
        return self.trial_days is not None or self.trial_months is not None


def columns_of(details: ProductDetails) -> dict[str, Any]:
    """Return what a product's columns become."""
    return {
        "name": details.name.strip(),
        "short_description": details.description.strip(),
        "product_type_id": details.product_type_id,
        "category_id": details.category_id,
        "group_id": details.group_id,
        "industry_id": details.industry_id,
        "price_group_id": details.price_group_id,
        "vendor": details.vendor.strip(),
        "unit_of_measure": details.unit_of_measure.strip() or "licence",
        "is_add_on": details.is_add_on,
        "is_active": details.is_active,
        "is_published": details.is_published,
        "is_new": details.is_new,
        "is_featured": details.is_featured,
        "is_popular": details.is_popular,
        "audience": details.audience,
        "min_quantity": details.min_quantity,
        "max_quantity": details.max_quantity,
        "step_quantity": details.step_quantity,
        "visible_from": details.visible_from,
        "visible_to": details.visible_to,
        "sale": details.sale,
        "takes_enquiries": details.takes_enquiries or details.sale is SaleMode.ENQUIRY,
        "shows_price": details.shows_price,
        "trial_days": details.trial_days,
        "trial_months": details.trial_months,
        "trial_max_quantity": details.trial_max_quantity,
        "is_taxable": details.is_taxable,
        "tax_code": details.tax_code.strip() or None,
        "position": details.position,
    }


def detail_errors(details: ProductDetails) -> list[FieldError]:
    """Say what is wrong with a product's fields, each by itself."""
    errors: list[FieldError] = []

    def check(is_right: bool, field: str, code: str, message: str) -> None:  # noqa: FBT001 - an assertion
        if not is_right:
            errors.append(FieldError(field, code, message))

    name, lowest, highest = details.name.strip(), details.min_quantity, details.max_quantity
    check(0 < len(name) <= NAME_LENGTH, "name", "name_length", f"Enter a name of 1 to {NAME_LENGTH} characters")
    check(
        len(details.description) <= DESCRIPTION_LENGTH,
        "description", "description_length", f"Enter at most {DESCRIPTION_LENGTH} characters",
    )  # fmt: skip
    check(1 <= lowest <= MAX_QUANTITY, "min_quantity", "quantity_range", "Enter a whole number from 1 to 1,000,000")
    check(
        highest is None or lowest <= highest <= MAX_QUANTITY,
        "max_quantity", "quantity_order", "Enter a number between the smallest quantity and 1,000,000",
    )  # fmt: skip
    check(
        1 <= details.step_quantity <= MAX_QUANTITY,
        "step_quantity",
        "quantity_range",
        "Enter a whole number from 1 to 1,000,000",
    )
    errors += _offer_errors(details)
    check(_exists(ProductType, details.product_type_id), "product_type_id", "type_unknown", "Choose a product type")
    check(
        details.category_id is None or _exists(Category, details.category_id),
        "category_id", "category_unknown", "Choose a category",
    )  # fmt: skip
    check(
        details.group_id is None or _exists(ProductGroup, details.group_id),
        "group_id",
        "group_unknown",
        "Choose a group",
    )
    for model, name in ((Industry, "industry"), (PriceGroup, "price_group")):
        chosen = getattr(details, f"{name}_id")
        words = name.replace("_", " ")
        check(chosen is None or _exists(model, chosen), f"{name}_id", f"{name}_unknown", f"Choose another {words}")
    check(
        1 <= details.trial_max_quantity <= MAX_QUANTITY,
        "trial_max_quantity",
        "quantity_range",
        "Enter a whole number from 1 to 1,000,000",
    )
    if is_bundle_type(details.product_type_id):
        check(not details.has_trial, "trial_days", "bundle_trial", "A bundle has no trial; its products may have")
        check(not details.is_add_on, "is_add_on", "bundle_add_on", "A bundle is not an add-on")
    if details.has_trial:
        is_domain = _exists(ProductType, details.product_type_id, ProductType.kind == ProductKind.DOMAIN)
        check(not is_domain, "trial_days", "domain_trial", "A domain name is registered by the year: it has no trial")
    return errors


def slug_errors(slug: str, product: Product | None) -> list[FieldError]:
    """Say what is wrong with the address somebody wants for a product; nothing with none."""
    if not slug:
        return []
    if len(slug) > SLUG_LENGTH or not SLUG.fullmatch(slug):
        words = f"Use up to {SLUG_LENGTH} small letters, digits and single dashes, such as mail-archive"
        return [FieldError("slug", "slug_invalid", words)]
    others = select(Product.id).where(Product.distributor_id == current_scope().distributor_id, Product.slug == slug)
    if product is not None:
        others = others.where(Product.id != product.id)
    taken = session.scalar(others.limit(1)) is not None
    return [FieldError("slug", "slug_taken", "Another product has this address")] if taken else []


def _offer_errors(details: ProductDetails) -> list[FieldError]:
    """Say what is wrong with trial, days on show and tax code."""
    errors: list[FieldError] = []
    for name, number, most in (
        ("trial_days", details.trial_days, MAX_TRIAL_DAYS),
        ("trial_months", details.trial_months, MAX_TRIAL_MONTHS),
    ):
        if number is not None and not 1 <= number <= most:
            words = f"Enter 1 to {most} {name.removeprefix('trial_')}, or leave it empty"
            errors.append(FieldError(name, "trial_range", words))
    if details.trial_days is not None and details.trial_months is not None:
        errors.append(FieldError("trial_months", "trial_twice", "Enter days or months, not both"))
    if details.has_trial and details.sale is not SaleMode.OPEN:
        errors.append(FieldError("sale", "trial_not_sold", "Nobody could go on after its trial; take the trial away"))
    if details.visible_from and details.visible_to and details.visible_to < details.visible_from:
        errors.append(FieldError("visible_to", "date_order", "Choose a day on or after the first one"))
    code = details.tax_code.strip()
    if len(code) > TAX_CODE_LENGTH or not code.isprintable():
        errors.append(FieldError("tax_code", "length", f"Use at most {TAX_CODE_LENGTH} characters"))
    return errors


def _exists(model: Any, row_id: UUID, *conditions: ColumnElement[bool]) -> bool:
    here = (model.distributor_id == current_scope().distributor_id, model.id == row_id)
    statement = select(model.id).where(*here, *conditions)
    return session.scalar(statement) is not None
