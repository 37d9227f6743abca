"""Trials: free, for a time, once per product and account (CB-12). What they ask of vendors and charge: `app.changes.trials`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import literal, select
from sqlalchemy.dialects.postgresql import insert

from app.accounts.models import Account, AccountStatus
from app.audit.services import Actor, record
from app.audit.shown import shown_name
from app.catalogue.models import BillingCycle, Product, ProductType, SaleMode, Term
from app.catalogue.quantities import quantity_errors
from app.catalogue.queries import get_product_type
from app.catalogue.trial_resources import WITHOUT_TRIAL, resources_of_trial
from app.catalogue.words import trial_words
from app.core.db import nudge_after_commit, session
from app.core.errors import Conflict, FieldError, Invalid, NotFound
from app.core.ids import new_id
from app.core.queue import Nudge
from app.pricing.catalogue_page import offered_ids
from app.pricing.offered import LISTINGS
from app.pricing.quotes import Buyer, PriceKey, buyer_prices
from app.subscriptions.jobs import OPEN_TRIAL
from app.subscriptions.models import (
    SUBSCRIPTION_NUMBERS,
    PriceLabel,
    Subscription,
    SubscriptionCost,
    SubscriptionStatus,
    SyncStatus,
)
from app.subscriptions.periods import ONE_DAY, add_months
from app.subscriptions.price_models import Trial
from app.subscriptions.services import add_event
from tenants.context import current_scope

GRACE = timedelta(days=14)  # after its last day a trial can still be converted; then the vendor removes it
MAX_EXTENSIONS = 2
MAX_DAYS_ADDED = 90
MOST_DAYS_AT_ONCE = 365
MAX_NAME = 100
NOTHING = Decimal(0)
NO_RULE = "trial"
RUNNING = (
    SubscriptionStatus.PENDING_ACTIVATION,
    SubscriptionStatus.ACTIVE,
    SubscriptionStatus.SUSPENDED,
    SubscriptionStatus.PENDING_CANCELLATION,
)


class TrialNotFound(NotFound):
    """There is no such trial for this caller."""

    def __init__(self, reference: object) -> None:
        super().__init__(f"There is no trial {reference}")


class TrialNotOffered(NotFound):
    """The product has no trial, or is not sold to this buyer."""

    def __init__(self) -> None:
        super().__init__("There is no trial of this product")


class TrialAlreadyUsed(Conflict):
    """The account has had its one trial of this product."""

    code = "trial_already_used"

    def __init__(self, product_name: str) -> None:
        super().__init__(f"The trial of {product_name} was already used")


class ProductAlreadyOwned(Conflict):
    """The account has the product: there is nothing to try."""

    code = "already_owned"

    def __init__(self, product_name: str) -> None:
        super().__init__(f"There is already a subscription of {product_name}")


class NoTrial(Conflict):
    """The subscription is no trial that runs, or may still be converted."""

    code = "no_trial"

    def __init__(self, code: str) -> None:
        super().__init__(f"{code} is not a trial that can be changed now")


@dataclass(frozen=True, slots=True)
class NewTrial:
    """What a trial is asked for with. `storefront_id` None: staff start it in BSS."""

    account: Account
    payer_id: UUID
    product_id: UUID
    quantity: int
    friendly_name: str
    storefront_id: UUID | None
    contact_email: str
    requested_by: Actor
    typed: Mapping[str, str] = field(default_factory=dict)  # answers as typed, by characteristic id


def request_trial(new: NewTrial, *, buyer: Buyer, at: datetime) -> Trial:
    """Write down that a trial shall begin; a job of the distributor opens it. Works in the buyer's own scope.

    Raises TrialNotOffered, TrialAlreadyUsed, ProductAlreadyOwned, Invalid `quantity_range`, `quantity_step`,
    `length`, `account_not_active`, and what `resources_of_trial` refuses.
    """
    product = trial_product(new.product_id, buyer)
    key = first_price(product.id, buyer)
    account = new.account
    product_type = session.get_one(ProductType, (product.distributor_id, product.product_type_id))
    errors, resources = list(_errors(new, product, product_type)), {}
    try:
        resources = resources_of_trial(product, product_type, new.typed, by_customer=new.storefront_id is not None)
    except Invalid as refusal:
        errors += refusal.errors
    if errors:
        raise Invalid(*errors)
    require_free(account.id, product)
    trial_id = session.scalar(
        insert(Trial)
        .values(
            distributor_id=current_scope().distributor_id,
            id=new_id(),
            reseller_id=account.reseller_id,
            account_id=account.id,
            product_id=product.id,
            payer_id=new.payer_id,
            storefront_id=new.storefront_id,
            quantity=new.quantity,
            term=key.term,
            cycle=key.cycle,
            days=product.trial_days or 0,
            months=product.trial_months or 0,
            friendly_name=new.friendly_name.strip() or product.name[:MAX_NAME],
            characteristics=resources,
            contact_email=new.contact_email,
            requested_by_name=shown_name(new.requested_by) or "",
            requested_at=at,
        )
        .on_conflict_do_nothing()  # somebody else of the account was faster
        .returning(Trial.id)
    )
    if trial_id is None:
        raise TrialAlreadyUsed(product.name)
    record("trial.requested", actor=new.requested_by, at=at, target_kind="account", target_id=account.id)
    nudge_after_commit(Nudge(OPEN_TRIAL, trial_id, current_scope().distributor_id))
    return session.get_one(Trial, (current_scope().distributor_id, trial_id))


def trial_product(product_id: UUID, buyer: Buyer) -> Product:
    """Return a product this buyer may try; raises TrialNotOffered."""
    product = session.get(Product, (current_scope().distributor_id, product_id))
    if product is None or not (product.trial_days or product.trial_months) or not product.is_active:
        raise TrialNotOffered
    if product.retired_at is not None or product.sale is not SaleMode.OPEN:
        raise TrialNotOffered
    if product.is_add_on or product.plan_edition or product.id not in offered_ids([product.id], buyer):
        raise TrialNotOffered
    if not is_trial_offered(product.id, buyer) or get_product_type(product.product_type_id).kind in WITHOUT_TRIAL:
        raise TrialNotOffered
    return product


def is_trial_offered(product_id: UUID, buyer: Buyer) -> bool:
    """Whether the storefront's owner lets its buyers try what it sells: a reseller may say no (RS-19)."""
    if buyer.reseller_id is None:
        return True
    switched_off = select(literal(1)).where(
        LISTINGS.c.distributor_id == current_scope().distributor_id,
        LISTINGS.c.reseller_id == buyer.reseller_id,
        LISTINGS.c.product_id == product_id,
        LISTINGS.c.trial_enabled.is_(False),
    )
    return session.scalar(switched_off.limit(1)) is None


