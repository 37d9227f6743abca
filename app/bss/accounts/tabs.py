"""The frame of an account's pages: its tabs, badges and shortcuts."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app, url_for

from app.access import signed_in_viewer
from app.accounts.models import Account
from app.accounts.queries import AccountKind, kind_of
from app.bss.accounts.forms import EDITION_WORDS, STATUS_WORDS
from app.frames.records import more_tabs, page_of
from app.identity.permissions import Permission
from app.pricing.queries import price_list_ids_of
from app.resellers.plans import live_plan
from app.resellers.storefronts import find_storefront
from tenants.links import NoAddress, storefront_url
from themes.frames import Crumb

KIND_WORDS = {
    AccountKind.DIRECT: "Direct customer",
    AccountKind.RESELLER: "Reseller",
    AccountKind.END_CUSTOMER: "End customer",
}


@dataclass(frozen=True, slots=True)
class Tab:
    """One page of an account."""

    label: str
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class AccountHead:
    """What stands above every tab of an account."""

    account: Account
    kind: AccountKind
    kind_words: str
    status_words: str
    edition_words: str
    storefront_url: str | None
    storefront_state: str | None
    tabs: tuple[Tab, ...]
    crumbs: tuple[Crumb, ...]
    lacks_price_list: bool
    has_plan: bool
    may_edit: bool
    may_order: bool
    may_upgrade: bool

    @property
    def is_reseller(self) -> bool:
        """Whether plans and customers belong to it."""
        return self.kind is AccountKind.RESELLER


TABS = (
    ("Details", "bss_accounts.detail", Permission.BSS_ACCOUNTS_VIEW, None),
    ("Users", "bss_accounts.people", Permission.BSS_ACCOUNTS_VIEW, None),
    ("Customers", "bss_accounts.customers", Permission.BSS_ACCOUNTS_VIEW, AccountKind.RESELLER),
    ("Price lists", "bss_price_lists.account", Permission.BSS_PRICES_VIEW, None),
    ("Orders", "bss_accounts.orders", Permission.BSS_ORDERS_VIEW, None),
    ("Subscriptions", "bss_accounts.subscriptions", Permission.BSS_SUBSCRIPTIONS_VIEW, None),
    ("Vendors", "bss_provisioning.account_vendors", Permission.BSS_PROVISIONING_VIEW, None),
    ("Billing", "bss_accounts.billing", Permission.BSS_BILLING_VIEW, None),
    ("Credit", "bss_accounts.credit", Permission.BSS_BILLING_VIEW, None),
    ("History", "bss_accounts.history", Permission.BSS_AUDIT_VIEW, None),
)


def head_of(account: Account, current: str) -> AccountHead:
    """Return the head of an account's page; `current` is the tab's endpoint without its blueprint."""
    kind = kind_of(account)
    viewer = signed_in_viewer()
    tabs = tuple(
        Tab(label, url_for(endpoint, account_id=account.id), endpoint.endswith(f".{current}"))
        for label, endpoint, permission, only_for in TABS
        if only_for in (None, kind) and viewer.holds(permission) and endpoint in current_app.view_functions
    )
    access = [tab for tab in more_tabs(page_of("account"), account.id, viewer) if tab.label == "Access"]
    storefront = find_storefront(account.id) if kind is AccountKind.RESELLER else None
    address: str | None = None
    if storefront is not None and storefront.state.is_open:
        try:
            address = storefront_url(storefront.id)
        except NoAddress:
            address = None
    return AccountHead(
        account=account,
        kind=kind,
        kind_words=KIND_WORDS[kind],
        status_words=STATUS_WORDS[account.status],
        edition_words=EDITION_WORDS.get(account.edition, account.edition),
        storefront_url=address,
        storefront_state=storefront.state.value if storefront is not None else None,
        tabs=(*tabs, *(Tab(tab.label, tab.url, tab.is_current) for tab in access)),
        crumbs=(Crumb("Accounts", url_for("bss_accounts.index")), Crumb(account.name)),
        has_plan=kind is AccountKind.RESELLER and live_plan(account.id) is not None,
        may_edit=viewer.can(Permission.BSS_ACCOUNTS_EDIT),
        may_order=viewer.can(Permission.BSS_ORDERS_EDIT),
        may_upgrade=viewer.can(Permission.BSS_RESELLERS_EDIT),
        lacks_price_list=kind is AccountKind.RESELLER and not price_list_ids_of(account.id),
    )
