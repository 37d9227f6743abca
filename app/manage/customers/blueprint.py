"""The blueprint of a reseller's customers, and what all its pages show around their content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import request, url_for

from app.access import current_address
from app.accounts.models import Account, AccountStatus
from app.accounts.queries import get_account, get_customer
from app.resellers.customers import CustomerRow, customer_figures
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("customers", __name__, surface=Surface.MANAGE)

STATUS_WORDS = {
    AccountStatus.PENDING_APPROVAL: "Pending approval",
    AccountStatus.ACTIVE: "Active",
    AccountStatus.SUSPENDED: "Suspended",
    AccountStatus.INACTIVE: "Inactive",
}
TABS = (
    ("Details", "detail"),
    ("Users", "users"),
    ("Orders", "orders"),
    ("Subscriptions", "subscriptions"),
    ("Assets", "assets"),
    ("Pricing", "pricing"),
    ("Activity", "activity"),
)


@dataclass(frozen=True, slots=True)
class Tab:
    """One page of a customer."""

    label: str
    url: str
    is_current: bool


def reseller_id() -> UUID:
    """Return the reseller whose storefront is administered."""
    found = current_address().reseller_id
    if found is None:
        raise RuntimeError("These pages answer on a reseller's address only")
    return found


def reseller() -> Account:
    """Return the account of the reseller whose storefront is administered."""
    return get_account(reseller_id())


def tabs_of(customer_id: UUID) -> list[Tab]:
    """Return the pages of a customer; Pricing belongs to the prices and stands at its own path."""
    here = (request.endpoint or "").rpartition(".")[2]
    base = url_for("manage_customers.detail", customer_id=customer_id)
    return [
        Tab(
            label,
            f"{base}/pricing" if name == "pricing" else url_for(f"manage_customers.{name}", customer_id=customer_id),
            is_current=here in (name, f"save_{name}", f"add_{name}"),
        )
        for label, name in TABS
    ]


def customer_page(template: str, customer_id: UUID, **context: Any) -> str:
    """Render a page of one customer below its header; raises AccountNotFound for somebody else's."""
    owner = reseller()
    customer = get_customer(owner.id, customer_id)
    figures: CustomerRow = customer_figures(owner.id, customer_id, currency=owner.currency)
    return page(
        f"manage/customers/{template}.html",
        title=customer.name,
        breadcrumbs=[Crumb("Customers", url_for("manage_customers.index")), Crumb(customer.name)],
        customer=customer,
        figures=figures,
        currency=owner.currency,
        status=STATUS_WORDS[customer.status],
        is_locked=owner.is_card_payer,
        tabs=tabs_of(customer_id),
        **context,
    )
