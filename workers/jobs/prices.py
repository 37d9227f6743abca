"""Prices of vendors, and days of prices, price lists and assets: asked, reminded of, ended (CB-05, CB-06, CB-26, CB-31)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from app.changes import external_pricing
from app.changes.external_pricing import ClaimedPrice
from app.core.clock import utc_now
from app.core.db import nudge_after_commit, unit_of_work
from app.core.queue import Nudge
from app.pricing.price_lists.ends import lists_to_tell, tell_of_end
from app.provisioning.claims import RecordedCall, record_calls
from app.subscriptions.assets import expire_assets, remind_of_assets
from app.subscriptions.external_prices import due_prices
from app.subscriptions.jobs import FETCH_PRICE
from app.subscriptions.protection import count_priced_by, remind_of_protection, tell_of_ended_protection
from tenants.context import current_scope
from tenants.days import distributors_day
from workers.connectors.base import ConnectorError, ConnectorRejected
from workers.connectors.prices import PriceQuestion, TellsPrices
from workers.connectors.registry import CONNECTORS, UnknownConnectorKind
from workers.runtime import scoped_job
from workers.vendor_access import open_connector

SECONDS_FOR_ALL = 120
NOBODY = "No service manager is set up for this product"
DOES_NOT_TELL = "The service manager does not tell prices"


@scoped_job(FETCH_PRICE)
def fetch_price(external_id: UUID) -> None:
    """Ask the vendor of one subscription for its price. No transaction is open meanwhile; a second run asks nothing."""
    with unit_of_work():
        claimed = external_pricing.claim_price(external_id, at=utc_now())
    if claimed is None:
        return
    calls: list[RecordedCall] = []
    try:
        unit_price = _ask(claimed, calls)
    except (ConnectorError, UnknownConnectorKind, ValueError) as error:
        with unit_of_work():
            record_calls(None, claimed.manager.id if claimed.manager else None, calls)
            external_pricing.record_failure(external_id, str(error), at=utc_now())
        return
    with unit_of_work():
        external_pricing.record_price(external_id, unit_price, at=utc_now())


def nudge_prices(at: datetime) -> None:
    """Prices to be asked for: their renewal is near, or the vendor did not answer."""
    external_pricing.ask_before_renewals(on=distributors_day(at), at=at)
    for external in due_prices(at):
        nudge_after_commit(Nudge(FETCH_PRICE, external.id, current_scope().distributor_id))


def look_after_prices_and_assets(at: datetime) -> None:
    """Tell of price lists, protected prices and assets that end soon or have ended, and end assets."""
    on = distributors_day(at)
    for price_list in lists_to_tell(on):
        tell_of_end(price_list, subscriptions=count_priced_by(price_list.id), on=on, at=at)
    remind_of_protection(on=on, at=at)
    tell_of_ended_protection(on=on, at=at)
    expire_assets(on=on, at=at)
    remind_of_assets(on=on, at=at)


def _ask(claimed: ClaimedPrice, calls: list[RecordedCall]) -> Decimal:
    """Return what the vendor says; what cannot be asked or makes no sense is an error with a sentence for staff."""
    if claimed.manager is None:
        raise ValueError(NOBODY)
    connector = open_connector(claimed.manager, calls, seconds_for_all=SECONDS_FOR_ALL, connectors=CONNECTORS)
    if not isinstance(connector, TellsPrices):
        raise ConnectorRejected("no_prices", DOES_NOT_TELL)
    picture = claimed.picture
    told = connector.price_of(
        PriceQuestion(
            product_code=picture.product_code,
            quantity=picture.quantity,
            term=picture.term,
            billing_cycle=picture.billing_cycle,
            currency=picture.currency,
            vendor_reference=claimed.vendor_reference,
        )
    )
    if not told.is_finite() or not 0 <= told < Decimal(10) ** 8:
        raise ValueError(f"The vendor's price {told} is none")
    return told
