"""The record a page of the back office is about, and what permission rules leave of it to the viewer (BC-04).

Which records are seen at all is row security's (migrations/records.py). Here, in one place before every view: a record
that is only to be read takes the rights to change things from the viewer, so that its page shows no control for it, and
refuses whatever would change it.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from flask import g, request

from app.access.guards import Access
from app.access.viewer import current_viewer
from app.core.errors import RecordIsReadOnly
from app.identity.permission_rules.models import RecordAccess, RuledKind
from app.identity.permission_rules.records import FullAccessNeeded, RecordNotFound, access_to
from app.identity.permissions import BSS_VIEW, Permission
from app.provisioning.queries import find_subject
from tenants.context import Reach

LOOKING = ("GET", "HEAD", "OPTIONS")
# What names a record in addresses of the back office: by argument, or by blueprint and argument.
BY_ARGUMENT = {"account_id": RuledKind.ACCOUNT}
BY_BLUEPRINT = {
    ("bss_orders", "number"): RuledKind.ORDER,
    ("bss_promotions", "number"): RuledKind.ORDER,
    ("bss_provisioning", "number"): RuledKind.ORDER,
    ("bss_offers", "number"): RuledKind.OFFER,
    ("bss_invoices", "number"): RuledKind.INVOICE,
    ("bss_assets", "code"): RuledKind.ASSET,
    **{
        (f"bss_{name}", "code"): RuledKind.SUBSCRIPTION
        for name in (
            "subscriptions", "subscription_add_ons", "subscription_prices", "subscription_upgrades", "trials", "usage",
        )
    },
}  # fmt: skip
TASK = ("bss_provisioning", "task_id")
SHOWS_WITH_RIGHT_TO_CHANGE = frozenset({"bss_offers.detail", "bss_offers.pdf"})  # pages, not forms
DELETES = frozenset({"bss_offers.delete"})


def kind_named_by(blueprint: str | None, argument: str) -> RuledKind | None:
    """Return which kind of record an argument of an address names."""
    return BY_ARGUMENT.get(argument) or BY_BLUEPRINT.get((blueprint or "", argument))


def record_of_request() -> tuple[RuledKind, UUID | str] | None:
    """Return the record that the address of this request names."""
    for argument, value in (request.view_args or {}).items():
        if (kind := kind_named_by(request.blueprint, argument)) is not None:
            return kind, value
        if (request.blueprint, argument) == TASK and (subject_id := find_subject(value)) is not None:
            is_asset = access_to(RuledKind.SUBSCRIPTION, subject_id) is None
            return RuledKind.ASSET if is_asset else RuledKind.SUBSCRIPTION, subject_id
    return None


def may_decide_access() -> bool:
    """Return whether the viewer may say who sees the record of this request, as far as its rule is concerned."""
    return bool(g.get("record_access", RecordAccess.FULL) is RecordAccess.FULL)


def keep_to_record(access: Access | Permission) -> None:
    """Leave the viewer what a rule leaves them of the record; raises RecordIsReadOnly, FullAccessNeeded, NotFound.

    Costs nothing for who sees every record. A record that is hidden, or not there, is not found before its view is asked.
    """
    viewer = current_viewer()
    if viewer is None or isinstance(viewer.rules, Reach):
        return
    named = record_of_request()
    if named is None:
        return
    given = access_to(*named)
    if given is None:
        raise RecordNotFound
    g.record_access = given
    if given is RecordAccess.FULL:
        return
    if given is RecordAccess.EDIT:
        if request.endpoint in DELETES:
            raise FullAccessNeeded
        return
    g.viewer = replace(viewer, on_record=viewer.permissions & BSS_VIEW)
    is_form = isinstance(access, Permission) and access not in BSS_VIEW
    if request.method not in LOOKING or (is_form and request.endpoint not in SHOWS_WITH_RIGHT_TO_CHANGE):
        raise RecordIsReadOnly
