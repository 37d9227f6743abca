"""Taking over a vendor's services in bulk (GO-06): complete the rows, look at what would happen, import, as often as wanted.

No vendor is called and nothing is charged for the time before: a subscription begins to be billed with its next period.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from app.accounts.models import Account, AccountStatus
from app.accounts.queries import find_account, payer_of
from app.audit.services import Actor, record
from app.catalogue.models import BillingCycle, BillingType, Product, ProductKind, ProductType, Term
from app.catalogue.quantities import MOST, quantity_errors, require_quantity
from app.catalogue.queries import products_with_types
from app.core.db import nudge_after_commit, session
from app.core.errors import FieldError, Invalid
from app.core.money import round_unit
from app.core.queue import Nudge
from app.pricing.queries import price_list_ids_of
from app.pricing.quotes import ExplainedPrice, PriceKey, explain_prices, root_buyer
from app.provisioning.account_links import at_vendor, link_account
from app.provisioning.adoption_queries import AdoptionFilter, AdoptionRow, filtered, list_adoptions
from app.provisioning.errors import AdoptionNotFound
from app.provisioning.jobs import ADOPT
from app.provisioning.models import Adoption, AdoptionState, VendorService
from app.subscriptions.adopting import AdoptedService, adopt_service
from app.subscriptions.models import SubscriptionVendorLink
from app.subscriptions.services import Owner
from tenants.context import current_scope, scope

EDITABLE = (AdoptionState.FOUND, AdoptionState.READY, AdoptionState.FAILED, AdoptionState.LEFT)
BY_HAND = "hand"
MAX_PRICE = Decimal("99999999.9999")
MAX_MESSAGE = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a service shall become here. `unit_cost` None: the price list's; `unit_price` None: the customer sees "-"."""

    account_id: UUID | None
    product_id: UUID | None
    quantity: int | None
    term: Term | None
    cycle: BillingCycle | None
    unit_cost: Decimal | None
    unit_price: Decimal | None
    billed_from: date | None


def complete(adoption_id: UUID, wanted: Wanted, *, today: date, actor: Actor, at: datetime) -> Adoption:
    """Say what a service shall become. Raises AdoptionNotFound, Invalid `unknown`, `range`, `past`,
    `wrong_state` and quantity codes.
    """
    row = _locked(adoption_id)
    _refuse(_errors(row, wanted, today))
    if wanted.account_id != row.account_id:
        row.account_id, row.matched_by = wanted.account_id, BY_HAND if wanted.account_id else None
    row.product_id, row.quantity, row.term, row.cycle = wanted.product_id, wanted.quantity, wanted.term, wanted.cycle
    row.unit_cost, row.unit_price, row.billed_from = wanted.unit_cost, wanted.unit_price, wanted.billed_from
    row.state, row.message = AdoptionState.FOUND, None
    prepare([row], today=today)
    _decided(row, actor, at)
    record("adoption.completed", actor=actor, at=at, target_kind="adoption", target_id=row.id)
    return row


def prepare(rows: Sequence[Adoption], *, today: date) -> None:
    """Fill in what follows from the rest: the price list's cost, the direct customer's price, the first of next month.

    A row with all it needs is Ready.
    """
    accounts = _accounts({row.account_id for row in rows if row.account_id})
    costs = _costs(rows, accounts, today)
    for row in rows:
        if row.state not in (AdoptionState.FOUND, AdoptionState.READY):
            continue
        row.billed_from = row.billed_from or _first_of_next_month(today)
        if row.unit_cost is None:
            row.unit_cost = costs.get(row.id)
        account = accounts.get(row.account_id) if row.account_id else None
        if account is not None and row.unit_price is None and payer_of(account) == account.id:
            row.unit_price = row.unit_cost
        is_whole = not AdoptionRow(row, None, None, None).missing
        row.state = AdoptionState.READY if is_whole else AdoptionState.FOUND
    session.flush()


def leave(
    adoption_ids: Collection[UUID] | None, manager_id: UUID, wanted: AdoptionFilter, *, actor: Actor, at: datetime
) -> int:
    """Decide that services are not taken over; returns how many."""
    rows = _chosen(manager_id, wanted, adoption_ids, (AdoptionState.FOUND, AdoptionState.READY, AdoptionState.FAILED))
    for row in rows:
        row.state = AdoptionState.LEFT
        _decided(row, actor, at)
    return len(rows)


