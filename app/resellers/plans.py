"""Reseller plans as products: putting them on sale, who may have one, switching between them (RS-04, RS-05, RS-10)."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import defer

from app.accounts.models import Account
from app.accounts.queries import get_account, get_account_for_update
from app.audit.services import Actor, record
from app.catalogue.models import (
    Audience,
    BillingCycle,
    Product,
    ProductKind,
    ProductPrice,
    ProductType,
    Term,
)
from app.core.db import session
from app.pricing.models import PriceList, PriceListEntry, PriceRule
from app.resellers.aliases import hold_alias, live_alias, require_alias
from app.resellers.errors import (
    PlanAlreadyActive,
    PlanNotLive,
    PlanNotOffered,
    PlanPendingCancellation,
    ResellerRequired,
    SamePlan,
    quantity_fixed,
)
from app.subscriptions.models import Subscription, SubscriptionStatus
from tenants.context import current_scope
from tenants.models import Distributor
from tenants.settings import distributor_settings, distributor_settings_for_change, save_distributor_settings

PRODUCT_TYPE = "reseller_plan"
ENDED = (SubscriptionStatus.CANCELED, SubscriptionStatus.EXPIRED)
IN_USE = frozenset({SubscriptionStatus.ACTIVE, SubscriptionStatus.PENDING_CANCELLATION})


class Edition(enum.Enum):
    """What a reseller may do (RS-01). Basic is the edition without a live plan."""

    BASIC = "basic"
    FREE = "free"
    STANDARD = "standard"

    @property
    def rank(self) -> int:
        """Higher may do more: tells an upgrade from a downgrade."""
        return ("basic", "free", "standard").index(self.value)


@dataclass(frozen=True, slots=True)
class PlanPrices:
    """List prices of the Standard plan per cycle, in the distributor's currency. Free is 0.00 by definition."""

    standard_monthly: Decimal
    standard_annual: Decimal


@dataclass(frozen=True, slots=True)
class PlanText:
    """How a plan is introduced until the distributor words it differently."""

    edition: Edition
    name: str
    description: str
    features: tuple[str, ...]


