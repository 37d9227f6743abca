"""Rights as people read them: one row per area, what may be seen, what may be changed, and what is special (BC-03)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.identity.permissions import Permission
from app.identity.roles import GRANTABLE

SPECIAL: Mapping[Permission, str] = {
    Permission.BSS_IMPORTS_RUN: "Run imports",
    Permission.BSS_CATALOGUE_SYNC: "Read vendors' catalogues",
    Permission.BSS_PRICES_ASSIGN: "Assign price lists to accounts",
    Permission.BSS_PRICES_OVERRIDE: "Override prices",
    Permission.BSS_ORDERS_EXECUTE: "Execute orders",
    Permission.BSS_SALES_APPROVE: "Approve prices and discounts",
    Permission.BSS_USERS_MANAGE: "Manage users",
    Permission.BSS_ROLES_MANAGE: "Manage roles",
    Permission.BSS_TEAMS_MANAGE: "Manage teams",
    Permission.BSS_RULES_MANAGE: "Manage permission rules",
    Permission.BSS_RECORDS_ALL: "All records, whatever permission rules say",
    Permission.BSS_ACT_AS: "Act as a storefront's user",
}
AREAS: Mapping[str, str] = {
    "credit": "Credit limits",
    "costs": "Vendor costs",
    "rates": "Exchange rates",
    "act_as": "Storefront users",
    "permission_rules": "Permission rules",
}


@dataclass(frozen=True, slots=True)
class Area:
    """One area's rights, by column."""

    label: str
    view: Permission | None
    edit: Permission | None
    special: tuple[tuple[Permission, str], ...]


def areas() -> Sequence[Area]:
    """Return all that can be given, in the order of `Permission`."""
    found: dict[str, list[Permission]] = {}
    for permission in Permission:
        if permission in GRANTABLE:
            found.setdefault(permission.value.split(".")[1], []).append(permission)
    return [
        Area(
            AREAS.get(name, name.capitalize()),
            _ending(rights, ".view"),
            _ending(rights, ".edit"),
            tuple((right, SPECIAL[right]) for right in rights if right in SPECIAL),
        )
        for name, rights in found.items()
    ]


def _ending(rights: Sequence[Permission], suffix: str) -> Permission | None:
    return next((right for right in rights if right.value.endswith(suffix)), None)
