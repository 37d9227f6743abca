"""Usage in BSS: upload files, set rates, see what a subscription has used so far (CB-13)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.billing.usage import queries
from app.billing.usage.budgets import find_budget, set_budget
from app.billing.usage.importing import get_import, upload_usage
from app.billing.usage.models import ResourceKind, UsageImportState, UsageState
from app.billing.usage.rates import add_on_choices, add_rate, change_rate, get_rate, list_rates, remove_rate
from app.billing.usage.rating import spent_in_cycle, usage_so_far
from app.bss.listing import asked_choice, asked_export, export, list_page, with_args
from app.bss.products.blueprint import tabs
from app.bss.usage.forms import BudgetForm, RateForm, UsageFileForm
from app.catalogue.queries import get_product
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.core.money import round_money
from app.identity.permissions import Permission
from app.pricing.currencies import usable_currencies
from app.subscriptions.models import Subscription
from app.subscriptions.queries import get_subscription
from app.web.pages import page
from app.web.pagination import SIZES, Page, listed, requested_page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("usage", __name__, surface=Surface.BSS)

LATEST = 200
IMPORT_WORDS = {
    UsageImportState.QUEUED: "Waiting",
    UsageImportState.RUNNING: "Importing",
    UsageImportState.COMPLETED: "Completed",
    UsageImportState.FAILED: "Failed",
}
IMPORT_TONES = {UsageImportState.COMPLETED: "success", UsageImportState.FAILED: "danger"}
STATE_WORDS = {
    UsageState.IMPORTED: "Imported",
    UsageState.RATED: "Rated",
    UsageState.BILLED: "Billed",
    UsageState.REJECTED: "Rejected",
}
STATE_TONES = {
    UsageState.IMPORTED: "warning",
    UsageState.RATED: "progress",
    UsageState.BILLED: "success",
    UsageState.REJECTED: "danger",
}
KIND_WORDS = {ResourceKind.METERED: "Metered", ResourceKind.ALLOCATED: "Allocated"}
AT_WORK = frozenset({UsageImportState.QUEUED, UsageImportState.RUNNING})
EXPORT_HEADER = (
    "Row",
    "State",
    "AccountCode",
    "Subscription",
    "Resource",
    "Quantity",
    "Start date",
    "End date",
    "Reason",
)


@bp.get("")
@permission_required(Permission.BSS_USAGE_EDIT)
def index() -> ResponseReturnValue:
    """List the files of usage, the latest first."""
    found = listed(lambda asked: queries.list_imports(limit=asked.size, offset=asked.offset), queries.count_imports)
    return list_page("bss/usage/index.html", "Usage data", found, IMPORT_WORDS, IMPORT_TONES)


@bp.route("/new", methods=["GET", "POST"])
@permission_required(Permission.BSS_USAGE_EDIT)
def new() -> ResponseReturnValue:
    """Take a file in; a worker reads it."""
    form = UsageFileForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                made = upload_usage(
                    form.file.data.stream,
                    form.file.data.filename or "usage.xlsx",
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            return redirect(url_for(".detail", import_id=made.id), code=303)
    crumbs = [Crumb("Usage data", url_for(".index")), Crumb("Upload usage")]
    return page("bss/usage/new.html", title="Upload usage", breadcrumbs=crumbs, form=form), form.status


@bp.get("/<uuid:import_id>")
@permission_required(Permission.BSS_USAGE_EDIT)
def detail(import_id: UUID) -> ResponseReturnValue:
    """Show a file: progress, counts, and its rows, filtered or as a file."""
    found, state = get_import(import_id), asked_choice(UsageState, "state")
    if kind := asked_export():
        rows = [
            (row.row_number, STATE_WORDS[row.state], row.account_code, row.subscription_code, row.resource, row.quantity,
             row.first_day, row.last_day, row.reason)
            for row in queries.export_records(import_id, state=state)
        ]  # fmt: skip
        return export(kind, "usage", EXPORT_HEADER, rows)
    asked = requested_page()
    records = Page(
        queries.list_records(import_id, state=state, limit=asked.size, offset=asked.offset),
        queries.count_records(import_id, state=state),
        asked.number,
        asked.size,
    )
    return page(
        "bss/usage/detail.html",
        title=found.file_name,
        breadcrumbs=[Crumb("Usage data", url_for(".index")), Crumb(found.file_name)],
        found=found,
        is_at_work=found.state in AT_WORK,
        words=IMPORT_WORDS[found.state],
        tone=IMPORT_TONES.get(found.state, "progress"),
        records=records,
        state=state,
        state_words=STATE_WORDS,
        state_tones=STATE_TONES,
        sizes=SIZES,
        with_args=with_args,
    )


@bp.get("/<uuid:import_id>/progress")
@permission_required(Permission.BSS_USAGE_EDIT)
def progress(import_id: UUID) -> ResponseReturnValue:
    """Answer with the progress alone; once the work is over, with an element that reloads the page."""
    found = get_import(import_id)
    return render_template(
        "bss/usage/_progress.html", found=found, is_at_work=found.state in AT_WORK, words=IMPORT_WORDS[found.state]
    )


@bp.get("/of/<code>")
@permission_required(Permission.BSS_SUBSCRIPTIONS_VIEW)
def subscription(code: str) -> ResponseReturnValue:
    """Show what a subscription has used and is not billed for yet, and what was reported."""
    found = get_subscription(code)
    form = BudgetForm(formdata=None)
    if (budget := find_budget(found.id)) is not None:
        form.amount.data = round_money(budget.amount, found.currency)
    return _show_subscription(found, form)


@bp.post("/of/<code>/budget")
@permission_required(Permission.BSS_USAGE_EDIT)
def budget(code: str) -> ResponseReturnValue:
    """Set what a cycle's usage may cost before people are told."""
    found, form = get_subscription(code), BudgetForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                spent, payer = spent_in_cycle(found)
                set_budget(found, form.amount.data, spent, payer, actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The budget was saved." if form.amount.data is not None else "There is no budget now.", "success")
            return redirect(url_for(".subscription", code=code), code=303)
    return _show_subscription(found, form), form.status


def _show_subscription(found: Subscription, form: BudgetForm) -> str:
    spent, _ = spent_in_cycle(found)
    return page(
        "bss/usage/subscription.html",
        title=f"Usage of {found.friendly_name}",
        breadcrumbs=[
            Crumb("Subscriptions", url_for("bss_subscriptions.index")),
            Crumb(found.code, url_for("bss_subscriptions.detail", code=found.code)),
            Crumb("Usage"),
        ],
        subscription=found,
        so_far=usage_so_far(found),
        spent=spent,
        budget=find_budget(found.id),
        form=form,
        may_edit=signed_in_viewer().can(Permission.BSS_USAGE_EDIT),
        records=queries.records_of(found.id, limit=LATEST),
        state_words=STATE_WORDS,
        state_tones=STATE_TONES,
    )


@bp.route("/products/<uuid:product_id>", methods=["GET", "POST"])
@permission_required(Permission.BSS_PRICES_EDIT)
def rates(product_id: UUID) -> ResponseReturnValue:
    """Show a product's usage charges, and add one."""
    product = get_product(product_id)
    form = RateForm()
    add_ons = _choose(form, product_id)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                add_rate(product_id, form.to_details(), actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The usage charge was added.", "success")
            return redirect(url_for(".rates", product_id=product_id), code=303)
    return page(
        "bss/usage/rates.html",
        title=product.name,
        breadcrumbs=[
            Crumb("Products", url_for("bss_products.index")),
            Crumb(product.name, url_for("bss_products.detail", product_id=product_id)),
            Crumb("Usage charges"),
        ],
        product=product,
        tabs=tabs(product, "usage"),
        rates=list_rates(product_id),
        add_ons=add_ons,
        kinds=KIND_WORDS,
        form=form,
    ), form.status


@bp.route("/rates/<uuid:charge_id>", methods=["GET", "POST"])
@permission_required(Permission.BSS_PRICES_EDIT)
def rate(charge_id: UUID) -> ResponseReturnValue:
    """Change a usage charge."""
    charge = get_rate(charge_id)
    form = RateForm.of(charge)
    _choose(form, charge.product_id)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                change_rate(
                    charge_id,
                    form.to_details(),
                    version=form.seen_version,
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The usage charge was saved.", "success")
            return redirect(url_for(".rates", product_id=charge.product_id), code=303)
    product = get_product(charge.product_id)
    return page(
        "bss/usage/rate.html",
        title=charge.resource,
        breadcrumbs=[
            Crumb("Products", url_for("bss_products.index")),
            Crumb(product.name, url_for("bss_products.detail", product_id=product.id)),
            Crumb("Usage charges", url_for(".rates", product_id=product.id)),
            Crumb(charge.resource),
        ],
        charge=charge,
        form=form,
    ), form.status


@bp.post("/rates/<uuid:charge_id>/remove")
@permission_required(Permission.BSS_PRICES_EDIT)
def remove(charge_id: UUID) -> ResponseReturnValue:
    """Remove a usage charge nothing was reported for."""
    charge = get_rate(charge_id)
    product_id, resource = charge.product_id, charge.resource
    with unit_of_work():
        remove_rate(charge_id, actor=signed_in_viewer().actor, at=utc_now())
    flash(f"{resource} was removed.", "success")
    return redirect(url_for(".rates", product_id=product_id), code=303)


def _choose(form: RateForm, product_id: UUID) -> dict[UUID, str]:
    form.currency.choices = [(code, code) for code in usable_currencies()]
    add_ons = {each.id: each.name for each in add_on_choices(product_id)}
    form.add_on_id.choices = [("", "No add-on"), *((str(row_id), name) for row_id, name in add_ons.items())]
    return add_ons
