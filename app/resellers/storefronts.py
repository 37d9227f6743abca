"""The life of a reseller's storefront: opened by a plan, switched, closed (RS-09, RS-10)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from app.accounts.models import Account
from app.accounts.queries import get_account_for_update
from app.accounts.services import root_storefront_id
from app.audit.services import SYSTEM, Actor, record, tell_reseller
from app.audit.shown import shown_name
from app.catalogue.models import BillingCycle, Term
from app.core.db import session
from app.identity.models import User, UserStatus, UserType
from app.identity.services import admit_staff
from app.notifications.services import About, AboutKind, MailTemplate, queue_mail
from app.resellers.aliases import live_alias
from app.resellers.errors import AliasLost, PlanNotLive
from app.resellers.plans import Edition
from app.subscriptions.models import Subscription, SubscriptionCost
from app.subscriptions.periods import add_months
from app.subscriptions.services import MAX_NAME, activate, add_event, mark_failed
from tenants.context import current_scope, reseller_scope, scope
from tenants.links import storefront_url
from tenants.models import (
    DIRECTORY_VERSION,
    Address,
    AddressState,
    Distributor,
    Storefront,
    StorefrontSettingsRow,
    StorefrontState,
)
from tenants.settings import StorefrontSettings, save_storefront_settings

# RS-09: what may follow what. A purged storefront is a new one if its reseller comes back.
FOLLOWS: dict[StorefrontState, frozenset[StorefrontState]] = {
    StorefrontState.PROVISIONING: frozenset({StorefrontState.LIVE, StorefrontState.FAILED}),
    StorefrontState.FAILED: frozenset({StorefrontState.PROVISIONING, StorefrontState.LIVE}),
    StorefrontState.LIVE: frozenset({StorefrontState.ENDING, StorefrontState.CLOSED}),
    StorefrontState.ENDING: frozenset({StorefrontState.LIVE, StorefrontState.CLOSED}),
    StorefrontState.CLOSED: frozenset({StorefrontState.LIVE, StorefrontState.PURGED}),
    StorefrontState.PURGED: frozenset({StorefrontState.PROVISIONING, StorefrontState.LIVE}),
}


@dataclass(frozen=True, slots=True)
class SwitchedPlan:
    """The plan a subscription is put on, at the price of the order item that asked for it."""

    edition: Edition
    product_id: UUID
    plan_name: str
    term: Term
    cycle: BillingCycle
    unit_cost: Decimal
    price_list_id: UUID | None
    rule: str
    starts_on: date


def find_storefront(reseller_id: UUID) -> Storefront | None:
    """Return a reseller's storefront in whatever state, or None."""
    return session.scalar(
        select(Storefront).where(
            Storefront.distributor_id == current_scope().distributor_id, Storefront.reseller_id == reseller_id
        )
    )


def open_storefront(subscription_id: UUID, *, at: datetime) -> Storefront:
    """Open what a plan subscription promises: storefront, address, settings, staff, edition; then welcome the reseller.

    Needs the distributor's scope. Idempotent: a second run finds everything there and sends nothing. The alias is the
    one held for the subscription's order item, or the one the storefront already has. Customers need no import: they
    belong to the reseller already. Raises PlanNotLive and AliasLost.
    """
    subscription = _plan_subscription(subscription_id)
    reseller = get_account_for_update(subscription.account_id or subscription.payer_id)
    edition = Edition(subscription.plan_edition)
    storefront = find_storefront(reseller.id)
    if storefront is None:
        storefront = Storefront(reseller_id=reseller.id, edition=edition.value, created_at=at)
        session.add(storefront)
        session.flush()
    was_open = storefront.state.is_open
    _open_address(subscription, storefront)
    _default_settings(reseller, storefront, at)
    admit_staff(reseller.id, storefront.id, at=at)
    _wear_edition(reseller, storefront, edition, at)
    activate(subscription.id, at=at)
    if not was_open:
        storefront.state = StorefrontState.LIVE
        session.flush()
        _bump_directory(storefront.id)
        _welcome(reseller, storefront, subscription, at)
        record(
            "storefront.opened", actor=SYSTEM, at=at, target_kind="account", target_id=reseller.id,
            after={"alias": live_alias(reseller.id), "edition": edition.value},
        )  # fmt: skip
        tell_reseller(reseller.id, "storefront.opened", at=at, after={"edition": edition.value})
    session.flush()
    return storefront


