"""Price lists in BSS: the lists, and one list's entries and accounts (CB-05)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.calendar import distributor, distributor_today
from app.bss.categories.choices import category_choices
from app.bss.listing import (
    asked_choice,
    asked_export,
    asked_id,
    asked_text,
    chosen_ids,
    export,
    to_with_args,
    with_args,
)
from app.bss.price_lists.forms import RULE_WORDS, ChangeRuleForm, PriceListForm, RuleForm, tier_words
from app.catalogue.groupings import list_price_groups
from app.catalogue.product_lists import ProductFilter, count_products, list_products, list_vendors
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.frames.records import more_tabs, page_of
from app.identity.permissions import Permission
from app.pricing.models import PriceList, PriceRule
from app.pricing.price_lists import entries, queries, services
from app.pricing.price_lists.ends import find_owner
from app.pricing.price_lists.ladders import ladder_of, ladder_text
from app.subscriptions.protection import count_priced_by
from app.web.pages import page
from app.web.pagination import SIZES, Page, requested_page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb, NavItem

# An account's price lists stand beside its other tabs, hence no common path.
bp = surface_blueprint("price_lists", __name__, surface=Surface.BSS, path="")
LIST_HEADER = ("Name", "Currency", "Valid from", "Valid to", "Active", "Default", "Entries", "Accounts")
ENTRY_HEADER = ("Code", "Product", "Term", "Billing plan", "Currency", "Rule", "Value", "Tiers", "Price", "List price")


@bp.get("/price-lists")
@permission_required(Permission.BSS_PRICES_VIEW)
def index() -> ResponseReturnValue:
    """List price lists, or export them."""
    search = asked_text()
    lines = queries.list_price_lists(search)
    if kind := asked_export():
        rows = [
            (
                line.price_list.name, line.price_list.currency, line.price_list.valid_from, line.price_list.valid_to,
                line.price_list.is_active, line.price_list.is_default, line.entries, line.accounts,
            )
            for line in lines
        ]  # fmt: skip
        return export(kind, "price-lists", LIST_HEADER, rows)
    return page(
        "bss/price_lists/index.html",
        title="Price lists",
        lines=lines,
        search=search,
        today=distributor_today(),
        may_edit=may_edit_prices(),
        with_args=with_args,
    )


@bp.route("/price-lists/new", methods=["GET", "POST"])
@permission_required(Permission.BSS_PRICES_EDIT)
def new() -> ResponseReturnValue:
    """Make an empty price list."""
    form = PriceListForm()
    form.offer_owners()
    if not form.is_submitted():
        form.currency.data, form.valid_from.data = distributor().currency, distributor_today()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                made = services.create_price_list(form.to_details(), actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            if request.form.get("then") == "another":
                flash(f"{made.name} was added.", "success")
                return redirect(url_for(".new"), code=303)
            flash(f"{made.name} was added. Now add products.", "success")
            return redirect(url_for(".add", price_list_id=made.id), code=303)
    crumbs = [Crumb("Price lists", url_for(".index")), Crumb("New price list")]
    shown = page("bss/price_lists/edit.html", title="New price list", breadcrumbs=crumbs, form=form, price_list=None)
    return shown, form.status


@bp.route("/price-lists/<uuid:price_list_id>/edit", methods=["GET", "POST"])
@permission_required(Permission.BSS_PRICES_EDIT)
def edit(price_list_id: UUID) -> ResponseReturnValue:
    """Change what a list is called, when it is valid, whether it is used."""
    price_list = queries.get_price_list(price_list_id)
    form, subscriptions = PriceListForm.of(price_list), count_priced_by(price_list_id)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                services.update_price_list(
                    price_list_id,
                    form.to_details(),
                    uses=services.ListUses(subscriptions, is_agreed=bool(form.is_agreed.data)),
                    version=form.seen_version,
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The price list was saved.", "success")
            return redirect(url_for(".detail", price_list_id=price_list_id), code=303)
    shown = page(
        "bss/price_lists/edit.html",
        title=price_list.name,
        breadcrumbs=crumbs_of(price_list, "Edit"),
        form=form,
        price_list=price_list,
        subscriptions=subscriptions,
    )
    return shown, form.status


@bp.post("/price-lists/<uuid:price_list_id>/delete")
@permission_required(Permission.BSS_PRICES_EDIT)
def delete(price_list_id: UUID) -> ResponseReturnValue:
    """Delete a list nobody pays by."""
    name = queries.get_price_list(price_list_id).name
    with unit_of_work():
        services.delete_price_list(price_list_id, actor=signed_in_viewer().actor, at=utc_now())
    flash(f"{name} was deleted.", "success")
    return redirect(url_for(".index"), code=303)


@bp.get("/price-lists/<uuid:price_list_id>")
@permission_required(Permission.BSS_PRICES_VIEW)
def detail(price_list_id: UUID) -> ResponseReturnValue:
    """Show a list's entries, or export them."""
    price_list = queries.get_price_list(price_list_id)
    if kind := asked_export():
        return _export(kind, price_list)
    return _entries(price_list, ChangeRuleForm(formdata=None))