def first_price(product_id: UUID, buyer: Buyer) -> PriceKey:
    """Return the shortest recurring term and cycle a product is sold by; raises TrialNotOffered where it has none."""
    keys = [key for key in buyer_prices([product_id], buyer) if key.cycle.months]
    if not keys:
        raise TrialNotOffered
    return min(keys, key=lambda key: (key.term.months, key.cycle.months))


def require_free(account_id: UUID, product: Product) -> None:
    """Refuse a second trial, and one of what the account has: TrialAlreadyUsed, ProductAlreadyOwned."""
    if find_trial_of(account_id, product.id) is not None:
        raise TrialAlreadyUsed(product.name)
    owned = session.scalar(
        select(Subscription.id)
        .where(
            Subscription.distributor_id == current_scope().distributor_id,
            Subscription.account_id == account_id,
            Subscription.product_id == product.id,
            Subscription.status.in_(RUNNING),
        )
        .limit(1)
    )
    if owned is not None:
        raise ProductAlreadyOwned(product.name)


def find_trial_of(account_id: UUID, product_id: UUID) -> Trial | None:
    """Return the one trial an account has had of a product."""
    return session.scalar(
        select(Trial).where(
            Trial.distributor_id == current_scope().distributor_id,
            Trial.account_id == account_id,
            Trial.product_id == product_id,
        )
    )


def find_trial(subscription_id: UUID) -> Trial | None:
    """Return the trial a subscription began as."""
    return session.scalar(
        select(Trial).where(
            Trial.distributor_id == current_scope().distributor_id, Trial.subscription_id == subscription_id
        )
    )


def last_day(first: date, days: int, months: int) -> date:
    """Return the last day of a trial: 30 days from 1 June end on 30 June, 1 month from 31 January on 27 February."""
    return add_months(first, months) - ONE_DAY if months else first + timedelta(days=days - 1)


def days_of_period(trial: Trial, after: date) -> int:
    """Return how many days its own length has, from the day after another one on: what an extension proposes."""
    return (last_day(after + ONE_DAY, trial.days, trial.months) - after).days


