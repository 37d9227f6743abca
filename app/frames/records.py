"""The tabs of a record's page: its details, its history, who may see it. One list says which pages are records'."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import request, url_for

from app.access import Viewer
from app.access.records import may_decide_access
from app.core.errors import NotFound
from app.identity.permissions import Permission
from themes.frames import NavItem


@dataclass(frozen=True, slots=True)
class RecordPage:
    """The page of records of one kind. `argument` names the record in its address: an id, a number or a code.

    `sees` opens the page; `decides` is the right to say who sees a record, of kinds that may have a permission rule.
    """

    kind: str  # as the audit trail calls it
    endpoint: str  # of its first page; "": nothing leads to it
    argument: str  # "": the page is a list that it stands in
    sees: Permission
    decides: Permission | None = None
    table: str = ""  # where its records stand; the kind's plural where nothing is said
    history: str = "bss_records.history"  # accounts have theirs among their own tabs
    more: tuple[str, ...] = ()  # further pages of the same record
    name: tuple[str, ...] = ("name",)  # the columns people call it by
    key: tuple[str, ...] = ()  # the columns its address has: the first that is filled; else its id, or `argument`
    in_realm: bool = False  # sign-in data: read with its realm opened

    @property
    def stored_in(self) -> str:
        """The table of its records."""
        return self.table or f"{self.kind}s"

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns of what its address says."""
        return self.key or ("id" if self.argument.endswith("_id") or not self.argument else self.argument,)

    def url(self, key: object) -> str:
        """Return the address of a record's page."""
        values: dict[str, Any] = {self.argument: key} if self.argument else {}
        return url_for(self.endpoint, **values)


P = Permission
PROVIDER, STOREFRONT_PROVIDER = "provider", "storefront_provider"  # of the staff's realm; of the own storefront's
NUMBER, CODE, FILE = ("number",), ("code",), ("file_name",)
RECORD_PAGES = (
    RecordPage(
        "account",
        "bss_accounts.detail",
        "account_id",
        P.BSS_ACCOUNTS_VIEW,
        P.BSS_ACCOUNTS_EDIT,
        history="bss_accounts.history",
    ),
    RecordPage("order", "bss_orders.detail", "number", P.BSS_ORDERS_VIEW, P.BSS_ORDERS_EDIT, name=NUMBER),
    RecordPage("offer", "bss_offers.detail", "number", P.BSS_ORDERS_EDIT, P.BSS_ORDERS_EDIT, name=NUMBER),
    RecordPage(
        "subscription",
        "bss_subscriptions.detail",
        "code",
        P.BSS_SUBSCRIPTIONS_VIEW,
        P.BSS_SUBSCRIPTIONS_EDIT,
        more=("bss_trials.detail", "bss_subscription_prices.edit"),
        name=CODE,
    ),
    RecordPage("asset", "bss_assets.detail", "code", P.BSS_SUBSCRIPTIONS_VIEW, P.BSS_SUBSCRIPTIONS_EDIT, name=CODE),
    RecordPage("invoice", "bss_invoices.detail", "number", P.BSS_BILLING_VIEW, P.BSS_BILLING_EDIT, name=NUMBER),
    RecordPage("product", "bss_products.detail", "product_id", P.BSS_CATALOGUE_VIEW),
    RecordPage("product_type", "bss_product_types.edit", "type_id", P.BSS_CATALOGUE_EDIT),
    RecordPage("product_group", "bss_groups.edit", "group_id", P.BSS_CATALOGUE_EDIT),
    RecordPage("category", "bss_categories.edit", "category_id", P.BSS_CATALOGUE_EDIT, table="categories"),
    RecordPage("industry", "bss_industries.edit", "industry_id", P.BSS_CATALOGUE_EDIT, table="industries"),
    RecordPage("price_group", "bss_industries.edit_price_group", "price_group_id", P.BSS_CATALOGUE_EDIT),
    RecordPage("price_list", "bss_price_lists.detail", "price_list_id", P.BSS_PRICES_VIEW),
    RecordPage("promotion", "bss_promotions.edit", "promotion_id", P.BSS_PRICES_EDIT),
    RecordPage("currency", "bss_currencies.edit", "code", P.BSS_SETUP_EDIT, table="currencies", name=CODE),
    RecordPage(
        "registration",
        "bss_registrations.detail",
        "registration_id",
        P.BSS_ACCOUNTS_VIEW,
        name=("first_name", "last_name"),
    ),
    RecordPage(
        "provisioning_task", "bss_provisioning.task", "task_id", P.BSS_PROVISIONING_VIEW, name=("kind", "status")
    ),
    RecordPage("service_manager", "bss_provisioning.manager", "manager_id", P.BSS_SETUP_EDIT),
    RecordPage("adoption", "bss_adoption.service", "adoption_id", P.BSS_PROVISIONING_EDIT),
    RecordPage("import_run", "bss_imports.detail", "run_id", P.BSS_IMPORTS_RUN, name=FILE),
    RecordPage("product_file", "bss_product_files.detail", "file_id", P.BSS_IMPORTS_RUN, name=FILE),
    RecordPage("usage_import", "bss_usage.detail", "import_id", P.BSS_USAGE_EDIT, name=FILE),
    RecordPage(
        "exchange_rate_file",
        "bss_currencies.rate_file",
        "file_id",
        P.BSS_RATES_EDIT,
        table="exchange_rate_files",
        name=FILE,
    ),
    RecordPage("vendor_run", "bss_vendor_runs.detail", "run_id", P.BSS_CATALOGUE_SYNC, name=("manager_name",)),
    RecordPage("asset_field", "bss_asset_fields.edit", "field_id", P.BSS_SETUP_EDIT),
    RecordPage(
        "order_status", "bss_order_statuses.edit", "ref", P.BSS_SETUP_EDIT, table="order_statuses", key=("key", "id")
    ),
    RecordPage(
        "offer_status", "bss_offer_statuses.edit", "ref", P.BSS_SETUP_EDIT, table="offer_statuses", key=("key", "id")
    ),
    RecordPage(
        "offer_template",
        "bss_offer_templates.edit",
        "language",
        P.BSS_SETUP_EDIT,
        table="offer_templates",
        key=("language",),
        name=("title",),
    ),
    *(
        RecordPage(
            kind,
            f"bss_{kind}s.edit",
            "provider_id",
            P.BSS_SETUP_VIEW,
            table="identity_providers",
            more=(f"bss_{kind}s.edit_saml", f"bss_{kind}s.rules"),
            in_realm=True,
        )
        for kind in (PROVIDER, STOREFRONT_PROVIDER)
    ),
    RecordPage("user", "bss_users.edit", "user_id", P.BSS_USERS_MANAGE, name=("first_name", "last_name")),
    RecordPage("role", "bss_roles.edit", "role_id", P.BSS_ROLES_MANAGE, table="bss_roles"),
    RecordPage("team", "bss_teams.edit", "team_id", P.BSS_TEAMS_MANAGE),
    RecordPage("permission_rule", "bss_permission_rules.edit", "rule_id", P.BSS_RULES_MANAGE),
)
# What the trail names and what stands on a page with others: it has no History tab of its own.
PLACES = (
    RecordPage("exchange_rate", "bss_currencies.rates", "", P.BSS_PRICES_VIEW, name=("from_code", "to_code")),
    RecordPage(
        "drift",
        "bss_reconciliation.run",
        "run_id",
        P.BSS_PROVISIONING_VIEW,
        name=("vendor_reference",),
        key=("run_id",),
    ),
    RecordPage("api_client", "bss_api_clients.index", "", P.BSS_SETUP_VIEW, in_realm=True),
    RecordPage("distributor", "bss_settings.index", "", P.BSS_SETUP_VIEW),
)
BY_KIND = {page.kind: page for page in RECORD_PAGES}
BY_ENDPOINT = {endpoint: page for page in RECORD_PAGES for endpoint in (page.endpoint, *page.more)}
HISTORY, ACCESS = "bss_records.history", "bss_records.access"


