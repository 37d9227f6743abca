"""Who may do what: rights of the storefront (SF-10), of the reseller's admin area (RS-13) and of BSS (BC-03, CB-44).

Roles add up; nothing takes a right away. What a person may see of others' rows is decided by the scope, not here.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from functools import cache

from app.identity.models import UserKind, UserType


class Permission(enum.Enum):
    """One right to a function. A view names exactly one."""

    # Storefront, SF-10
    CATALOGUE_VIEW = "catalogue.view"
    DASHBOARD_VIEW = "dashboard.view"
    ORDER_PLACE = "order.place"  # new products
    CHECKOUT = "checkout"  # also the subscriptions manager's: items bound to a subscription
    TRIAL_REQUEST = "trial.request"
    INTEREST_EXPRESS = "interest.express"
    WORKSPACE_OPEN = "workspace.open"
    TICKETS_USE = "tickets.use"
    OWN_DETAILS_EDIT = "own_details.edit"
    COMPANY_EDIT = "company.edit"
    VENDOR_DETAILS_EDIT = "vendor_details.edit"
    INVOICES_VIEW = "invoices.view"
    INVOICES_PAY = "invoices.pay"
    ORDERS_VIEW = "orders.view"
    ORDERS_SCHEDULE = "orders.schedule"
    SUBSCRIPTIONS_VIEW = "subscriptions.view"
    SUBSCRIPTION_PRICES_VIEW = "subscription_prices.view"  # all but the cloud administrator
    SUBSCRIPTIONS_MANAGE = "subscriptions.manage"
    BUDGETS_MANAGE = "budgets.manage"
    ASSETS_VIEW = "assets.view"
    ASSETS_MANAGE = "assets.manage"
    DOCUMENTS_VIEW = "documents.view"
    USERS_MANAGE = "users.manage"
    COMPANY_SIGN_IN_MANAGE = "company_sign_in.manage"  # a customer's Admins: their company's own identity provider
    RESELLER_PLANS_BUY = "reseller_plans.buy"
    STOREFRONT_HOP = "storefront.hop"  # reseller staff at the root: over to their own storefront

    # The reseller's admin area: its Admins and My Storefront Managers
    MANAGE_STOREFRONT = "manage.storefront"  # opens /manage
    ORDER_APPROVE = "manage.order_approve"
    MANAGE_ORDERS = "manage.orders"
    MANAGE_CUSTOMERS = "manage.customers"
    MANAGE_SUBSCRIPTIONS = "manage.subscriptions"
    MANAGE_LISTINGS = "manage.listings"
    MANAGE_PRICES = "manage.prices"
    MANAGE_SETTINGS = "manage.settings"
    MANAGE_LOOK = "manage.look"
    MANAGE_MAIL = "manage.mail"
    MANAGE_REPORTS = "manage.reports"
    MANAGE_API = "manage.api"

    # Back office
    BSS_OPEN = "bss.open"
    BSS_ACCOUNTS_VIEW = "bss.accounts.view"
    BSS_ACCOUNTS_EDIT = "bss.accounts.edit"
    BSS_CREDIT_EDIT = "bss.credit.edit"
    BSS_RESELLERS_VIEW = "bss.resellers.view"
    BSS_RESELLERS_EDIT = "bss.resellers.edit"
    BSS_CATALOGUE_VIEW = "bss.catalogue.view"
    BSS_CATALOGUE_EDIT = "bss.catalogue.edit"
    BSS_IMPORTS_RUN = "bss.imports.run"
    BSS_CATALOGUE_SYNC = "bss.catalogue.sync"  # reads vendors' services definitions (CB-15)
    BSS_USAGE_EDIT = "bss.usage.edit"  # uploads usage (CB-13)
    BSS_PRICES_VIEW = "bss.prices.view"
    BSS_PRICES_EDIT = "bss.prices.edit"
    BSS_PRICES_ASSIGN = "bss.prices.assign"  # price lists to accounts: also the account manager's (CB-05)
    BSS_PRICES_OVERRIDE = "bss.prices.override"  # by hand or discount, on orders and subscriptions (CB-44)
    BSS_COSTS_VIEW = "bss.costs.view"  # vendor cost
    BSS_RATES_EDIT = "bss.rates.edit"  # exchange rates (BC-07)
    BSS_ORDERS_VIEW = "bss.orders.view"
    BSS_ORDERS_EDIT = "bss.orders.edit"
    BSS_ORDERS_EXECUTE = "bss.orders.execute"
    BSS_SALES_APPROVE = "bss.sales.approve"  # prices below cost, discounts above the ceiling, everybody's offers
    BSS_SUBSCRIPTIONS_VIEW = "bss.subscriptions.view"
    BSS_SUBSCRIPTIONS_EDIT = "bss.subscriptions.edit"
    BSS_PROVISIONING_VIEW = "bss.provisioning.view"
    BSS_PROVISIONING_EDIT = "bss.provisioning.edit"
    BSS_BILLING_VIEW = "bss.billing.view"
    BSS_BILLING_EDIT = "bss.billing.edit"
    BSS_SUPPORT_VIEW = "bss.support.view"
    BSS_SUPPORT_EDIT = "bss.support.edit"
    BSS_REPORTS_VIEW = "bss.reports.view"
    BSS_MAIL_VIEW = "bss.mail.view"
    BSS_SETUP_VIEW = "bss.setup.view"
    BSS_SETUP_EDIT = "bss.setup.edit"
    BSS_USERS_MANAGE = "bss.users.manage"
    BSS_ROLES_MANAGE = "bss.roles.manage"
    BSS_TEAMS_MANAGE = "bss.teams.manage"
    BSS_RULES_MANAGE = "bss.permission_rules.manage"
    BSS_RECORDS_ALL = "bss.records.all"  # whatever permission rules say (BC-04)
    BSS_AUDIT_VIEW = "bss.audit.view"
    BSS_ACT_AS = "bss.act_as"

    # The operator's console
    PLATFORM = "platform"


class StorefrontRole(enum.Enum):
    """Roles of simple users in a storefront (SF-10)."""

    BILLING_AGENT = "billing_agent"
    SUBSCRIPTIONS_MANAGER = "subscriptions_manager"
    BUYER = "buyer"
    CLOUD_ADMINISTRATOR = "cloud_administrator"
    STOREFRONT_MANAGER = "storefront_manager"  # only of a reseller with a storefront

    @property
    def label(self) -> str:
        """The role as screens name it."""
        if self is StorefrontRole.STOREFRONT_MANAGER:
            return "My Storefront Manager"
        return str(self.value).replace("_", " ").capitalize()


class BssRole(enum.Enum):
    """Built-in roles of the back office (decisions section 8)."""

    ADMINISTRATOR = "administrator"
    PRODUCT_MANAGER = "product_manager"
    SALES = "sales"
    BILLING = "billing"
    OPERATIONS = "operations"
    SUPPORT = "support"
    READ_ONLY = "read_only"

    @property
    def label(self) -> str:
        """The role as screens name it."""
        return "Read-only" if self is BssRole.READ_ONLY else str(self.value).replace("_", " ").capitalize()


STOREFRONT_EDITIONS = frozenset({"free", "standard"})  # editions that own a storefront

P = Permission
WITHOUT_ROLE = frozenset({P.CATALOGUE_VIEW, P.OWN_DETAILS_EDIT, P.TICKETS_USE, P.INTEREST_EXPRESS})
EVERY_ROLE = WITHOUT_ROLE | {P.DASHBOARD_VIEW, P.SUBSCRIPTIONS_VIEW, P.ASSETS_VIEW}
ORDER_PAPERS = frozenset({P.ORDERS_VIEW, P.DOCUMENTS_VIEW, P.SUBSCRIPTION_PRICES_VIEW})
MANAGE = frozenset(permission for permission in Permission if permission.value.startswith("manage."))
BSS = frozenset(permission for permission in Permission if permission.value.startswith("bss."))
BSS_VIEW = frozenset({P.BSS_OPEN}) | {permission for permission in BSS if permission.value.endswith(".view")}
BSS_WITHOUT_SETUP = BSS_VIEW - {P.BSS_COSTS_VIEW, P.BSS_SETUP_VIEW, P.BSS_AUDIT_VIEW, P.BSS_MAIL_VIEW}

OF_STOREFRONT_ROLE: Mapping[StorefrontRole, frozenset[Permission]] = {
    StorefrontRole.BILLING_AGENT: EVERY_ROLE
    | ORDER_PAPERS
    | {P.COMPANY_EDIT, P.INVOICES_VIEW, P.INVOICES_PAY, P.BUDGETS_MANAGE},
    StorefrontRole.SUBSCRIPTIONS_MANAGER: EVERY_ROLE
    | ORDER_PAPERS
    | {P.SUBSCRIPTIONS_MANAGE, P.CHECKOUT, P.BUDGETS_MANAGE, P.ASSETS_MANAGE},
    StorefrontRole.BUYER: EVERY_ROLE | ORDER_PAPERS | {P.ORDER_PLACE, P.CHECKOUT, P.TRIAL_REQUEST, P.ORDERS_SCHEDULE},
    StorefrontRole.CLOUD_ADMINISTRATOR: EVERY_ROLE | {P.WORKSPACE_OPEN, P.VENDOR_DETAILS_EDIT},
    StorefrontRole.STOREFRONT_MANAGER: WITHOUT_ROLE,  # decisions section 8: a user without role plus /manage
}
STOREFRONT_ADMIN = frozenset({P.USERS_MANAGE, P.COMPANY_SIGN_IN_MANAGE}).union(*OF_STOREFRONT_ROLE.values())

OF_BSS_ROLE: Mapping[BssRole, frozenset[Permission]] = {
    BssRole.ADMINISTRATOR: BSS,
    BssRole.PRODUCT_MANAGER: BSS_WITHOUT_SETUP
    | {
        P.BSS_CATALOGUE_EDIT,
        P.BSS_IMPORTS_RUN,
        P.BSS_CATALOGUE_SYNC,
        P.BSS_USAGE_EDIT,
        P.BSS_PRICES_EDIT,
        P.BSS_PRICES_ASSIGN,
        P.BSS_COSTS_VIEW,
    },
    BssRole.SALES: BSS_WITHOUT_SETUP
    | {
        P.BSS_ACCOUNTS_EDIT,
        P.BSS_RESELLERS_EDIT,
        P.BSS_PRICES_ASSIGN,
        P.BSS_ORDERS_EDIT,
        P.BSS_ORDERS_EXECUTE,
        P.BSS_SUBSCRIPTIONS_EDIT,
        P.BSS_SUPPORT_EDIT,
        P.BSS_ACT_AS,
    },
    BssRole.BILLING: BSS_WITHOUT_SETUP
    | {
        P.BSS_PRICES_EDIT,
        P.BSS_PRICES_ASSIGN,
        P.BSS_PRICES_OVERRIDE,
        P.BSS_COSTS_VIEW,
        P.BSS_BILLING_EDIT,
        P.BSS_RATES_EDIT,
        P.BSS_USAGE_EDIT,
        P.BSS_CREDIT_EDIT,
        P.BSS_SETUP_VIEW,
    },
    BssRole.OPERATIONS: BSS_WITHOUT_SETUP
    | {
        P.BSS_ORDERS_EDIT,
        P.BSS_ORDERS_EXECUTE,
        P.BSS_SUBSCRIPTIONS_EDIT,
        P.BSS_PROVISIONING_EDIT,
        P.BSS_CATALOGUE_SYNC,
        P.BSS_USAGE_EDIT,
        P.BSS_MAIL_VIEW,
        P.BSS_SETUP_VIEW,
        P.BSS_SUPPORT_EDIT,
    },
    BssRole.SUPPORT: BSS_WITHOUT_SETUP - {P.BSS_BILLING_VIEW, P.BSS_REPORTS_VIEW} | {P.BSS_SUPPORT_EDIT, P.BSS_ACT_AS},
    BssRole.READ_ONLY: BSS_WITHOUT_SETUP,
}


def permissions_of(
    kind: UserKind, type_: UserType, roles: Collection[str], edition: str = "none", rights: Collection[str] = ()
) -> frozenset[Permission]:
    """Return the rights of a person. `edition` is the reseller account's: free and standard own a storefront.

    `rights` are those of the distributor's own roles, of its own people alone (`identity.roles`). Names of roles and
    rights that do not exist for the kind give nothing.
    """
    return _permissions_of(kind, type_, frozenset(roles), edition, frozenset(rights))


@cache
def _permissions_of(
    kind: UserKind, type_: UserType, roles: frozenset[str], edition: str, rights: frozenset[str]
) -> frozenset[Permission]:
    if kind is UserKind.BSS:
        return _of_bss(type_, roles, rights)
    found = STOREFRONT_ADMIN if type_ is UserType.ADMIN else WITHOUT_ROLE
    found = found.union(*(rights for role, rights in OF_STOREFRONT_ROLE.items() if role.value in roles))
    if kind is not UserKind.RESELLER:
        return found
    found -= {P.COMPANY_SIGN_IN_MANAGE}  # a reseller's staff signs in to more than one realm
    is_admin = type_ is UserType.ADMIN
    if is_admin or StorefrontRole.BUYER.value in roles:
        found |= {P.RESELLER_PLANS_BUY}
    if edition in STOREFRONT_EDITIONS:
        found |= {P.STOREFRONT_HOP}
        if is_admin or StorefrontRole.STOREFRONT_MANAGER.value in roles:
            found |= MANAGE
    return found


def _of_bss(type_: UserType, roles: frozenset[str], rights: frozenset[str]) -> frozenset[Permission]:
    if type_ is UserType.ADMIN:
        return BSS
    own = frozenset(permission for permission in BSS if permission.value in rights)
    opened = own | {P.BSS_OPEN} if own else own
    return opened.union(*(found for role, found in OF_BSS_ROLE.items() if role.value in roles))
