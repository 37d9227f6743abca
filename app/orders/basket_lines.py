"""What a basket's page shows of each item: product, today's price, and what stands in the way of checkout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from app.catalogue.characteristics import Characteristic, asked_of
from app.catalogue.charging import PriceOption, options_of
from app.catalogue.models import BillingCycle, Product, ProductType
from app.core.errors import FieldError
from app.orders.models import Basket, BasketItem
from app.orders.requirements import Blocking
from app.pricing.models import Promotion
from app.pricing.quotes import ExplainedPrice, PriceKey
from app.subscriptions.models import Subscription

ONCE_LAST = 1_000  # one-off purchases have a cycle of 0 months


@dataclass(frozen=True, slots=True)
class BasketLine:
    """One item with its product and today's price; `price` None: it cannot be bought any more."""

    item: BasketItem
    product: Product
    product_type: ProductType
    price: ExplainedPrice | None  # of one unit; never handed to a customer's page: use `unit_price`
    line_total: Decimal | None  # with tiers, options and promotion, rounded once
    problems: tuple[FieldError, ...] = ()
    subscription: Subscription | None = None  # the one it adds licences to, or is an add-on for
    changed_from: Decimal | None = None  # the price as last shown, where it is another one now
    promotion: Promotion | None = None  # what lowers it
    needed: tuple[Product, ...] = ()  # what has to be bought with it
    blocking: Blocking | None = None  # what excludes it
    part_questions: tuple[tuple[Product, tuple[Characteristic, ...]], ...] = ()  # about a bundle's components
    main: Product | None = None  # the product above it, which it is an add-on of
    is_quantity_linked: bool = False  # as many as of that product

    @property
    def key(self) -> PriceKey:
        """What it is priced by."""
        return PriceKey(self.item.product_id, self.item.term, self.item.cycle)

    @property
    def unit_price(self) -> Decimal | None:
        """The buyer's price per unit and cycle."""
        return self.price.unit_price if self.price else None

    @property
    def asked(self) -> tuple[Characteristic, ...]:
        """What its buyer is asked about it."""
        return tuple(each for each in asked_of(self.product_type) if each.is_visible)

    @property
    def options(self) -> tuple[PriceOption, ...]:
        """What can be chosen with it."""
        currency = self.price.currency if self.price is not None else ""
        return tuple(each for each in options_of(self.product) if each.fits(currency))


@dataclass(frozen=True, slots=True)
class BasketView:
    """A basket as its page shows it."""

    basket: Basket
    lines: tuple[BasketLine, ...]
    currency: str
    problems: tuple[FieldError, ...] = field(default=())
    code_problem: FieldError | None = None  # why the code it was given does not count any more

    @property
    def net_total(self) -> Decimal:
        """The sum of rounded lines; what cannot be bought counts nothing."""
        return sum((line.line_total for line in self.lines if line.line_total is not None), Decimal(0))

    @property
    def cycle_totals(self) -> Sequence[tuple[BillingCycle, Decimal]]:
        """What is due per billing cycle, the shortest first, one-off last: a total of mixed cycles says little."""
        totals: dict[BillingCycle, Decimal] = {}
        for line in self.lines:
            if line.line_total is not None:
                totals[line.item.cycle] = totals.get(line.item.cycle, Decimal(0)) + line.line_total
        return sorted(totals.items(), key=lambda pair: pair[0].months or ONCE_LAST)

    @property
    def is_blocked(self) -> bool:
        """Whether something must be repaired before checkout."""
        return not self.lines or any(line.problems for line in self.lines)

    @property
    def plan_lines(self) -> Sequence[BasketLine]:
        """Lines that ask for a storefront alias."""
        return [line for line in self.lines if line.product.plan_edition]