PLAN_TEXTS = (
    PlanText(
        Edition.FREE,
        "Free storefront",
        "A storefront under your own name, at no charge.",
        (
            "Your own storefront under an alias",
            "Your logo, colours and homepage",
            "Your own choice of products and prices",
            "Sign-in and order approval for your customers",
            "API: read",
        ),
    ),
    PlanText(
        Edition.STANDARD,
        "Standard storefront",
        "A storefront entirely under your own name, with your own domain.",
        (
            "Everything in Free",
            "Your own domain",
            "No mention of us in the footer",
            "API: read and write",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """One plan somebody wants to order. `switches_id` is the live plan subscription it takes the place of, if any."""

    account_id: UUID
    product_id: UUID
    quantity: int = 1
    alias: str | None = None
    switches_id: UUID | None = None


def features_of(edition: Edition) -> tuple[str, ...]:
    """Return what a plan gives, as sentences for its card."""
    return next((text.features for text in PLAN_TEXTS if text.edition is edition), ())


def activate_reseller_plans(prices: PlanPrices, *, actor: Actor, at: datetime) -> Sequence[Product]:
    """Switch the service manager "Reseller plans" on and return its two products; they start unpublished (RS-04).

    Needs the distributor's scope. A second call switches on again and leaves names, texts and prices as they are.
    """
    here = current_scope()
    currency = session.scalar(select(Distributor.currency).where(Distributor.id == here.distributor_id)) or "EUR"
    kind = session.scalar(
        select(ProductType).where(
            ProductType.distributor_id == here.distributor_id, ProductType.kind == ProductKind.RESELLER_PLAN
        )
    )
    if kind is None:
        kind = ProductType(name=PRODUCT_TYPE, kind=ProductKind.RESELLER_PLAN, created_at=at)
        session.add(kind)
        session.flush()
    known = {product.plan_edition: product for product in plan_products()}
    made: list[Product] = []
    for text in PLAN_TEXTS:
        product = known.get(text.edition.value)
        if product is not None:
            product.is_active, product.updated_at = True, at
        else:
            made.append(_new_product(text, kind.id, at))
    session.add_all(made)
    session.flush()
    _set_prices(prices, currency)
    session.flush()
    _enter_default_lists(made, currency)
    save_distributor_settings(replace(distributor_settings_for_change(), reseller_plans_active=True))
    session.flush()
    record("reseller_plans.activated", actor=actor, at=at)
    return plan_products()


def deactivate_reseller_plans(*, actor: Actor, at: datetime) -> None:
    """Switch the service manager off: plans are hidden and cannot be ordered; live ones go on (RS-04)."""
    for product in plan_products():
        product.is_active, product.updated_at = False, at
    save_distributor_settings(replace(distributor_settings_for_change(), reseller_plans_active=False))
    session.flush()
    record("reseller_plans.deactivated", actor=actor, at=at)


def plan_products() -> Sequence[Product]:
    """Return the products that are plans, in whatever state, the smallest first."""
    found = session.scalars(
        select(Product).where(
            Product.distributor_id == current_scope().distributor_id, Product.plan_edition.is_not(None)
        )
    ).all()
    return sorted(found, key=lambda product: edition_of(product).rank)


def publish_plan(product_id: UUID, *, is_published: bool, actor: Actor, at: datetime) -> Product:
    """Offer a plan in the distributor's storefront, or stop offering it. Raises PlanNotOffered for other products."""
    product = next((each for each in plan_products() if each.id == product_id), None)
    if product is None:
        raise PlanNotOffered
    product.is_published, product.updated_at = is_published, at
    record(
        "reseller_plans.published" if is_published else "reseller_plans.hidden",
        actor=actor, at=at, target_kind="product", target_id=product.id,
    )  # fmt: skip
    return product


def offered_plans() -> Sequence[Product]:
    """Return the plans on sale, the smallest first: service manager on, published and active. Prices are the caller's."""
    if not distributor_settings().reseller_plans_active:
        return ()
    return [product for product in plan_products() if product.is_active and product.is_published]


def plans_for_back_office() -> Sequence[Product]:
    """Return the plans BSS may sell: as `offered_plans`, unpublished ones too."""
    if not distributor_settings().reseller_plans_active:
        return ()
    return [product for product in plan_products() if product.is_active]


def edition_of(product: Product) -> Edition:
    """Return the edition a plan product gives; raises PlanNotOffered for other products."""
    if product.plan_edition is None:
        raise PlanNotOffered
    return Edition(product.plan_edition)


def live_plan(account_id: UUID) -> Subscription | None:
    """Return the account's plan subscription that is, or is about to be, in use."""
    return session.scalar(
        select(Subscription)
        .options(defer(Subscription.unit_price))  # back-office pages ask too, and they select no buyer's price
        .where(
            Subscription.distributor_id == current_scope().distributor_id,
            Subscription.account_id == account_id,
            Subscription.plan_edition.is_not(None),
            Subscription.status.not_in(ENDED),
        )
    )


def has_dead_plan(account_id: UUID) -> bool:
    """Whether the account had a plan and has none in use: canceled, expired or suspended ones give no rights (RS-30).

    A storefront that was opened without a plan lives by its own state alone.
    """
    states = session.scalars(
        select(Subscription.status).where(
            Subscription.distributor_id == current_scope().distributor_id,
            Subscription.account_id == account_id,
            Subscription.plan_edition.is_not(None),
        )
    ).all()
    return bool(states) and IN_USE.isdisjoint(states)


def check_plan(request: PlanRequest, *, at: datetime) -> Product:
    """Refuse a plan that could not be executed, and return its product. Nothing is changed.

    Raises PlanNotOffered (404), ResellerRequired (403), PlanAlreadyActive, SamePlan, PlanPendingCancellation (409) and
    Invalid `quantity_fixed`, `alias_required`, `invalid`, `reserved`, `taken` (422).
    """
    account = get_account(request.account_id)
    product = _orderable(request, account)
    if needs_alias(account.id):
        require_alias(request.alias, reseller_id=account.id, at=at)
    return product


def claim_plan(order_item_id: UUID, request: PlanRequest, *, at: datetime) -> Product:
    """Check a plan again at its execution and secure its alias, so that of two executions only one goes on (RS-08).

    The account stays locked until the caller commits. Needs the distributor's scope; raises as `check_plan`, and
    Invalid `alias_taken` where the alias was lost.
    """
    account = get_account_for_update(request.account_id)
    product = _orderable(request, account)
    if needs_alias(account.id):
        hold_alias(order_item_id, request.alias, reseller_id=account.id, at=at)
    return product


def needs_alias(account_id: UUID) -> bool:
    """Whether a plan for this account asks for an alias; a storefront that answers keeps the one it has (RS-07)."""
    return live_alias(account_id) is None


def _orderable(request: PlanRequest, account: Account) -> Product:
    product = session.scalar(
        select(Product).where(
            Product.distributor_id == current_scope().distributor_id, Product.id == request.product_id
        )
    )
    if product is None or not product.is_active or not distributor_settings().reseller_plans_active:
        raise PlanNotOffered
    wanted = edition_of(product)
    if not account.is_reseller:
        raise ResellerRequired
    if request.quantity != 1:
        raise quantity_fixed()
    current = live_plan(account.id)
    if current is None:
        if request.switches_id is not None:
            raise PlanNotLive(request.switches_id)
        return product
    if request.switches_id != current.id:
        raise PlanAlreadyActive(current.plan_edition or "")
    if current.status is SubscriptionStatus.PENDING_CANCELLATION:
        raise PlanPendingCancellation
    if current.plan_edition == wanted.value:
        raise SamePlan(wanted.value)
    return product


def _new_product(text: PlanText, product_type_id: UUID, at: datetime) -> Product:
    code = f"PLAN-{text.edition.value.upper()}"
    return Product(
        code=code,
        code_key=code.lower(),
        name=text.name,
        slug=f"{text.edition.value}-storefront",
        search_text=f"{text.name} {code}".lower(),
        short_description=text.description,
        product_type_id=product_type_id,
        unit_of_measure="plan",
        plan_edition=text.edition.value,
        audience=Audience.RESELLERS,
        is_published=False,
        max_quantity=1,
        created_at=at,
        updated_at=at,
    )


def _enter_default_lists(made: Sequence[Product], currency: str) -> None:
    """Offer new plans at their list price to whoever pays by a default list; other lists name a price of their own."""
    default_lists = session.scalars(
        select(PriceList.id).where(
            PriceList.distributor_id == current_scope().distributor_id,
            PriceList.is_default,
            PriceList.currency == currency,
        )
    ).all()
    for product in made:
        prices = session.scalars(select(ProductPrice).where(ProductPrice.product_id == product.id)).all()
        session.add_all(
            PriceListEntry(
                price_list_id=list_id,
                product_id=product.id,
                term=price.term,
                cycle=price.cycle,
                rule=PriceRule.SAME,
                price=price.list_price,
            )
            for list_id in default_lists
            for price in prices
        )


def _set_prices(prices: PlanPrices, currency: str) -> None:
    amounts = {
        Edition.FREE: ((Term.P1M, BillingCycle.MONTHLY, Decimal(0)),),
        Edition.STANDARD: (
            (Term.P1M, BillingCycle.MONTHLY, prices.standard_monthly),
            (Term.P1Y, BillingCycle.ANNUAL, prices.standard_annual),
        ),
    }
    for product in plan_products():
        priced = session.scalar(select(ProductPrice.id).where(ProductPrice.product_id == product.id).limit(1))
        if priced is not None:
            continue
        session.add_all(
            ProductPrice(product_id=product.id, term=term, cycle=cycle, currency=currency, list_price=amount)
            for term, cycle, amount in amounts[edition_of(product)]
        )
