"""What products need and exclude, judged for a basket or an order and whoever receives it (CB-09, CB-10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar
from uuid import UUID

from sqlalchemy import select

from app.catalogue.models import Product, ProductType, RequiredMode
from app.catalogue.paths import is_upgrade
from app.catalogue.queries import products_by_id
from app.catalogue.relations import (
    Relation,
    Requirements,
    required_first,
    requirements_among,
    requirements_of,
    unmet,
)
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.subscriptions.models import Asset, Subscription, SubscriptionStatus
from app.subscriptions.queries import live_of_products
from tenants.context import current_scope

CANCELED = "canceled"
SERVES = (SubscriptionStatus.ACTIVE, SubscriptionStatus.PENDING_ACTIVATION)  # as a required product
HOLDS = (*SERVES, SubscriptionStatus.SUSPENDED, SubscriptionStatus.PENDING_CANCELLATION)  # as an exclusive one


class Ordered(Protocol):
    """An item of a basket or of an order."""

    @property
    def id(self) -> UUID:
        """Its id."""

    @property
    def subscription_id(self) -> UUID | None:
        """The subscription it adds licences to."""

    @property
    def parent_item_id(self) -> UUID | None:
        """The item of the same basket or order it is an add-on of."""


class OrderedLine(Protocol):
    """A line of a basket or of an order."""

    @property
    def item(self) -> Ordered:
        """The item."""

    @property
    def product(self) -> Product:
        """Its product."""

    @property
    def product_type(self) -> ProductType:
        """Its product's type."""


AnyLine = TypeVar("AnyLine", bound=OrderedLine)


@dataclass(frozen=True, slots=True)
class Blocking:
    """Why a product cannot be bought: another one that excludes it, owned or in the same basket."""

    product: Product
    subscription: Subscription | None  # None: it stands in the same basket
    is_upgradable: bool = False  # what is owned may become what was wanted
    is_same_type: bool = False  # its type is sold once per customer

    @property
    def code(self) -> str:
        """The stable code of the refusal."""
        if self.is_same_type:
            return "one_per_customer"
        return "exclusive_owned" if self.subscription is not None else "exclusive_in_basket"

    def sentence(self, wanted: Product) -> str:
        """Say so to the buyer."""
        if self.is_same_type:
            return f"{wanted.name} can be bought once; there is {self.product.name} already"
        if self.subscription is None:
            return f"{wanted.name} cannot be bought together with {self.product.name}"
        owned = f"{self.subscription.friendly_name} ({self.subscription.code})"
        if self.is_upgradable:
            return f"{wanted.name} cannot be bought beside {owned}; upgrade that subscription instead"
        return f"{wanted.name} cannot be bought beside {owned}"


class ProductExcluded(Invalid):
    """What was wanted cannot be owned beside something else."""

    def __init__(self, wanted: Product, blocking: Blocking) -> None:
        super().__init__(FieldError("product", blocking.code, blocking.sentence(wanted)))
        self.blocking = blocking


@dataclass(frozen=True, slots=True)
class Findings:
    """What stands against the lines of a basket or order, by item."""

    needed: Mapping[UUID, tuple[Product, ...]] = field(default_factory=dict)
    blocked: Mapping[UUID, Blocking] = field(default_factory=dict)

    def errors(self, line: OrderedLine, *, field: str = "product") -> Iterator[FieldError]:
        """Say what stands against one line."""
        if blocking := self.blocked.get(line.item.id):
            yield FieldError(field, blocking.code, blocking.sentence(line.product))
        if needed := self.needed.get(line.item.id):
            yield FieldError(field, "required_missing", needs_words(line.product, needed))


def needs_words(product: Product, needed: Sequence[Product]) -> str:
    """Say what a product needs."""
    names = ", ".join(each.name for each in needed)
    choice = "one of " if product.required_mode is RequiredMode.ANY and len(needed) > 1 else ""
    return f"{product.name} needs {choice}{names}"


