"""By whose prices a program of a storefront reads and orders: everybody's there, or those of one customer."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from flask import request

from app.access import current_address
from app.accounts.errors import AccountNotFound
from app.accounts.models import Account
from app.accounts.queries import get_account, get_customer
from app.core.clock import local_date
from app.core.errors import Invalid
from app.core.ids import parse_id
from app.pricing.buyers import Buyer, alias_buyer, root_buyer, root_visitor
from app.pricing.queries import default_price_list_ids, price_list_ids_of
from tenants.context import current_scope, enter_scope
from tenants.settings import storefront_settings

CUSTOMER = ("customer_id", "Prices of this customer; without it those that everybody sees")


def customer_here(customer_id: UUID) -> Account:
    """Return a customer of the storefront; raises AccountNotFound for everybody else's, and for its owner."""
    reseller_id = current_address().reseller_id
    if reseller_id is not None:
        return get_customer(reseller_id, customer_id)
    found = get_account(customer_id)
    if found.reseller_id is not None:
        raise AccountNotFound(customer_id)
    return found


def asked_customer() -> UUID | None:
    """Return the customer the query names, or None. Raises Invalid, and AccountNotFound for another's."""
    text = request.args.get(CUSTOMER[0])
    if text is None:
        return None
    found = parse_id(text)
    if found is None:
        raise Invalid.field(CUSTOMER[0], "invalid", "Write the id of a customer")
    return customer_here(found).id


def buyer_here(customer_id: UUID | None, *, at: datetime) -> Buyer:
    """Return the buyer, and name its payer's price lists in the scope from here on."""
    address = current_address()
    assert address.storefront_id is not None, "the console has no API"
    today = local_date(at, storefront_settings(address.storefront_id).time_zone)
    if address.reseller_id is not None:
        lists = price_list_ids_of(address.reseller_id)
        buyer = alias_buyer(address.reseller_id, customer_id, today)
    elif customer_id is not None:
        lists = price_list_ids_of(customer_id)
        buyer = root_buyer(customer_here(customer_id), today)
    else:
        lists = default_price_list_ids()
        buyer = root_visitor(today)
    enter_scope(current_scope().with_price_lists(lists))
    return buyer