def fail_storefront(subscription_id: UUID, *, reason: str, at: datetime) -> None:
    """Say that a storefront could not be opened in time; an operator can run the task again (RS-09)."""
    subscription = _plan_subscription(subscription_id)
    mark_failed(subscription.id, reason)
    storefront = find_storefront(subscription.account_id or subscription.payer_id)
    if storefront is not None and storefront.state is StorefrontState.PROVISIONING:
        set_state(storefront, StorefrontState.FAILED, actor=SYSTEM, at=at)
    record(
        "storefront.failed", actor=SYSTEM, at=at, target_kind="subscription", target_id=subscription.id,
        after={"reason": reason},
    )  # fmt: skip


def switch_plan(subscription_id: UUID, switched: SwitchedPlan, *, actor: Actor, at: datetime) -> Subscription:
    """Put a running plan subscription on another plan: alias, prices, customers, users and settings stay (RS-10).

    Needs the distributor's scope. A new period starts on `switched.starts_on`. Mails RSN-2. A second call changes
    nothing. Raises PlanNotLive.
    """
    subscription = _plan_subscription(subscription_id)
    reseller = get_account_for_update(subscription.account_id or subscription.payer_id)
    storefront = find_storefront(reseller.id)
    if storefront is None:
        raise PlanNotLive(subscription_id)
    before, after = Edition(subscription.plan_edition), switched.edition
    if before is after:
        return subscription
    subscription.plan_edition, subscription.product_id = after.value, switched.product_id
    subscription.friendly_name = switched.plan_name[:MAX_NAME]
    subscription.term, subscription.cycle = switched.term, switched.cycle
    subscription.unit_price, subscription.starts_on = switched.unit_cost, switched.starts_on
    subscription.renews_on = add_months(switched.starts_on, switched.term.months)
    cost = session.scalars(
        select(SubscriptionCost).where(
            SubscriptionCost.distributor_id == subscription.distributor_id,
            SubscriptionCost.subscription_id == subscription.id,
        )
    ).one_or_none()
    if cost is not None:
        cost.unit_cost, cost.price_list_id, cost.rule = switched.unit_cost, switched.price_list_id, switched.rule
    _wear_edition(reseller, storefront, after, at)
    session.flush()
    _bump_directory(storefront.id)
    add_event(subscription, "plan_switched", f"Switched to {switched.plan_name}", at=at, actor_name=shown_name(actor))
    record(
        "storefront.edition", actor=actor, at=at, target_kind="account", target_id=reseller.id,
        before={"edition": before.value}, after={"edition": after.value},
    )  # fmt: skip
    tell_reseller(reseller.id, "storefront.edition", at=at, after={"edition": after.value})
    _mail(
        MailTemplate.PLAN_CHANGED, reseller, at,
        plan_from=before.value.capitalize(), plan_to=after.value.capitalize(),
        effective_date=switched.starts_on.isoformat(),
    )  # fmt: skip
    return subscription


def set_state(storefront: Storefront, state: StorefrontState, *, actor: Actor, at: datetime) -> None:
    """Move a storefront along its life; a move the table does not know is a programming error."""
    if state is storefront.state:
        return
    if state not in FOLLOWS[storefront.state]:
        message = f"A storefront does not go from {storefront.state.value} to {state.value}"
        raise ValueError(message)
    before, storefront.state = storefront.state, state
    session.flush()
    _bump_directory(storefront.id)
    record(
        "storefront.state", actor=actor, at=at, target_kind="storefront", target_id=storefront.id,
        before={"state": before.value}, after={"state": state.value},
    )  # fmt: skip
    if storefront.reseller_id is not None:
        tell_reseller(storefront.reseller_id, "storefront.state", at=at, after={"state": state.value})