def preview(
    manager_id: UUID, wanted: AdoptionFilter, adoption_ids: Collection[UUID] | None, *, today: date
) -> Sequence[AdoptionRow]:
    """Return what an import of the chosen rows would be about, with prices filled in; it imports those that are Ready."""
    rows = _chosen(manager_id, wanted, adoption_ids, (AdoptionState.FOUND, AdoptionState.READY, AdoptionState.FAILED))
    for row in rows:
        if row.state is AdoptionState.FAILED:
            row.state = AdoptionState.FOUND
    prepare(rows, today=today)
    return list_adoptions(manager_id, AdoptionFilter(), only={row.id for row in rows}, limit=None)


def queue_import(manager_id: UUID, adoption_ids: Collection[UUID], *, actor: Actor, at: datetime) -> int:
    """Let a worker import chosen rows that are Ready; the others stay. Returns how many; twice is once."""
    rows = _chosen(manager_id, AdoptionFilter(), adoption_ids, (AdoptionState.READY,))
    for row in rows:
        row.state, row.message = AdoptionState.QUEUED, None
        _decided(row, actor, at)
    if rows:
        record(
            "adoption.started", actor=actor, at=at, target_kind="service_manager", target_id=manager_id,
            after={"services": len(rows)},
        )  # fmt: skip
        nudge_after_commit(Nudge(ADOPT, manager_id, current_scope().distributor_id))
    return len(rows)