@bp.post("/price-lists/<uuid:price_list_id>/entries")
@permission_required(Permission.BSS_PRICES_EDIT)
def change_entries(price_list_id: UUID) -> ResponseReturnValue:
    """Give the ticked entries, or all that match, another rule; or take them out."""
    price_list = queries.get_price_list(price_list_id)
    form, ids, wanted = ChangeRuleForm(), chosen_ids(), _entry_filter(price_list_id)
    actor, at = signed_in_viewer().actor, utc_now()
    try:
        with unit_of_work():
            if request.form.get("action") == "remove":
                changed = entries.remove_entries(wanted, entry_ids=ids, actor=actor, at=at)
                words = "removed"
            elif form.validate():
                changed = entries.set_rule(wanted, form.to_rule(), entry_ids=ids, actor=actor, at=at)
                words = "changed"
            else:
                return _entries(price_list, form), form.status
    except Invalid as refusal:
        form.take(refusal)
        return _entries(price_list, form), form.status
    flash(f"{changed:,} prices were {words}.", "success" if changed else "info")
    return redirect(to_with_args(".detail"), code=303)


@bp.route("/price-lists/<uuid:price_list_id>/add", methods=["GET", "POST"])
@permission_required(Permission.BSS_PRICES_EDIT)
def add(price_list_id: UUID) -> ResponseReturnValue:
    """Find products and add the ticked ones, or all that match, by one rule."""
    price_list = queries.get_price_list(price_list_id)
    form, wanted = RuleForm(), _product_filter(price_list.currency)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                added = _add(price_list_id, wanted, form)
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(f"{added:,} prices were added.", "success" if added else "info")
            return redirect(url_for(".detail", price_list_id=price_list_id), code=303)
    asked = requested_page()
    found = Page(
        list_products(wanted, limit=asked.size, offset=asked.offset), count_products(wanted), asked.number, asked.size
    )
    shown = page(
        "bss/price_lists/add.html",
        title=f"Add products to {price_list.name}",
        breadcrumbs=crumbs_of(price_list, "Add products"),
        price_list=price_list,
        products=found,
        wanted=wanted,
        form=form,
        add_url=to_with_args(".add", page=""),
        vendors=list_vendors(),
        categories=category_choices(),
        price_groups=[(str(each.id), each.name) for each in list_price_groups()],
        sizes=SIZES,
        with_args=with_args,
    )
    return shown, form.status


def _add(price_list_id: UUID, wanted: ProductFilter, form: RuleForm) -> int:
    rule, ids = form.to_rule(), chosen_ids()
    actor, at = signed_in_viewer().actor, utc_now()
    if ids is None:
        return entries.add_matching(price_list_id, wanted, rule, actor=actor, at=at)
    if not ids:
        raise Invalid.field("products", "nothing_chosen", "Tick at least one product")
    return entries.add_products(price_list_id, ids, rule, actor=actor, at=at)