def _plan_subscription(subscription_id: UUID) -> Subscription:
    found = session.scalar(
        select(Subscription)
        .where(Subscription.distributor_id == current_scope().distributor_id, Subscription.id == subscription_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None or found.plan_edition is None or not found.is_live:
        raise PlanNotLive(subscription_id)
    return found


def _open_address(subscription: Subscription, storefront: Storefront) -> None:
    """Make the held alias answer; keep the one that already does."""
    rows = session.scalars(
        select(Address)
        .where(
            Address.distributor_id == storefront.distributor_id,
            Address.reseller_id == storefront.reseller_id,
            Address.alias.is_not(None),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    if any(row.state is AddressState.LIVE for row in rows):
        return
    held = next((row for row in rows if row.held_for_item_id == subscription.order_item_id), None)
    if held is None:
        raise AliasLost(subscription.id)
    for row in rows:
        if row is not held:
            session.delete(row)  # another wish of the same reseller, or the alias it chose not to come back to
    session.flush()
    held.state, held.storefront_id, held.is_primary = AddressState.LIVE, storefront.id, True
    held.held_until = None
    session.flush()


def _bump_directory(storefront_id: UUID) -> None:
    """Tell every process's address map that this storefront changed."""
    for address in session.scalars(select(Address).where(Address.storefront_id == storefront_id)):
        address.version = session.scalar(select(DIRECTORY_VERSION.next_value())) or address.version
    session.flush()


def _default_settings(reseller: Account, storefront: Storefront, at: datetime) -> None:
    """Start with the reseller's name and contact data, in the distributor's zone and language (RS-14); keep what is there."""
    distributor = session.get_one(Distributor, current_scope().distributor_id)
    address = ", ".join(part for part in (reseller.street, reseller.postcode, reseller.city) if part)
    defaults = StorefrontSettings(
        company_name=reseller.name[:100],
        time_zone=distributor.time_zone,
        language=distributor.culture.split("-")[0],
        contact_email=reseller.email,
        contact_phone=reseller.phone or "",
        contact_address=address,
    )
    with scope(reseller_scope(distributor.id, reseller.id)):
        known = session.scalar(
            select(StorefrontSettingsRow.id).where(StorefrontSettingsRow.storefront_id == storefront.id)
        )
        if known is None:
            save_storefront_settings(storefront.id, defaults, reseller_id=reseller.id, at=at)


def _wear_edition(reseller: Account, storefront: Storefront, edition: Edition, at: datetime) -> None:
    storefront.edition = edition.value
    reseller.edition = edition.value
    if reseller.storefront_since is None:
        reseller.storefront_since = at


def _welcome(reseller: Account, storefront: Storefront, subscription: Subscription, at: datetime) -> None:
    _mail(
        MailTemplate.STOREFRONT_WELCOME, reseller, at,
        storefront_url=storefront_url(storefront.id, "/"),
        alias=live_alias(reseller.id) or "",
        plan_name=subscription.friendly_name,
    )  # fmt: skip


def _mail(template: MailTemplate, reseller: Account, at: datetime, **fields: str) -> None:
    """Write to the primary contact, or to all Admins where there is none; warn the operator where nobody is left (RS-09)."""
    people = session.scalars(
        select(User)
        .where(
            User.distributor_id == reseller.distributor_id,
            User.account_id == reseller.id,
            User.status != UserStatus.INACTIVE,
        )
        .order_by(User.created_at)
    ).all()
    chosen = [person for person in people if person.is_primary_contact][:1]
    if not chosen:
        chosen = [person for person in people if person.type is UserType.ADMIN]
    if not chosen:
        record(
            "mail.nobody_to_write_to", actor=SYSTEM, at=at, target_kind="account", target_id=reseller.id,
            after={"template": template.value},
        )  # fmt: skip
    distributor = session.get_one(Distributor, reseller.distributor_id)
    root = root_storefront_id()
    for person in chosen:
        queue_mail(
            template,
            to_email=person.email,
            to_name=person.full_name,
            sender_reseller_id=None,
            storefront_id=root,
            fields={
                "reseller_name": reseller.name,
                "contact_first_name": person.first_name,
                "distributor_name": distributor.name,
                **fields,
            },
            about=About(AboutKind.ACCOUNT, reseller.id),
            at=at,
        )
