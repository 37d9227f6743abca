"""Telling resellers, once a day, of special prices that their cost has overtaken (RS-20, RSN-19).

Customers pay the cost meanwhile, never less; the section flags the product. Runs in the distributor's scope, which
cannot see special prices, and looks into one reseller's scope after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select

from app.catalogue.models import Product
from app.core.clock import local_date
from app.core.db import session
from app.identity.queries import list_account_admins
from app.notifications.models import OutboundMail
from app.notifications.services import About, AboutKind, MailTemplate, queue_mail
from app.pricing.models import SpecialPrice
from app.pricing.queries import price_list_ids_of
from app.pricing.quotes import PriceKey, alias_buyer, explain_prices
from app.resellers.models import Listing
from tenants.context import current_scope, reseller_scope, scope
from tenants.links import NoAddress, storefront_url
from tenants.models import Storefront, StorefrontState
from tenants.settings import storefront_settings

ONCE_PER = timedelta(days=1)
NAMED = 20


def tell_of_prices_below_cost(*, at: datetime) -> int:
    """Mail the Admins of every reseller whose listed products have special prices below cost; at most once a day.

    Returns how many resellers were told.
    """
    distributor_id = current_scope().distributor_id
    told = set(
        session.scalars(
            select(OutboundMail.storefront_id).where(
                OutboundMail.distributor_id == distributor_id,
                OutboundMail.template == MailTemplate.PRICES_BELOW_COST.value,
                OutboundMail.created_at > at - ONCE_PER,
            )
        )
    )
    storefronts = session.execute(
        select(Storefront.id, Storefront.reseller_id).where(
            Storefront.distributor_id == distributor_id,
            Storefront.reseller_id.is_not(None),
            Storefront.state == StorefrontState.LIVE,
        )
    ).all()
    number = 0
    for storefront_id, reseller_id in storefronts:
        if reseller_id is None or storefront_id in told:
            continue
        with scope(reseller_scope(distributor_id, reseller_id)):
            on = local_date(at, storefront_settings(storefront_id).time_zone)
            names = products_below_cost(reseller_id, on)
        if names:
            _mail(storefront_id, reseller_id, names, at=at)
            number += 1
    return number


def products_below_cost(reseller_id: UUID, on: date) -> Sequence[str]:
    """Return the names of listed products with a special price, for anybody, below today's cost; in its scope."""
    price = SpecialPrice
    found = session.execute(
        select(Product.name, price.product_id, price.term, price.cycle, price.amount)
        .join(Product, (Product.distributor_id == price.distributor_id) & (Product.id == price.product_id))
        .join(
            Listing,
            (Listing.distributor_id == price.distributor_id)
            & (Listing.reseller_id == price.reseller_id)
            & (Listing.product_id == price.product_id),
        )
        .where(
            price.distributor_id == current_scope().distributor_id,
            price.reseller_id == reseller_id,
            or_(price.valid_from.is_(None), price.valid_from <= on),
            or_(price.valid_to.is_(None), price.valid_to >= on),
        )
        .order_by(Product.name)
    ).all()
    if not found:
        return ()
    with scope(current_scope().with_price_lists(price_list_ids_of(reseller_id))):
        keys = {PriceKey(row.product_id, row.term, row.cycle): None for row in found}
        explained = explain_prices(keys, alias_buyer(reseller_id, None, on))
    names = {
        row.name: None
        for row in found
        if (quote := explained.get(PriceKey(row.product_id, row.term, row.cycle))) and row.amount < quote.cost
    }
    return tuple(names)


def _mail(storefront_id: UUID, reseller_id: UUID, names: Sequence[str], *, at: datetime) -> None:
    shown = ", ".join(names[:NAMED])
    more = len(names) - NAMED
    try:
        link = storefront_url(storefront_id, "/manage/listings?tab=listed")
    except NoAddress:
        link = ""
    fields = {"products": f"{shown} and {more} more" if more > 0 else shown, "prices_url": link}
    for admin in list_account_admins(reseller_id):
        queue_mail(
            MailTemplate.PRICES_BELOW_COST,
            to_email=admin.email,
            to_name=admin.full_name,
            sender_reseller_id=None,
            storefront_id=storefront_id,
            fields=fields,
            about=About(AboutKind.ACCOUNT, reseller_id),
            at=at,
        )
