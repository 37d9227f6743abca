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
    endpoint: str
    argument: str
    sees: Permission
    decides: Permission | None = None
    table: str = ""  # where its records stand; the kind's plural where nothing is said
    history: str = "bss_records.history"  # accounts have theirs among their own tabs

    def url(self, key: object) -> str:
        """Return the address of a record's page."""
        values: dict[str, Any] = {self.argument: key}
        return url_for(self.endpoint, **values)


P = Permission
RECORD_PAGES = (
    RecordPage(
        "account",
        "bss_accounts.detail",
        "account_id",
        P.BSS_ACCOUNTS_VIEW,
        P.BSS_ACCOUNTS_EDIT,
        history="bss_accounts.history",
    ),
    RecordPage("order", "bss_orders.detail", "number", P.BSS_ORDERS_VIEW, P.BSS_ORDERS_EDIT),
    RecordPage("offer", "bss_offers.detail", "number", P.BSS_ORDERS_EDIT, P.BSS_ORDERS_EDIT),
    RecordPage("subscription", "bss_subscriptions.detail", "code", P.BSS_SUBSCRIPTIONS_VIEW, P.BSS_SUBSCRIPTIONS_EDIT),
    RecordPage("asset", "bss_assets.detail", "code", P.BSS_SUBSCRIPTIONS_VIEW, P.BSS_SUBSCRIPTIONS_EDIT),
    RecordPage("invoice", "bss_invoices.detail", "number", P.BSS_BILLING_VIEW, P.BSS_BILLING_EDIT),
    RecordPage("product", "bss_products.detail", "product_id", P.BSS_CATALOGUE_VIEW),
    RecordPage("product_type", "bss_product_types.edit", "type_id", P.BSS_CATALOGUE_EDIT),
    RecordPage("product_group", "bss_groups.edit", "group_id", P.BSS_CATALOGUE_EDIT),
    RecordPage("category", "bss_categories.edit", "category_id", P.BSS_CATALOGUE_EDIT, table="categories"),
    RecordPage("price_list", "bss_price_lists.detail", "price_list_id", P.BSS_PRICES_VIEW),
    RecordPage("promotion", "bss_promotions.edit", "promotion_id", P.BSS_PRICES_EDIT),
    RecordPage("registration", "bss_registrations.detail", "registration_id", P.BSS_ACCOUNTS_VIEW),
    RecordPage("provisioning_task", "bss_provisioning.task", "task_id", P.BSS_PROVISIONING_VIEW),
    RecordPage("service_manager", "bss_provisioning.manager", "manager_id", P.BSS_SETUP_EDIT),
    RecordPage("import_run", "bss_imports.detail", "run_id", P.BSS_IMPORTS_RUN),
    RecordPage("product_file", "bss_product_files.detail", "file_id", P.BSS_IMPORTS_RUN),
    RecordPage("usage_import", "bss_usage.detail", "import_id", P.BSS_USAGE_EDIT),
    RecordPage("vendor_run", "bss_vendor_runs.detail", "run_id", P.BSS_CATALOGUE_SYNC),
    RecordPage("asset_field", "bss_asset_fields.edit", "field_id", P.BSS_SETUP_EDIT),
    RecordPage("user", "bss_users.edit", "user_id", P.BSS_USERS_MANAGE),
    RecordPage("role", "bss_roles.edit", "role_id", P.BSS_ROLES_MANAGE, table="bss_roles"),
    RecordPage("team", "bss_teams.edit", "team_id", P.BSS_TEAMS_MANAGE),
    RecordPage("permission_rule", "bss_permission_rules.edit", "rule_id", P.BSS_RULES_MANAGE),
)
BY_KIND = {page.kind: page for page in RECORD_PAGES}
BY_ENDPOINT = {page.endpoint: page for page in RECORD_PAGES}
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
        NavItem("Details", page.url(key), is_current=request.endpoint == page.endpoint),
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
