"""How many of a product may be bought, offered, held or taken over: one rule for every way in (CB-01, CB-02, SF-26)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.catalogue.models import Product, ProductKind, ProductType, SaleMode
from app.core.errors import FieldError, Invalid

MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What a customer may have of a product, all in all, and in which steps it is sold. `most` below `least`: none."""

    least: int
    most: int
    step: int = 1

    @property
    def is_limited(self) -> bool:
        """Whether there is a most that anybody set."""
        return self.most < MOST

    @property
    def is_single(self) -> bool:
        """Whether it is sold once: there is no quantity to choose or to change."""
        return self.most == 1


def limits_of(product: Product, product_type: ProductType) -> Limits:
    """Return the narrower of a product's limits and its type's. Domains and reseller plans are sold once."""
    if product.plan_edition is not None or product_type.kind is ProductKind.DOMAIN:
        return Limits(1, 1)
    return Limits(
        max(product.min_quantity or 1, product_type.min_quantity or 1),
        min(product.max_quantity or MOST, product_type.max_quantity or MOST),
        product.step_quantity or 1,
    )


def quantity_errors(
    product: Product, product_type: ProductType, quantity: int, *, held: int = 0, field: str = "quantity"
) -> Iterator[FieldError]:
    """Say what is wrong with a quantity: `quantity_fixed`, `quantity_range`, `quantity_step`.

    `held` are there already: the limits are about the sum, the step about what is added.
    """
    limits = limits_of(product, product_type)
    least, most = max(limits.least - held, 1), limits.most - held
    if product.plan_edition is not None and quantity != 1:
        yield FieldError(field, "quantity_fixed", "A plan is bought once")
    elif most < least:
        yield FieldError(field, "quantity_range", "No more can be ordered")
    elif not least <= quantity <= most:
        words = f"Enter {least}" if most == least else f"Enter a quantity between {least:,} and {most:,}"
        yield FieldError(field, "quantity_range", words)
    elif quantity % limits.step:
        yield FieldError(field, "quantity_step", f"Enter a multiple of {limits.step}")


def sale_errors(product: Product, *, is_more: bool, field: str = "product") -> Iterator[FieldError]:
    """Say why buyers cannot order a product that they see: `more_licences_only`, `on_request` (SF-18).

    `is_more`: of what they have already. Staff may sell what buyers ask for.
    """
    if is_more or product.sale is SaleMode.OPEN:
        return
    if product.sale is SaleMode.MORE_LICENCES:
        words = f"{product.name} is not sold any more; you can add licences to a subscription of it"
        yield FieldError(field, "more_licences_only", words)
    else:
        yield FieldError(field, "on_request", f"{product.name} is sold on request; ask about it on its page")


def require_quantity(
    product: Product, product_type: ProductType, quantity: int, *, held: int = 0, field: str = "quantity"
) -> None:
    """Raise Invalid with what `quantity_errors` says."""
    if errors := list(quantity_errors(product, product_type, quantity, held=held, field=field)):
        raise Invalid(*errors)
