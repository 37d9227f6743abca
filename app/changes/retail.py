"""What a reseller's customers pay from their next term on: found by the reseller's markups of that day (CB-41, decisions 6).

The distributor's job renews the wholesale side; this half runs in the reseller's own scope, where its markups are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import select

from app.catalogue.models import Product
from app.core.db import session
from app.pricing.buyers import alias_buyer
from app.pricing.lines import Asked, price_lines
from app.pricing.queries import price_list_ids_of
from app.pricing.quotes import PriceKey, explain_products
from app.subscriptions.models import Subscription
from tenants.context import current_scope, reseller_scope, scope


def reprice_retail(subscriptions: Sequence[Subscription], reseller_id: UUID, *, on: date) -> None:
    """Set the sell prices of customers' subscriptions that begin a term; one statement or two per customer.

    A price the customer does not see (None) stays unseen, one of a product that is listed no more stays as it is.
    """
    by_customer: dict[UUID, list[Subscription]] = defaultdict(list)
    for subscription in subscriptions:
        if subscription.account_id not in (None, reseller_id) and subscription.unit_price is not None:
            by_customer[subscription.account_id].append(subscription)
    if not by_customer:
        return
    owner = reseller_scope(current_scope().distributor_id, reseller_id)
    with scope(owner.with_price_lists(price_list_ids_of(reseller_id))):
        products = _products({each.product_id for each in subscriptions})
        for customer_id, owned in by_customer.items():
            buyer = alias_buyer(reseller_id, customer_id, on)
            asked = [
                Asked(
                    products[each.product_id],
                    PriceKey(each.product_id, each.term, each.cycle),
                    max(each.quantity, 1),
                    tuple(each.price_options),
                )
                for each in owned
            ]
            prices = explain_products({each.product_id for each in owned}, buyer)
            for each, found in zip(owned, price_lines(asked, prices, buyer), strict=True):
                if found is not None:
                    each.unit_price = found.price.unit_price
        session.flush()


def _products(product_ids: set[UUID]) -> dict[UUID, Product]:
    rows = session.scalars(
        select(Product).where(Product.distributor_id == current_scope().distributor_id, Product.id.in_(product_ids))
    )
    return {row.id: row for row in rows}