def make_subscription(trial: Trial, payer: Account, *, on: date, sync_status: SyncStatus, at: datetime) -> Subscription:
    """Make the subscription of a trial, free until its last day. In the distributor's scope, the trial locked."""
    last = last_day(on, trial.days, trial.months)
    number = session.scalar(select(SUBSCRIPTION_NUMBERS.next_value())) or 0
    subscription = Subscription(
        reseller_id=trial.reseller_id,
        account_id=trial.account_id,
        code=f"SUB-{number:06d}",
        payer_id=trial.payer_id,
        product_id=trial.product_id,
        friendly_name=trial.friendly_name,
        characteristics=dict(trial.characteristics),
        quantity=trial.quantity,
        term=trial.term,
        cycle=trial.cycle,
        unit_price=NOTHING,
        currency=payer.currency,
        sync_status=sync_status,
        starts_on=on,
        trial_ends_on=last,
        auto_renew=False,
        created_at=at,
    )
    session.add(subscription)
    session.flush()
    session.add(
        SubscriptionCost(
            reseller_id=payer.reseller_id,
            account_id=payer.id,
            subscription_id=subscription.id,
            unit_cost=NOTHING,
            currency=payer.currency,
            rule=NO_RULE,
            label=PriceLabel.LIST,
        )
    )
    trial.subscription_id = subscription.id
    add_event(
        subscription, "trial", f"Trial of {trial_words(trial.days, trial.months)} started", at=at,
        quantity_change=trial.quantity, quantity_after=trial.quantity, actor_name=trial.requested_by_name or None,
    )  # fmt: skip
    return subscription


def extend(subscription: Subscription, days: int, *, by_administrator: bool, at: datetime, actor_name: str) -> None:
    """Move a running trial's last day. The caller has locked it.

    At most twice and 90 days in total, unless an administrator does it. Raises NoTrial, Invalid `days_range`,
    `extensions_used`, `extension_limit`.
    """
    if subscription.trial_ends_on is None or subscription.status not in RUNNING:
        raise NoTrial(subscription.code)
    if not 1 <= days <= MOST_DAYS_AT_ONCE:
        raise Invalid.field("days", "days_range", f"Enter 1 to {MOST_DAYS_AT_ONCE} days")
    if not by_administrator:
        if subscription.trial_extensions >= MAX_EXTENSIONS:
            raise Invalid.field(
                "days", "extensions_used", "It was extended twice; only an administrator can extend it again"
            )
        left = MAX_DAYS_ADDED - subscription.trial_days_added
        if days > left:
            raise Invalid.field(
                "days", "extension_limit", f"At most {left} more days; only an administrator can add more"
            )
    subscription.trial_ends_on += timedelta(days=days)
    subscription.trial_days_added += days
    subscription.trial_extensions += 1
    add_event(subscription, "trial_extended", f"Trial extended by {days} days", at=at, actor_name=actor_name or None)


@dataclass(frozen=True, slots=True)
class PaidTerms:
    """What a converted trial goes on as. `unit_price` None: the customer sees "-"."""

    quantity: int
    friendly_name: str
    term: Term
    cycle: BillingCycle
    unit_price: Decimal | None
    unit_cost: Decimal
    price_list_id: UUID | None
    rule: str
    markup_percent: Decimal | None = None


def is_convertible(subscription: Subscription, on: date) -> bool:
    """Whether "upgrade to paid" is possible: it runs, or ended at most 14 days ago."""
    last = subscription.trial_ends_on
    if last is None:
        return False
    if subscription.status is SubscriptionStatus.EXPIRED:
        return on <= last + GRACE
    return subscription.status is SubscriptionStatus.ACTIVE


def running_trials(account_id: UUID, product_ids: Iterable[UUID]) -> Mapping[UUID, Subscription]:
    """Return the running trials of an account by product: these products cannot be bought beside them (CB-F31)."""
    wanted = set(product_ids)
    if not wanted:
        return {}
    rows = session.scalars(
        select(Subscription).where(
            Subscription.distributor_id == current_scope().distributor_id,
            Subscription.account_id == account_id,
            Subscription.product_id.in_(wanted),
            Subscription.trial_ends_on.is_not(None),
            Subscription.status.in_(RUNNING),
        )
    )
    return {row.product_id: row for row in rows}


def _errors(new: NewTrial, product: Product, product_type: ProductType) -> Iterator[FieldError]:
    if new.quantity > product.trial_max_quantity:
        yield FieldError("quantity", "quantity_range", f"Enter at most {product.trial_max_quantity:,}")
    else:
        yield from quantity_errors(product, product_type, new.quantity)
    name = new.friendly_name.strip()
    if len(name) > MAX_NAME:
        yield FieldError("friendly_name", "length", f"Use at most {MAX_NAME} characters")
    if any(character in "<>" or not character.isprintable() for character in name):
        yield FieldError("friendly_name", "characters", "Leave out < and >")
    if new.account.status is not AccountStatus.ACTIVE or not new.account.ordering_enabled:
        yield FieldError("quantity", "account_not_active", "This company cannot order at present")
