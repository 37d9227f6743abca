"""Bundles: several recurring products sold as one, at the sum of what each costs within it (CB-11).

A bundle's list prices and vendor costs are worked out from its components' and written like any other product's, so
that price lists, markups and quotes know nothing of bundles. They follow when a component's price moves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Uuid, any_, delete, func, literal, or_, select, update
from sqlalchemy.orm import aliased

from app.audit.services import Actor, record
from app.catalogue.bundles.models import BundleComponent, ComponentRule
from app.catalogue.models import BillingCycle, Product, ProductKind, ProductPrice, ProductType, Term, VendorCost
from app.catalogue.queries import get_product
from app.catalogue.units import instalments
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.core.money import round_unit
from app.core.versions import lock_at_version
from tenants.context import current_scope

HUNDRED = Decimal(100)
FEWEST, MOST = 2, 50
MAX_QUANTITY, MAX_AMOUNT = 10_000, Decimal("99999999.9999")
Key = tuple[Term, BillingCycle, str]


@dataclass(frozen=True, slots=True)
class Component:
    """One product of a bundle: how many per bundle, and by which rule. `value`: percent, or amount for all of them."""

    product_id: UUID
    quantity: int = 1
    rule: ComponentRule = ComponentRule.LIST
    value: Decimal | None = None


def component_price(price: Decimal, component: Component) -> Decimal:
    """Return what a component adds to its bundle's price per cycle, exact. 12.00 at -10 % gives 10.80."""
    match component.rule:
        case ComponentRule.FREE:
            return Decimal(0)
        case ComponentRule.FIXED:
            return component.value or Decimal(0)
        case ComponentRule.DISCOUNT:
            return price * component.quantity * (HUNDRED - (component.value or Decimal(0))) / HUNDRED
        case ComponentRule.LIST:
            return price * component.quantity


def components_of_bundle(bundle_id: UUID) -> Sequence[BundleComponent]:
    """Return a bundle's components in their order."""
    return session.scalars(_rows(BundleComponent.bundle_id == bundle_id)).all()


def set_components(bundle_id: UUID, wanted: Sequence[Component], *, version: int, actor: Actor, at: datetime) -> None:
    """Say what a bundle holds; its prices follow. A bundle without a price takes the first component's units.

    What was bought keeps its content. Raises ProductNotFound, StaleVersion, Invalid. Needs the distributor's scope.
    """
    bundle = get_product(bundle_id)
    lock_at_version(bundle, version, name=bundle.name)
    prices = _prices_of([bundle_id, *(each.product_id for each in wanted)])
    keys = set(prices.get(bundle_id, {})) or (set(prices.get(wanted[0].product_id, {})) if wanted else set())
    if errors := [*_errors(bundle, wanted, keys, prices)]:
        raise Invalid(*errors)
    before = [str(each.product_id) for each in components_of_bundle(bundle_id)]
    session.execute(
        delete(BundleComponent)
        .where(BundleComponent.distributor_id == bundle.distributor_id, BundleComponent.bundle_id == bundle_id)
        .execution_options(synchronize_session="fetch")
    )
    for position, each in enumerate(wanted):
        session.add(
            BundleComponent(
                bundle_id=bundle_id,
                product_id=each.product_id,
                quantity=each.quantity,
                rule=each.rule,
                value=each.value if each.rule in (ComponentRule.DISCOUNT, ComponentRule.FIXED) else None,
                position=position,
            )
        )
    for term, cycle, currency in keys - set(prices.get(bundle_id, {})):
        session.add(
            ProductPrice(product_id=bundle_id, term=term, cycle=cycle, currency=currency, list_price=Decimal(0))
        )
    session.flush()
    if len(wanted) < FEWEST:
        bundle.is_published = False
    bundle.version, bundle.updated_at = bundle.version + 1, at
    reprice_bundles([bundle_id], are_bundles=True)
    record("catalogue.bundle_changed", actor=actor, at=at, target_kind="product", target_id=bundle_id,
           before={"components": before}, after={"components": [str(each.product_id) for each in wanted]})  # fmt: skip


def reprice_bundles(product_ids: Collection[UUID], *, are_bundles: bool = False) -> frozenset[UUID]:
    """Work the prices out of bundles that hold some products, or of the bundles named; returns the bundles.

    A price that a component no longer has stays as it was.
    """
    if not product_ids:
        return frozenset()
    column = BundleComponent.bundle_id if are_bundles else BundleComponent.product_id
    held = select(BundleComponent.bundle_id).where(
        BundleComponent.distributor_id == current_scope().distributor_id,
        column == any_(literal(list(product_ids), ARRAY(Uuid))),
    )
    rows = session.scalars(_rows(BundleComponent.bundle_id.in_(held))).all()
    if not rows:
        return frozenset()
    by_bundle: dict[UUID, list[Component]] = {}
    for row in rows:
        by_bundle.setdefault(row.bundle_id, []).append(Component(row.product_id, row.quantity, row.rule, row.value))
    involved = {*by_bundle, *(row.product_id for row in rows)}
    prices, costs = _prices_of(involved), _costs_of(involved)
    for bundle_id, components in by_bundle.items():
        for key, price in prices.get(bundle_id, {}).items():
            _reprice(bundle_id, key, price, components, prices, costs)
    session.flush()
    return frozenset(by_bundle)


