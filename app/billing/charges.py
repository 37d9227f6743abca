"""Charges: what a payer owes or gets back for a period, a row each, before and after they stand on a paper (CB-32)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import Select, TextClause, func, or_, select, text

from app.accounts.models import Account
from app.billing.models import Charge, ChargeKind, ChargeState
from app.core.db import session
from app.core.ids import new_id
from app.core.writing import as_json
from app.subscriptions.periods import Period
from tenants.context import current_scope

NOTHING = Decimal(0)
OF_A_PERIOD = (ChargeKind.RECURRING, ChargeKind.STUB, ChargeKind.ADD_ON)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCharge:
    """An amount to be invoiced, or to be credited where `net_amount` is negative.

    `source_key` says where it comes from: the same source is charged once.
    """

    source_key: str
    kind: ChargeKind = ChargeKind.RECURRING
    description: str
    quantity: int
    unit_cost: Decimal
    net_amount: Decimal
    currency: str
    period: Period | None
    subscription_id: UUID | None
    product_id: UUID | None  # says whether it is taxed, where nothing is taken back; None: for no product, taxed
    order_item_id: UUID | None = None
    end_customer_id: UUID | None = None  # whom the reseller bought it for; None: the payer itself
    change_id: UUID | None = None
    credits_id: UUID | None = None  # the charge a credit takes back
    state: ChargeState = ChargeState.PENDING
    bill_on: date | None = None  # the distributor's day it is to be invoiced; None: with the next paper


@cache
def _writing(names: tuple[str, ...]) -> TextClause:
    """Return the statement that writes rows of these columns, with whether each is taxed.

    As what it takes back, else as its product. Rows travel as JSON: one text for any number of them, prepared once.
    """
    product_id = "coalesce(credited.product_id, new.product_id)"
    selected = ", ".join(product_id if name == "product_id" else f"new.{name}" for name in names)
    return text(
        f"""INSERT INTO charges ({", ".join(names)}, is_taxed)
        SELECT {selected}, coalesce(credited.is_taxed, p.is_taxable, true)
        FROM jsonb_populate_recordset(CAST(NULL AS charges), CAST(:rows AS jsonb)) AS new
        LEFT JOIN charges credited
            ON credited.distributor_id = new.distributor_id AND credited.id = new.credits_id
        LEFT JOIN products p ON p.distributor_id = new.distributor_id AND p.id = {product_id}
        ON CONFLICT (distributor_id, source_key) DO NOTHING"""  # noqa: S608 - names of columns
    )


def add_charge(payer: Account, new: NewCharge, *, at: datetime) -> None:
    """Charge a payer; a job that runs twice charges once."""
    add_charges(payer, [new], at=at)


def add_charges(payer: Account, charges: Sequence[NewCharge], *, at: datetime) -> None:
    """Charge a payer several things by one statement; what was charged before is left.

    A credit is of the product, and taxed, as the charge it takes back: tax comes back as it was charged (CB-29, CB-38).
    """
    if not charges:
        return
    rows = [
        {
            "id": new_id(),
            "distributor_id": current_scope().distributor_id,
            "reseller_id": payer.reseller_id,
            "account_id": payer.id,
            "source_key": new.source_key,
            "kind": new.kind,
            "state": new.state,
            "subscription_id": new.subscription_id,
            "order_item_id": new.order_item_id,
            "product_id": new.product_id,
            "end_customer_id": new.end_customer_id,
            "change_id": new.change_id,
            "credits_id": new.credits_id,
            "description": new.description,
            "quantity": new.quantity,
            "unit_cost": new.unit_cost,
            "net_amount": new.net_amount,
            "currency": new.currency,
            "period_from": new.period.first if new.period else None,
            "period_to": new.period.last if new.period else None,
            "bill_on": new.bill_on,
            "created_at": at,
        }
        for new in charges
    ]
    said = [{name: as_json(value) for name, value in row.items()} for row in rows]
    session.execute(_writing(tuple(rows[0])), {"rows": Jsonb(said)})


def charges_of(subscription_id: UUID, period: Period) -> Sequence[Charge]:
    """Return a subscription's charges and credits within a period, oldest first."""
    return session.scalars(
        select(Charge)
        .where(
            Charge.distributor_id == current_scope().distributor_id,
            Charge.subscription_id == subscription_id,
            Charge.state != ChargeState.ESTIMATED,
            Charge.period_from >= period.first,
            Charge.period_to <= period.last,
        )
        .order_by(Charge.created_at, Charge.id)
        .execution_options(populate_existing=True)
    ).all()


def latest_charges(subscription_id: UUID, limit: int) -> Sequence[Charge]:
    """Return a subscription's charges and credits, the newest first."""
    return session.scalars(
        select(Charge)
        .where(Charge.distributor_id == current_scope().distributor_id, Charge.subscription_id == subscription_id)
        .order_by(Charge.created_at.desc(), Charge.id.desc())
        .limit(limit)
    ).all()


def charged_net(subscription_id: UUID, period: Period) -> Decimal:
    """Return charges less credits of a subscription within a period, without setup fees: what can be given back."""
    return sum(
        (charge.net_amount for charge in charges_of(subscription_id, period) if charge.kind is not ChargeKind.SETUP),
        NOTHING,
    )


def charge_to_credit(subscription_id: UUID, period: Period) -> Charge | None:
    """Return the charge of a period that credits of it name: the whole period's or the stub's."""
    found = [charge for charge in charges_of(subscription_id, period) if charge.net_amount > 0]
    return next((charge for charge in found if charge.kind in OF_A_PERIOD), found[0] if found else None)


def has_pending(subscription_id: UUID, *, on: date) -> bool:
    """Whether changes of a subscription are invoiced after a day only: a second one must wait (CB-23).

    What is to be invoiced by then, and is not because the billing run comes late, holds nothing up.
    """
    return (
        session.scalar(
            select(Charge.id)
            .where(
                Charge.distributor_id == current_scope().distributor_id,
                Charge.subscription_id == subscription_id,
                Charge.state == ChargeState.PENDING,
                Charge.change_id.is_not(None),
                or_(Charge.bill_on.is_(None), Charge.bill_on > on),
            )
            .limit(1)
        )
        is not None
    )


def pending_charges(payer_id: UUID, *, subscription_ids: Collection[UUID] | None = None) -> Sequence[Charge]:
    """Return what will be invoiced to a payer, by day and age; of these subscriptions alone where they are named."""
    statement = _pending(payer_id)
    if subscription_ids is not None:
        statement = statement.where(Charge.subscription_id.in_(subscription_ids))
    return session.scalars(statement.order_by(Charge.bill_on, Charge.created_at, Charge.id)).all()


def lock_due_charges(payer_id: UUID, *, until: date) -> Sequence[Charge]:
    """Lock what is to be invoiced to a payer on or before a day."""
    return session.scalars(
        _pending(payer_id)
        .where(func.coalesce(Charge.bill_on, until) <= until)
        .order_by(Charge.created_at, Charge.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def lock_charges(source_keys: Collection[str]) -> Sequence[Charge]:
    """Lock pending charges by where they come from."""
    return session.scalars(
        select(Charge)
        .where(
            Charge.distributor_id == current_scope().distributor_id,
            Charge.source_key.in_(source_keys),
            Charge.state == ChargeState.PENDING,
        )
        .order_by(Charge.created_at, Charge.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def _pending(payer_id: UUID) -> Select[Charge]:
    return select(Charge).where(
        Charge.distributor_id == current_scope().distributor_id,
        Charge.account_id == payer_id,
        Charge.state == ChargeState.PENDING,
    )
