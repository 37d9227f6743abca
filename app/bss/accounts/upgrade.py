"""The "Upgrade reseller" shortcut: choose a plan and an alias, and it is ordered and executed in one step (RS-06)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from flask import flash, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.access.limits import Limit, require_within
from app.accounts.queries import get_account
from app.bss.accounts.blueprint import bp
from app.bss.accounts.forms import UpgradeForm
from app.bss.accounts.tabs import head_of
from app.bss.calendar import distributor_today
from app.catalogue.words import CYCLE_RATES
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import FieldError, Invalid
from app.identity.permissions import Permission
from app.orders.plan_upgrades import PlanUpgrade, upgrade_reseller
from app.pricing.quotes import root_buyer
from app.resellers.aliases import check_alias, offered_alias
from app.resellers.errors import PlanPendingCancellation, ResellerRequired, SamePlan
from app.resellers.offers import PlanOffer, chosen_plan, plan_offers_for_back_office
from app.resellers.plans import live_plan, needs_alias
from app.web.pages import page
from tenants.links import distributor_host
from themes.frames import Crumb

ALIAS_CHECK = Limit("alias_check", 30, timedelta(minutes=1))


@bp.route("/<uuid:account_id>/upgrade", methods=["GET", "POST"])
@permission_required(Permission.BSS_RESELLERS_EDIT)
def upgrade(account_id: UUID) -> ResponseReturnValue:
    """Choose a plan for a reseller; confirming creates and executes its order."""
    account = get_account(account_id)
    if not account.is_reseller:
        raise ResellerRequired
    offers = plan_offers_for_back_office(account_id, root_buyer(account, distributor_today()))
    current = live_plan(account_id)
    form = UpgradeForm()
    form.plan.choices = [(price.value, offer.product.name) for offer in offers for price in offer.prices]
    if request.method == "GET":
        form.alias.data = offered_alias(account_id)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                order = upgrade_reseller(
                    account_id, _chosen(form, offers), actor=signed_in_viewer().actor, at=utc_now()
                )
        except Invalid as refusal:
            form.take(_at_the_plan(refusal))
        except (SamePlan, PlanPendingCancellation) as refusal:
            form.take(Invalid.field("plan", refusal.code, str(refusal)))
        else:
            flash(f"{order.number} is being executed: the storefront opens within a minute.", "success")
            return redirect(url_for("bss_orders.detail", number=order.number), code=303)
    title = "Change plan" if current is not None else "Upgrade reseller"
    return page(
        "bss/accounts/upgrade.html",
        title=f"{title}: {account.name}",
        breadcrumbs=[*head_of(account, "upgrade").crumbs[:1],
                     Crumb(account.name, url_for(".detail", account_id=account_id)), Crumb(title)],
        account=account,
        form=form,
        offers=offers,
        cycles=CYCLE_RATES,
        is_change=current is not None,
        needs_alias=needs_alias(account_id),
        prefix=f"{distributor_host(account.distributor_id)}/",
        check_url=url_for(".alias_check", account_id=account_id),
    ), form.status  # fmt: skip


@bp.get("/<uuid:account_id>/alias-check")
@permission_required(Permission.BSS_RESELLERS_EDIT)
def alias_check(account_id: UUID) -> ResponseReturnValue:
    """Say whether the reseller could have an alias: {alias, available, reason}, never by whom it is taken (RS-08)."""
    viewer = signed_in_viewer()
    require_within(ALIAS_CHECK, str(viewer.user_id))
    account = get_account(account_id)
    text = request.args.get("alias") or request.args.get("value") or ""
    answer = check_alias(text, reseller_id=account.id, at=utc_now())
    return jsonify(
        alias=answer.alias,
        available=answer.available,
        reason=answer.reason.value,
        state="free" if answer.available else answer.reason.value,
        message=answer.sentence or f"{distributor_host(account.distributor_id)}/{answer.alias} is free",
    )


def _chosen(form: UpgradeForm, offers: Sequence[PlanOffer]) -> PlanUpgrade:
    _, price = chosen_plan(offers, form.plan.data or "")
    return PlanUpgrade(price.key.product_id, price.key.term, price.key.cycle, form.alias.data)


def _at_the_plan(refusal: Invalid) -> Invalid:
    """The page knows a plan and an alias; whatever else was refused is told at the plan."""
    return Invalid(
        *(
            error if error.field == "alias" else FieldError("plan", error.code, error.message)
            for error in refusal.errors
        )
    )