def publishing_errors(bundle_id: UUID) -> Iterator[FieldError]:
    """Say why a bundle cannot be published: fewer than two components, or one that is not published (CB-F29)."""
    rows = session.execute(
        select(Product.name, Product.is_published, Product.is_active)
        .join(
            BundleComponent,
            (BundleComponent.distributor_id == Product.distributor_id) & (BundleComponent.product_id == Product.id),
        )
        .where(Product.distributor_id == current_scope().distributor_id, BundleComponent.bundle_id == bundle_id)
        .order_by(BundleComponent.position)
    ).all()
    if len(rows) < FEWEST:
        yield FieldError("is_published", "bundle_too_small", "A bundle needs at least two products to be published")
    for name, is_published, is_active in rows:
        if not (is_published and is_active):
            yield FieldError("is_published", "component_unpublished", f"Publish {name} first: the bundle holds it")


def is_bundle_type(type_id: UUID) -> bool:
    """Whether products of a type are bundles."""
    statement = select(ProductType.kind).where(
        ProductType.distributor_id == current_scope().distributor_id, ProductType.id == type_id
    )
    return session.scalar(statement) is ProductKind.BUNDLE


def is_publishable() -> ColumnElement[bool]:
    """Return the condition on `Product` that it is no bundle, or one whose components are all published."""
    bundle_types = select(ProductType.id).where(
        ProductType.distributor_id == Product.distributor_id,
        ProductType.id == Product.product_type_id,
        ProductType.kind == ProductKind.BUNDLE,
    )
    held = aliased(Product)
    parts = (
        select(func.count())
        .select_from(BundleComponent)
        .join(held, (held.distributor_id == BundleComponent.distributor_id) & (held.id == BundleComponent.product_id))
        .where(BundleComponent.distributor_id == Product.distributor_id, BundleComponent.bundle_id == Product.id)
    )
    shown = parts.where(held.is_published, held.is_active).correlate(Product).scalar_subquery()
    total = parts.correlate(Product).scalar_subquery()
    return or_(~bundle_types.correlate(Product).exists(), (total >= FEWEST) & (total == shown))


def unpublish_bundles_of_hidden(*, at: datetime) -> int:
    """Take bundles out of storefronts that hold a product which is not published any more."""
    hidden = aliased(Product)
    holders = (
        select(BundleComponent.bundle_id)
        .join(
            hidden,
            (hidden.distributor_id == BundleComponent.distributor_id) & (hidden.id == BundleComponent.product_id),
        )
        .where(
            BundleComponent.distributor_id == current_scope().distributor_id,
            or_(~hidden.is_published, ~hidden.is_active),
        )
    )
    found = session.scalars(
        select(Product.id).where(
            Product.distributor_id == current_scope().distributor_id, Product.is_published, Product.id.in_(holders)
        )
    ).all()
    if found:
        session.execute(
            update(Product)
            .where(Product.distributor_id == current_scope().distributor_id, Product.id.in_(found))
            .values(is_published=False, version=Product.version + 1, updated_at=at)
            .execution_options(synchronize_session="fetch")
        )
    return len(found)


def _errors(
    bundle: Product,
    wanted: Sequence[Component],
    keys: AbstractSet[Key],
    prices: Mapping[UUID, Mapping[Key, ProductPrice]],
) -> Iterable[FieldError]:
    kinds = _kinds([bundle.id, *(each.product_id for each in wanted)])
    if kinds[bundle.id][1] is not ProductKind.BUNDLE:
        yield FieldError("components", "not_a_bundle", f"{bundle.name} is not a bundle; its type says so")
        return
    if len(wanted) > MOST:
        yield FieldError("components", "too_many", f"A bundle holds at most {MOST} products")
    if len({each.product_id for each in wanted}) < len(wanted):
        yield FieldError("components", "component_twice", "A product stands in the bundle twice; raise its quantity")
    is_single = len({(cycle, currency) for _, cycle, currency in keys}) <= 1
    for each in wanted:
        if each.product_id not in kinds:
            yield FieldError("components", "product_unknown", "Choose products of the catalogue")
            continue
        name, kind = kinds[each.product_id]
        if kind is not ProductKind.SUBSCRIPTION:
            words = "A bundle cannot hold another bundle" if kind is ProductKind.BUNDLE else f"{name} is not recurring"
            yield FieldError("components", "component_kind", words)
            continue
        yield from _line_errors(each, name, is_single=is_single)
        for term, cycle, currency in sorted(keys - set(prices.get(each.product_id, {})), key=str):
            unit = f"{term.value}, billed {cycle.value}, in {currency}"
            yield FieldError("components", "unit_not_offered", f"{name} has no price for {unit}, as the bundle has")
    if wanted and not keys:
        yield FieldError("components", "no_price", "Give the first product a price before you bundle it")