@bp.get("/price-lists/<uuid:price_list_id>/accounts")
@permission_required(Permission.BSS_PRICES_VIEW)
def accounts(price_list_id: UUID) -> ResponseReturnValue:
    """Show who pays by a list."""
    price_list = queries.get_price_list(price_list_id)
    return page(
        "bss/price_lists/accounts.html",
        title=price_list.name,
        breadcrumbs=crumbs_of(price_list),
        price_list=price_list,
        paying=queries.accounts_of_list(price_list_id),
        tabs=tabs_of(price_list, "accounts"),
        may_edit=may_edit_prices(),
    )


def _product_filter(currency: str | None) -> ProductFilter:
    return ProductFilter(
        search=asked_text(),
        vendor=request.args.get("vendor") or None,
        category_id=asked_id("category"),
        price_group_id=asked_id("group"),
        priced_in=currency,
    )


def _entry_filter(price_list_id: UUID) -> queries.EntryFilter:
    return queries.EntryFilter(price_list_id, _product_filter(None), asked_choice(PriceRule, "rule"))


def _entries(price_list: PriceList, form: RuleForm) -> str:
    wanted, asked = _entry_filter(price_list.id), requested_page()
    found = Page(
        queries.list_entries(wanted, limit=asked.size, offset=asked.offset),
        queries.count_entries(wanted),
        asked.number,
        asked.size,
    )
    return page(
        "bss/price_lists/detail.html",
        title=price_list.name,
        breadcrumbs=crumbs_of(price_list),
        price_list=price_list,
        owner=find_owner(price_list),
        entries=found,
        wanted=wanted,
        form=form,
        rules=RULE_WORDS,
        tier_words=tier_words,
        change_url=to_with_args(".change_entries", page=""),
        vendors=list_vendors(),
        tabs=tabs_of(price_list, "detail"),
        today=distributor_today(),
        sizes=SIZES,
        with_args=with_args,
        may_edit=may_edit_prices(),
        sees_costs=signed_in_viewer().can(Permission.BSS_COSTS_VIEW),
    )


def _export(kind: str, price_list: PriceList) -> ResponseReturnValue:
    sees_costs = signed_in_viewer().can(Permission.BSS_COSTS_VIEW)
    rows = []
    for line in queries.export_entries(_entry_filter(price_list.id)):
        entry = line.entry
        row = (
            line.product.code, line.product.name, entry.term.value, entry.cycle.value, price_list.currency,
            entry.rule.value, entry.value, ladder_text(ladder_of(entry.price_scheme, entry.price_tiers)), entry.price,
            line.list_price,
        )  # fmt: skip
        rows.append((*row, line.vendor_cost) if sees_costs else row)
    header = (*ENTRY_HEADER, "Vendor cost") if sees_costs else ENTRY_HEADER
    return export(kind, "price-list", header, rows)


def tabs_of(price_list: PriceList, current: str) -> list[NavItem]:
    """Return the tabs of a price list's pages."""
    own = [
        NavItem(label, url_for(f".{endpoint}", price_list_id=price_list.id), is_current=endpoint == current)
        for label, endpoint in (("Prices", "detail"), ("Price groups", "groups"), ("Accounts", "accounts"))
    ]
    return [*own, *more_tabs(page_of("price_list"), price_list.id, signed_in_viewer())]


def crumbs_of(price_list: PriceList, last: str | None = None) -> list[Crumb]:
    """Return the way to a price list's page."""
    here = [Crumb("Price lists", url_for(".index"))]
    if last is None:
        return [*here, Crumb(price_list.name)]
    return [*here, Crumb(price_list.name, url_for(".detail", price_list_id=price_list.id)), Crumb(last)]


def may_edit_prices() -> bool:
    """Whether the viewer may change price lists."""
    return signed_in_viewer().can(Permission.BSS_PRICES_EDIT)
