from __future__ import annotations

import pytest

from app.identity.models import UserKind, UserType
from app.identity.permissions import BSS, MANAGE, WITHOUT_ROLE, BssRole, Permission, StorefrontRole, permissions_of

P = Permission
ROLES = ("billing_agent", "subscriptions_manager", "buyer", "cloud_administrator")
# SF-10, row by row: Admin, Billing Agent, Subscriptions Manager, Buyer, Cloud Admin
TABLE = {
    P.CATALOGUE_VIEW: "yyyyy",
    P.DASHBOARD_VIEW: "yyyyy",
    P.ORDER_PLACE: "y--y-",
    P.TRIAL_REQUEST: "y--y-",
    P.INTEREST_EXPRESS: "yyyyy",
    P.WORKSPACE_OPEN: "y---y",
    P.TICKETS_USE: "yyyyy",
    P.OWN_DETAILS_EDIT: "yyyyy",
    P.COMPANY_EDIT: "yy---",
    P.VENDOR_DETAILS_EDIT: "y---y",
    P.INVOICES_VIEW: "yy---",
    P.INVOICES_PAY: "yy---",
    P.ORDERS_VIEW: "yyyy-",
    P.SUBSCRIPTIONS_VIEW: "yyyyy",
    P.SUBSCRIPTION_PRICES_VIEW: "yyyy-",
    P.SUBSCRIPTIONS_MANAGE: "y-y--",
    P.BUDGETS_MANAGE: "yyy--",
    P.ASSETS_VIEW: "yyyyy",
    P.ASSETS_MANAGE: "y-y--",
    P.DOCUMENTS_VIEW: "yyyy-",
    P.ORDERS_SCHEDULE: "y--y-",
    P.USERS_MANAGE: "y----",
}


def rights(*roles: str, kind: UserKind = UserKind.END_CUSTOMER, edition: str = "none") -> frozenset[Permission]:
    return permissions_of(kind, UserType.USER, roles, edition)


def admin(kind: UserKind, edition: str = "none") -> frozenset[Permission]:
    return permissions_of(kind, UserType.ADMIN, (), edition)


@pytest.mark.parametrize("permission", TABLE)
def test_rights_follow_the_table_of_roles(permission: Permission) -> None:
    """SF-10, rights table."""
    holders = [admin(UserKind.END_CUSTOMER), *(rights(role) for role in ROLES)]

    assert "".join("y" if permission in found else "-" for found in holders) == TABLE[permission]


def test_rights_of_several_roles_add_up() -> None:
    assert rights("buyer", "billing_agent") == rights("buyer") | rights("billing_agent")


def test_simple_user_without_role_has_catalogue_own_details_and_tickets() -> None:
    assert rights() == WITHOUT_ROLE
    assert rights("storefront_manager") == WITHOUT_ROLE


def test_subscriptions_manager_checks_out_but_orders_nothing_new() -> None:
    assert P.CHECKOUT in rights("subscriptions_manager")
    assert P.ORDER_PLACE not in rights("subscriptions_manager")


@pytest.mark.parametrize("edition", ["free", "standard"])
def test_admin_area_is_for_admins_and_storefront_managers_of_a_reseller_with_storefront(edition: str) -> None:
    """RS-F70 (partly): who reaches the admin area."""
    assert admin(UserKind.RESELLER, edition) >= MANAGE
    assert rights("storefront_manager", kind=UserKind.RESELLER, edition=edition) == (
        WITHOUT_ROLE | MANAGE | {P.STOREFRONT_HOP}
    )
    assert not rights(*ROLES, kind=UserKind.RESELLER, edition=edition) & MANAGE


@pytest.mark.parametrize("edition", ["none", "basic"])
def test_without_storefront_there_is_no_admin_area(edition: str) -> None:
    assert not admin(UserKind.RESELLER, edition) & MANAGE


@pytest.mark.parametrize("kind", [UserKind.DIRECT, UserKind.END_CUSTOMER])
def test_no_customer_reaches_an_admin_area_whatever_their_roles(kind: UserKind) -> None:
    """RS-F69 (partly): End-customer users never, even Admins."""
    every = permissions_of(kind, UserType.ADMIN, [role.value for role in StorefrontRole], "standard")

    assert not every & (MANAGE | BSS | {P.RESELLER_PLANS_BUY, P.STOREFRONT_HOP, P.PLATFORM})


def test_reseller_plans_are_bought_by_admins_and_buyers() -> None:
    assert P.RESELLER_PLANS_BUY in admin(UserKind.RESELLER, "basic")
    assert P.RESELLER_PLANS_BUY in rights("buyer", kind=UserKind.RESELLER, edition="basic")
    assert P.RESELLER_PLANS_BUY not in rights("billing_agent", kind=UserKind.RESELLER, edition="basic")


def bss(role: BssRole) -> frozenset[Permission]:
    return permissions_of(UserKind.BSS, UserType.USER, (role.value,))


@pytest.mark.parametrize(
    ("permission", "holders"),
    [
        (P.BSS_CATALOGUE_EDIT, {BssRole.PRODUCT_MANAGER}),
        (P.BSS_PRICES_EDIT, {BssRole.PRODUCT_MANAGER, BssRole.BILLING}),
        (P.BSS_ORDERS_EXECUTE, {BssRole.SALES, BssRole.OPERATIONS}),
        (P.BSS_BILLING_EDIT, {BssRole.BILLING}),
        (P.BSS_PROVISIONING_EDIT, {BssRole.OPERATIONS}),
        (P.BSS_USERS_MANAGE, set()),
        (P.BSS_SETUP_EDIT, set()),
        (P.BSS_COSTS_VIEW, {BssRole.PRODUCT_MANAGER, BssRole.BILLING}),
    ],
)
def test_back_office_rights_follow_the_matrix(permission: Permission, holders: set[BssRole]) -> None:
    """CB-44: who may do what in the back office; the Administrator may do everything."""
    assert {role for role in BssRole if permission in bss(role)} == {BssRole.ADMINISTRATOR, *holders}


def test_read_only_changes_nothing() -> None:
    changing = ("edit", "execute", "manage", "run", "act_as")

    assert [found.value for found in bss(BssRole.READ_ONLY) if found.value.endswith(changing)] == []


def test_unknown_role_gives_nothing() -> None:
    assert permissions_of(UserKind.BSS, UserType.USER, ("root",)) == frozenset()


def test_storefront_people_have_no_right_in_the_back_office() -> None:
    assert not admin(UserKind.RESELLER, "standard") & BSS
    assert not permissions_of(UserKind.BSS, UserType.ADMIN, ()) & (MANAGE | {P.ORDER_PLACE, P.PLATFORM})