def page_of(kind: str) -> RecordPage:
    """Return the page of a kind of record; raises NotFound."""
    found = BY_KIND.get(kind)
    if found is None:
        raise NotFound("There is no such kind of record")
    return found


def record_tabs(viewer: Viewer | None) -> list[NavItem]:
    """Return the tabs of the record that this page is about; none where the viewer may open nothing but the page."""
    arguments = request.view_args or {}
    if request.endpoint in (HISTORY, ACCESS):
        page, key = BY_KIND.get(arguments["kind"]), arguments["key"]
    else:
        page = BY_ENDPOINT.get(request.endpoint or "")
        key = arguments.get(page.argument) if page is not None else None
    return [] if page is None or viewer is None else tabs_beside(page, key, viewer)


def tabs_beside(page: RecordPage, key: object, viewer: Viewer) -> list[NavItem]:
    """Return details, history and access of a record, as far as the viewer may open them."""
    found = [
        NavItem("Details", page.url(key), is_current=request.endpoint in (page.endpoint, *page.more)),
        *more_tabs(page, key, viewer),
    ]
    return found if len(found) > 1 else []


def more_tabs(page: RecordPage, key: object, viewer: Viewer) -> list[NavItem]:
    """Return the tabs beside a record's own: its history, who may see it."""
    found = []
    if viewer.holds(Permission.BSS_AUDIT_VIEW):
        values: dict[str, Any] = {page.argument: key} if page.history != HISTORY else {"kind": page.kind, "key": key}
        url = url_for(page.history, **values)
        found.append(NavItem("History", url, is_current=request.endpoint == HISTORY))
    if page.decides is not None and viewer.holds(page.decides) and may_decide_access():
        url = url_for(ACCESS, kind=page.kind, key=key)
        found.append(NavItem("Access", url, is_current=request.endpoint == ACCESS))
    return found