def take_queued(manager_id: UUID, *, limit: int) -> Sequence[Adoption]:
    """Return rows to be imported, locked until the caller commits; another worker takes others."""
    return session.scalars(
        select(Adoption)
        .where(
            Adoption.distributor_id == current_scope().distributor_id,
            Adoption.service_manager_id == manager_id,
            Adoption.state == AdoptionState.QUEUED,
        )
        .order_by(Adoption.vendor_reference)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def import_one(row: Adoption, *, at: datetime) -> None:
    """Make a subscription of a service. Raises Invalid where it cannot be; the caller keeps the reason on the row."""
    account = find_account(row.account_id) if row.account_id else None
    payer = find_account(payer_of(account)) if account else None
    product = session.get(Product, (row.distributor_id, row.product_id)) if row.product_id else None
    whole = row.quantity and row.term and row.cycle and row.unit_cost is not None and row.billed_from
    if account is None or payer is None or product is None or not whole:
        raise Invalid.field("account", "unknown", "Account, product or price is missing")
    if account.status is not AccountStatus.ACTIVE:
        raise Invalid.field("account", "wrong_state", f"{account.name} is not active")
    if _is_known(row):
        raise Invalid.field("vendor_reference", "taken", "A subscription for this service exists already")
    assert row.quantity
    assert row.term
    assert row.cycle
    assert row.unit_cost is not None
    assert row.billed_from
    product_type = session.get_one(ProductType, (row.distributor_id, product.product_type_id))
    require_quantity(product, product_type, row.quantity)
    in_arrears = product.billing_type is BillingType.ON_END or product_type.kind is ProductKind.PAY_PER_USE
    seen, listed = _seen(row), _listed(row, payer, at.date())
    is_listed = listed is not None and round_unit(listed.unit_price) == row.unit_cost
    made = adopt_service(
        AdoptedService(
            owner=Owner(account.id, account.reseller_id, payer.id, payer.reseller_id, bought_by_reseller=False),
            service_manager_id=row.service_manager_id,
            vendor_reference=row.vendor_reference,
            is_active=seen is None or seen.is_active,
            product_id=product.id,
            name=row.name or product.name,
            quantity=row.quantity,
            term=row.term,
            cycle=row.cycle,
            billing_type=BillingType.ON_END if in_arrears else BillingType.ON_START,
            unit_price=row.unit_price,
            unit_cost=row.unit_cost,
            currency=payer.currency,
            price_list_id=listed.price_list_id if listed is not None and is_listed else None,
            is_agreed=not is_listed,
            billed_from=row.billed_from,
        ),
        at=at,
    )
    if seen is not None and seen.account_reference and at_vendor(row.service_manager_id, account.id).link is None:
        link_account(row.service_manager_id, account.id, seen.account_reference, at=at)
    row.state, row.subscription_id, row.message = AdoptionState.IMPORTED, made.id, None


def fail_one(row: Adoption, reason: str) -> None:
    """Keep why a service could not be taken over; it can be completed and tried again."""
    row.state, row.message = AdoptionState.FAILED, reason[:MAX_MESSAGE]


def _chosen(
    manager_id: UUID,
    wanted: AdoptionFilter,
    adoption_ids: Collection[UUID] | None,
    states: Collection[AdoptionState],
) -> Sequence[Adoption]:
    statement = filtered(
        select(Adoption).where(Adoption.distributor_id == current_scope().distributor_id, Adoption.state.in_(states)),
        manager_id,
        wanted,
    )
    if adoption_ids is not None:
        statement = statement.where(Adoption.id.in_(adoption_ids))
    return session.scalars(statement.order_by(Adoption.id).with_for_update()).all()


def _locked(adoption_id: UUID) -> Adoption:
    found = session.scalar(
        select(Adoption)
        .where(Adoption.distributor_id == current_scope().distributor_id, Adoption.id == adoption_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise AdoptionNotFound(adoption_id)
    return found


def _errors(row: Adoption, wanted: Wanted, today: date) -> list[FieldError]:
    errors = []
    if row.state not in EDITABLE:
        errors.append(FieldError("account_id", "wrong_state", "This service was taken over, or is about to be"))
    if wanted.account_id is not None and find_account(wanted.account_id) is None:
        errors.append(FieldError("account_id", "unknown", "There is no such account"))
    if wanted.product_id is not None and wanted.product_id not in products_with_types([wanted.product_id]):
        errors.append(FieldError("product_id", "unknown", "There is no such product"))
    if wanted.quantity is not None:
        errors += _quantity_errors(wanted.product_id, wanted.quantity)
    for name, price in (("unit_cost", wanted.unit_cost), ("unit_price", wanted.unit_price)):
        if price is not None and not (price.is_finite() and 0 <= price <= MAX_PRICE):
            errors.append(FieldError(name, "range", "Enter 0 to 99,999,999.9999"))
    if wanted.billed_from is not None and wanted.billed_from <= today:
        errors.append(FieldError("billed_from", "past", "Choose a later day: time before is not billed"))
    return errors


def _quantity_errors(product_id: UUID | None, quantity: int) -> Iterator[FieldError]:
    """Say what is wrong with a quantity, as where it is bought; before a product is chosen, any number will do."""
    sold = products_with_types([product_id]).get(product_id) if product_id is not None else None
    if sold is not None:
        yield from quantity_errors(*sold, quantity)
    elif not 1 <= quantity <= MOST:
        yield FieldError("quantity", "quantity_range", f"Enter 1 to {MOST:,}")


def _refuse(errors: list[FieldError]) -> None:
    if errors:
        raise Invalid(*errors)


def _decided(row: Adoption, actor: Actor, at: datetime) -> None:
    row.decided_by_name, row.decided_at = actor.name, at


def _accounts(account_ids: Collection[UUID]) -> dict[UUID, Account]:
    found = session.scalars(
        select(Account).where(Account.distributor_id == current_scope().distributor_id, Account.id.in_(account_ids))
    )
    return {account.id: account for account in found}


def _listed(row: Adoption, payer: Account, today: date) -> ExplainedPrice | None:
    """Return what the payer pays by its price lists."""
    assert row.product_id
    assert row.term
    assert row.cycle
    key = PriceKey(row.product_id, row.term, row.cycle)
    with scope(current_scope().with_price_lists(price_list_ids_of(payer.id))):
        return explain_prices({key}, root_buyer(payer, today)).get(key)


def _costs(rows: Sequence[Adoption], accounts: Mapping[UUID, Account], today: date) -> dict[UUID, Decimal]:
    """Return what each row's payer pays for one by today's price lists, by row; one question per payer."""
    by_payer: dict[UUID, list[Adoption]] = {}
    for row in rows:
        account = accounts.get(row.account_id) if row.account_id else None
        if account is not None and row.unit_cost is None and row.product_id and row.term and row.cycle:
            by_payer.setdefault(payer_of(account), []).append(row)
    payers = _accounts(set(by_payer))
    found: dict[UUID, Decimal] = {}
    for payer_id, asked in by_payer.items():
        keys = {row.id: PriceKey(row.product_id, row.term, row.cycle) for row in asked}  # type: ignore[arg-type]
        with scope(current_scope().with_price_lists(price_list_ids_of(payer_id))):
            prices = explain_prices(set(keys.values()), root_buyer(payers[payer_id], today))
        found |= {row_id: round_unit(prices[key].unit_price) for row_id, key in keys.items() if key in prices}
    return found


def _seen(row: Adoption) -> VendorService | None:
    return session.scalar(
        select(VendorService).where(
            VendorService.distributor_id == row.distributor_id,
            VendorService.service_manager_id == row.service_manager_id,
            VendorService.vendor_reference == row.vendor_reference,
        )
    )


def _is_known(row: Adoption) -> bool:
    found = session.scalar(
        select(SubscriptionVendorLink.id).where(
            SubscriptionVendorLink.distributor_id == row.distributor_id,
            SubscriptionVendorLink.service_manager_id == row.service_manager_id,
            SubscriptionVendorLink.vendor_reference == row.vendor_reference,
        )
    )
    return found is not None


def _first_of_next_month(today: date) -> date:
    return date(today.year + today.month // 12, today.month % 12 + 1, 1)
