"""Who pays, in which currency and by which rules: all that a quote has to know about a buyer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import and_, select

from app.accounts.models import Account
from app.core.db import session
from app.core.errors import NotFound
from app.pricing.arithmetic import Rounding
from tenants.changes import Kept
from tenants.context import current_scope, reseller_scope, scope
from tenants.models import Distributor, Storefront, StorefrontSettingsRow
from tenants.settings import StorefrontSettings, distributor_settings, from_values


@dataclass(frozen=True, slots=True)
class Buyer:
    """A buyer of one storefront. `reseller_id` None: the distributor's own storefront, where the cost is the price.

    `payer_id` is the account whose price lists make the cost: the reseller under an alias, the account itself at the
    root, None for a visitor of the root, who gets the default list. `on` is a day in the storefront's zone.
    """

    payer_id: UUID | None
    reseller_id: UUID | None
    customer_id: UUID | None  # customer levels apply only where one is named
    currency: str
    on: date
    rounding: Rounding = Rounding.NONE
    default_markup: Decimal = Decimal(0)  # where not even the storefront's default rule answers
    restrict_to_lists: bool = True  # a product without an entry is not offered; else it costs its list price
    show_retail: bool = False
    buys_as_reseller: bool = False  # at the root: sees what is published for resellers, and reseller plans
    lists_on: date | None = None  # the day in the distributor's zone that dates of price lists mean; None: `on`


@dataclass(frozen=True, slots=True)
class _Terms:
    """What a reseller's account and storefront say about every buyer of it."""

    currency: str
    restrict_to_price_lists: bool
    rounding: Rounding
    show_retail: bool


_CURRENCIES: Kept[str | None] = Kept(10_000, by_account=False)
_TERMS: Kept[_Terms | None] = Kept(20_000, by_account=False)


def root_visitor(on: date) -> Buyer:
    """Return the buyer that a visitor of the distributor's own storefront is: default list, else list price."""
    root = current_scope().distributor_id
    currency = _CURRENCIES.of(root, lambda: session.scalar(select(Distributor.currency).where(Distributor.id == root)))
    if currency is None:
        raise NotFound("There is no such distributor")
    return Buyer(None, None, None, currency, on, restrict_to_lists=False)


def root_buyer(account: Account, on: date) -> Buyer:
    """Return an account as a buyer at the root: a direct customer, or a reseller buying for itself."""
    return Buyer(
        payer_id=account.id,
        reseller_id=None,
        customer_id=None,
        currency=account.currency,
        on=on,
        restrict_to_lists=account.restrict_to_price_lists,
        show_retail=account.is_reseller and distributor_settings().show_retail_prices_to_resellers,
        buys_as_reseller=account.is_reseller,
    )


def alias_buyer(reseller_id: UUID, customer_id: UUID | None, on: date, *, lists_on: date | None = None) -> Buyer:
    """Return the buyer of a reseller's storefront; without a customer, what everybody sees.

    The payer's terms are read in the reseller's scope: an end customer's own scope cannot see its reseller's account.
    Raises NotFound where the scope's distributor has no such reseller.
    """
    owner = reseller_scope(current_scope().distributor_id, reseller_id)
    found = _TERMS.of(reseller_id, lambda: _terms_of(reseller_id), under=owner)
    if found is None:
        raise NotFound("There is no such reseller")
    return Buyer(
        payer_id=reseller_id,
        reseller_id=reseller_id,
        customer_id=customer_id,
        currency=found.currency,
        on=on,
        rounding=found.rounding,
        restrict_to_lists=found.restrict_to_price_lists,
        show_retail=found.show_retail,
        lists_on=lists_on,
    )


def _terms_of(reseller_id: UUID) -> _Terms | None:
    distributor_id = current_scope().distributor_id
    with scope(reseller_scope(distributor_id, reseller_id)):
        found = session.execute(
            select(Account.currency, Account.restrict_to_price_lists, StorefrontSettingsRow.values)
            .select_from(Account)
            .outerjoin(
                Storefront,
                and_(Storefront.distributor_id == Account.distributor_id, Storefront.reseller_id == Account.id),
            )
            .outerjoin(
                StorefrontSettingsRow,
                and_(
                    StorefrontSettingsRow.distributor_id == Account.distributor_id,
                    StorefrontSettingsRow.reseller_id == Account.id,
                    StorefrontSettingsRow.storefront_id == Storefront.id,
                ),
            )
            .where(Account.distributor_id == distributor_id, Account.id == reseller_id, Account.is_reseller)
        ).one_or_none()
    if found is None:
        return None
    settings: StorefrontSettings = from_values(StorefrontSettings, found.values or {})
    return _Terms(
        found.currency, found.restrict_to_price_lists, Rounding(settings.rounding), settings.show_retail_prices
    )