def _line_errors(component: Component, name: str, *, is_single: bool) -> Iterator[FieldError]:
    value = component.value
    if not 1 <= component.quantity <= MAX_QUANTITY:
        yield FieldError("components", "quantity_range", f"{name}: enter a quantity from 1 to {MAX_QUANTITY:,}")
    if component.rule is ComponentRule.DISCOUNT and (value is None or not 0 <= value <= HUNDRED):
        yield FieldError("components", "percent_range", f"{name}: a discount is 0 to 100 %")
    if component.rule is ComponentRule.FIXED:
        if value is None or not 0 <= value <= MAX_AMOUNT:
            yield FieldError("components", "amount_range", f"{name}: enter an amount of 0 or more")
        if not is_single:
            message = f"{name}: a fixed amount needs a bundle with one billing plan and currency; use a discount"
            yield FieldError("components", "fixed_needs_one_unit", message)


def _reprice(
    bundle_id: UUID,
    key: Key,
    price: ProductPrice,
    components: Sequence[Component],
    prices: Mapping[UUID, Mapping[Key, ProductPrice]],
    costs: Mapping[UUID, Mapping[Key, VendorCost]],
) -> None:
    parts = [prices.get(each.product_id, {}).get(key) for each in components]
    if any(part is None for part in parts):
        return
    term, cycle, currency = key
    times = instalments(term, cycle) or 1
    total = sum(
        (component_price(part.list_price, each) for part, each in zip(parts, components, strict=True) if part),
        Decimal(0),
    )
    price.list_price, price.term_list_price = round_unit(total), round_unit(total * times)
    own = [costs.get(each.product_id, {}).get(key) for each in components]
    if any(cost is None for cost in own):
        return
    spent = sum(
        (cost.vendor_cost * each.quantity for cost, each in zip(own, components, strict=True) if cost), Decimal(0)
    )
    found = costs.get(bundle_id, {}).get(key)
    if found is None:
        found = VendorCost(product_id=bundle_id, term=term, cycle=cycle, currency=currency)
        session.add(found)
    found.vendor_cost, found.term_vendor_cost = round_unit(spent), round_unit(spent * times)


def _rows(*conditions: ColumnElement[bool]) -> Select[BundleComponent]:
    return (
        select(BundleComponent)
        .where(BundleComponent.distributor_id == current_scope().distributor_id, *conditions)
        .order_by(BundleComponent.position, BundleComponent.id)
    )


def _prices_of(product_ids: Collection[UUID]) -> Mapping[UUID, Mapping[Key, ProductPrice]]:
    found: dict[UUID, dict[Key, ProductPrice]] = {}
    rows = session.scalars(
        select(ProductPrice).where(
            ProductPrice.distributor_id == current_scope().distributor_id,
            ProductPrice.product_id.in_(set(product_ids)),
            ~ProductPrice.is_withdrawn,
        )
    )
    for row in rows:
        found.setdefault(row.product_id, {})[row.term, row.cycle, row.currency] = row
    return found


def _costs_of(product_ids: Collection[UUID]) -> Mapping[UUID, Mapping[Key, VendorCost]]:
    found: dict[UUID, dict[Key, VendorCost]] = {}
    rows = session.scalars(
        select(VendorCost).where(
            VendorCost.distributor_id == current_scope().distributor_id, VendorCost.product_id.in_(set(product_ids))
        )
    )
    for row in rows:
        found.setdefault(row.product_id, {})[row.term, row.cycle, row.currency] = row
    return found


def _kinds(product_ids: Collection[UUID]) -> Mapping[UUID, tuple[str, ProductKind]]:
    rows = session.execute(
        select(Product.id, Product.name, ProductType.kind)
        .join(
            ProductType,
            (ProductType.distributor_id == Product.distributor_id) & (ProductType.id == Product.product_type_id),
        )
        .where(Product.distributor_id == current_scope().distributor_id, Product.id.in_(set(product_ids)))
    )
    return {row.id: (row.name, row.kind) for row in rows}
