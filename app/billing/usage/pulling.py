"""Usage that vendors tell by themselves (CB-13): which service managers to ask, and what of their answers is news."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from app.accounts.models import Account
from app.billing.usage.models import UsageCharge, UsageImport, UsageImportState, UsageRecord, UsageState
from app.billing.usage.reading import UsageRow
from app.core.db import session
from app.core.ids import new_id
from app.subscriptions.models import Subscription, SubscriptionVendorLink
from tenants.context import current_scope


@dataclass(frozen=True, slots=True)
class Told:
    """What a vendor says that one of its services used."""

    reference: str
    resource: str
    quantity: Decimal
    first_day: date
    last_day: date


def managers_to_ask() -> Sequence[UUID]:
    """Return the service managers that provision something whose usage is charged."""
    here = current_scope().distributor_id
    return session.scalars(
        select(SubscriptionVendorLink.service_manager_id)
        .join(
            Subscription,
            (Subscription.distributor_id == here) & (Subscription.id == SubscriptionVendorLink.subscription_id),
        )
        .join(
            UsageCharge,
            (UsageCharge.distributor_id == here) & (UsageCharge.product_id == Subscription.product_id),
        )
        .where(SubscriptionVendorLink.distributor_id == here, SubscriptionVendorLink.service_manager_id.is_not(None))
        .distinct()
    ).all()  # type: ignore[return-value]  # none of them is None


def rows_of_news(manager_id: UUID, told: Iterable[Told]) -> list[UsageRow]:
    """Return the rows that are not known yet, of services that are ours; numbered as a file's."""
    rows = list(told)
    here = current_scope().distributor_id
    ours = {
        row.vendor_reference: row
        for row in session.execute(
            select(
                SubscriptionVendorLink.vendor_reference,
                Subscription.id,
                Subscription.code,
                Account.code.label("account"),
            )
            .join(
                Subscription,
                (Subscription.distributor_id == here) & (Subscription.id == SubscriptionVendorLink.subscription_id),
            )
            .join(Account, (Account.distributor_id == here) & (Account.id == Subscription.account_id))
            .where(
                SubscriptionVendorLink.distributor_id == here,
                SubscriptionVendorLink.service_manager_id == manager_id,
                SubscriptionVendorLink.vendor_reference.in_({row.reference for row in rows}),
            )
        )
    }
    known = _known({row.id for row in ours.values()})
    news: list[UsageRow] = []
    for row in rows:
        own = ours.get(row.reference)
        if own is None or (own.id, row.resource.casefold(), row.first_day, row.last_day, row.quantity) in known:
            continue
        news.append(
            UsageRow(
                len(news) + 2,
                own.account,
                own.code,
                row.resource[:64],
                row.quantity,
                row.first_day,
                row.last_day,
                is_correction=False,
                problem="",
            )
        )
    return news


def open_import(name: str, rows: int, *, at: datetime) -> UsageImport:
    """Begin an import without a file; its rows are handed over at once."""
    made = UsageImport(
        id=new_id(),
        file_name=name[:255],
        file_path="",
        state=UsageImportState.RUNNING,
        rows_total=rows,
        attempts=1,
        lease_until=at,
        created_at=at,
    )
    session.add(made)
    session.flush()
    return made


def close_import(found: UsageImport, *, at: datetime) -> None:
    """End an import that had no file."""
    found.state, found.lease_until, found.finished_at = UsageImportState.COMPLETED, None, at


def _known(
    subscription_ids: Collection[UUID],
) -> frozenset[tuple[UUID | None, str, date | None, date | None, Decimal | None]]:
    rows = session.scalars(
        select(UsageRecord).where(
            UsageRecord.distributor_id == current_scope().distributor_id,
            UsageRecord.subscription_id.in_(subscription_ids),
            UsageRecord.state != UsageState.REJECTED,
            UsageRecord.is_correction.is_(False),
        )
    )
    return frozenset(
        (row.subscription_id, row.resource.casefold(), row.first_day, row.last_day, row.quantity) for row in rows
    )