def judge(
    lines: Sequence[OrderedLine], account_id: UUID | None, relations: Sequence[Relation] | None = None
) -> Findings:
    """Judge lines for their receiver; None: not known yet, so only what stands in the basket itself is judged.

    One statement where no product needs or excludes another, a few more where one does. `relations` are those of the
    lines' products where they were read already.
    """
    made = [line for line in lines if line.item.subscription_id is None]
    once = _bought_once(made, account_id)
    product_ids = {line.product.id for line in made}
    stated = requirements_of(product_ids) if relations is None else requirements_among(relations, product_ids)
    if not stated.others:
        return Findings(blocked=once)
    together = {line.product.id for line in made}
    owned = live_of_products(account_id, stated.others) if account_id is not None else ()
    blocked = _blocked(made, stated, owned)
    needed: dict[UUID, frozenset[UUID]] = {}
    if account_id is not None:
        serving = {each.product_id for each in owned if each.status in SERVES} | _assets(account_id, stated.others)
        for line in made:
            if left := unmet(line.product, stated, serving | together):
                needed[line.item.id] = left
    known = products_by_id(frozenset().union(*needed.values()))
    return Findings(
        {
            item_id: tuple(sorted((known[each] for each in left if each in known), key=lambda each: each.name))
            for item_id, left in needed.items()
        },
        {**once, **blocked},
    )


def requirement_errors(lines: Sequence[OrderedLine], account_id: UUID, *, field: str) -> Iterator[FieldError]:
    """Say everything that stands against an order for its receiver."""
    found = judge(lines, account_id)
    for line in lines:
        yield from found.errors(line, field=field)


def in_required_order(lines: Sequence[AnyLine]) -> Sequence[AnyLine]:
    """Return lines so that what is required, or has add-ons, is executed before what needs it.

    No statement for a single line.
    """
    if len(lines) < 2:  # noqa: PLR2004 - one is in order
        return lines
    product_ids = [line.product.id for line in lines]
    placed = [lines[place] for place in required_first(product_ids, requirements_of(product_ids))]
    mains = [line for line in placed if line.item.parent_item_id is None]
    here = {line.item.id for line in mains}
    below = [line for line in placed if line.item.parent_item_id is not None]
    first = [each for main in mains for each in (main, *(it for it in below if it.item.parent_item_id == main.item.id))]
    return [*first, *(line for line in below if line.item.parent_item_id not in here)]


def _blocked(
    lines: Sequence[OrderedLine], stated: Requirements, owned: Sequence[Subscription]
) -> Mapping[UUID, Blocking]:
    holding = {each.product_id: each for each in owned if each.status in HOLDS}
    products = products_by_id(
        {each for line in lines for each in stated.exclusive.get(line.product.id, ()) if each in holding}
    )
    found: dict[UUID, Blocking] = {}
    for line in lines:
        excluded = stated.exclusive.get(line.product.id, frozenset())
        for product_id in sorted(excluded & holding.keys() & products.keys(), key=str):
            offer = is_upgrade(product_id, line.product.id)
            found[line.item.id] = Blocking(products[product_id], holding[product_id], is_upgradable=offer)
            break
        else:
            beside = next((other for other in lines if other.product.id in excluded), None)
            if beside is not None:
                found[line.item.id] = Blocking(beside.product, None)
    return found


def _bought_once(lines: Sequence[OrderedLine], account_id: UUID | None) -> dict[UUID, Blocking]:
    """Return the lines of types that are sold once per customer, where there is one already. No statement without such."""
    single = [line for line in lines if line.product_type.one_per_customer]
    if not single:
        return {}
    found: dict[UUID, Blocking] = {}
    for line in single:
        beside = next(
            (other for other in single if other is not line and other.product_type.id == line.product_type.id), None
        )
        if beside is not None:
            found[line.item.id] = Blocking(beside.product, None, is_same_type=True)
    if account_id is not None:
        owned = session.execute(
            select(Subscription, Product)
            .join(
                Product,
                (Product.distributor_id == Subscription.distributor_id) & (Product.id == Subscription.product_id),
            )
            .where(
                Subscription.distributor_id == current_scope().distributor_id,
                Subscription.account_id == account_id,
                Subscription.status.in_(HOLDS),
                Product.product_type_id.in_({line.product_type.id for line in single}),
            )
        )
        for subscription, product in owned:
            for line in single:
                if line.product_type.id == product.product_type_id:
                    found[line.item.id] = Blocking(product, subscription, is_same_type=True)
    return found


def _assets(account_id: UUID, product_ids: frozenset[UUID]) -> set[UUID]:
    return set(
        session.scalars(
            select(Asset.product_id).where(
                Asset.distributor_id == current_scope().distributor_id,
                Asset.account_id == account_id,
                Asset.product_id.in_(product_ids),
                Asset.status != CANCELED,
            )
        )
    )
