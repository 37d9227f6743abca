"""The supplier catalogue: table, export, listing one product, trials. Bulk changes stand in `bulk`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import current_address, permission_required
from app.catalogue.words import unit_words
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.manage.listings.forms import ListForm
from app.manage.selling import SOURCE_WORDS, seller_of_request
from app.pricing.amounts import optional_percent_of
from app.pricing.arithmetic import margin_percent
from app.resellers.listings import REASONS, RowResult, list_products, set_trials, unlist
from app.resellers.listings_section import (
    SectionFilter,
    SectionPrice,
    SectionRow,
    Sort,
    Tab,
    category_tags,
    count_rows,
    get_row,
    list_rows,
    statistics,
)
from app.web.exports import Cell, csv_response, xlsx_response
from app.web.pages import page
from app.web.pagination import Page, requested_page
from app.web.surfaces import Surface, surface_blueprint
from tenants.settings import distributor_settings
from themes.frames import Crumb

bp = surface_blueprint("listings", __name__, surface=Surface.MANAGE)

LONGEST_SEARCH = 100
MOST_EXPORTED = 10_000
EXPORT_HEADER = (
    "Name", "SKU", "Vendor", "Category", "Type", "Term and cycle", "Cost", "Retail price", "Markup %",
    "Special price", "Sell price", "Margin %", "Currency", "Listed", "Trial", "Flags",
)  # fmt: skip


def requested_filter() -> SectionFilter:
    """Read the table's filter from the query string; anything odd falls back."""
    given = request.args
    try:
        tab = Tab(given.get("tab", ""))
    except ValueError:
        tab = Tab.UNLISTED
    try:
        sort = Sort(given.get("sort", ""))
    except ValueError:
        sort = Sort.NAME
    return SectionFilter(
        tab=tab,
        category=given.get("category", "")[:100],
        only_new=given.get("new") == "1",
        search=given.get("q", "").strip()[:LONGEST_SEARCH],
        sort=sort,
        is_descending=given.get("dir") == "desc",
    )


def filter_values(wanted: SectionFilter) -> dict[str, Any]:
    """Return a filter as it stands in the query string, without what is default."""
    values = {
        "tab": wanted.tab.value,
        "category": wanted.category,
        "new": "1" if wanted.only_new else "",
        "q": wanted.search,
        "sort": "" if wanted.sort is Sort.NAME else wanted.sort.value,
        "dir": "desc" if wanted.is_descending else "",
    }
    return {name: value for name, value in values.items() if value}


@bp.get("")
@permission_required(Permission.MANAGE_LISTINGS)
def index() -> ResponseReturnValue:
    """Show what the distributor offers, unlisted or listed."""
    seller, wanted = seller_of_request(), requested_filter()
    kind = request.args.get("export")
    if kind in ("csv", "xlsx"):
        respond = csv_response if kind == "csv" else xlsx_response
        return respond("supplier-catalogue", EXPORT_HEADER, list(_export_rows(wanted)))  # before the scope closes
    asked = requested_page()
    rows = list_rows(wanted, seller.buyer, offset=asked.offset, limit=asked.size)
    found = Page(rows, count_rows(wanted, seller.buyer), asked.number, asked.size)
    kept = filter_values(wanted)
    shows_retail = distributor_settings().show_retail_prices_to_resellers
    return page(
        "manage/listings/index.html",
        title=current_address().distributor_name,
        found=found,
        lines=_lines(rows),
        wanted=wanted,
        kept=kept,
        columns=_columns(wanted, kept, shows_retail=shows_retail),
        counts=statistics(seller.buyer),
        tags=category_tags(),
        shows_retail=shows_retail,
        source_words=SOURCE_WORDS,
    )


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: a product with one of its terms and cycles, or with none today."""

    row: SectionRow
    price: SectionPrice | None
    is_first: bool

    @property
    def margin(self) -> Decimal | None:
        """The margin as a share of the sell price, in percent."""
        return margin_percent(self.price.quote.cost, self.price.quote.unit_price) if self.price else None


def _lines(rows: Sequence[SectionRow]) -> list[Line]:
    return [
        Line(row, price, is_first=position == 0) for row in rows for position, price in enumerate(row.prices or (None,))
    ]


def _columns(wanted: SectionFilter, kept: dict[str, Any], *, shows_retail: bool) -> list[dict[str, Any]]:
    """Return the table's columns; those with a sort link to themselves the other way round."""
    sold: list[tuple[str, Sort | None, str]] = [
        ("Markup", None, "num"),
        ("Sell price", None, "num"),
        ("Margin", None, "num"),
    ]
    shown: list[tuple[str, Sort | None, str]] = [  # where a product is sold, its type stands with its category
        ("Name", Sort.NAME, ""),
        ("Category", Sort.CATEGORY, ""),
        *([("Type", Sort.KIND, "")] if wanted.tab is Tab.UNLISTED else []),
        ("Term and cycle", None, ""),
        ("Cost", None, "num"),
        *([("Retail", None, "num")] if shows_retail else []),
        *(sold if wanted.tab is Tab.LISTED else []),
        ("Trial", None, "num"),
        ("", None, "actions"),
    ]
    columns = []
    for label, sort, kind in shown:
        column: dict[str, Any] = {"label": label, "kind": kind}
        if sort is not None:
            is_current = wanted.sort is sort
            turned = is_current and not wanted.is_descending
            values = {**kept, "sort": sort.value, "dir": "desc" if turned else "asc"}
            column["sort_url"] = url_for(".index", **values)
            column["sorted"] = ("desc" if wanted.is_descending else "asc") if is_current else None
        columns.append(column)
    return columns


def _export_rows(wanted: SectionFilter) -> Iterator[tuple[Cell, ...]]:
    seller = seller_of_request()
    shows_retail = distributor_settings().show_retail_prices_to_resellers
    for row in list_rows(wanted, seller.buyer, limit=MOST_EXPORTED):
        flags = ", ".join(
            word
            for word, is_on in (
                ("New", row.is_new),
                ("Withdrawn", not row.is_available),
                ("Below cost", row.is_below_cost),
            )
            if is_on
        )
        about = (row.name, row.code, row.vendor, row.category_name, row.kind.value)
        end = (
            "yes" if row.is_listed else "no",
            "yes" if (row.trial_days or row.trial_months) and row.trial_enabled else "no",
            flags,
        )
        if not row.prices:
            yield (*about, None, None, None, None, None, None, None, seller.currency, *end)
        for price in row.prices:
            quote = price.quote
            sold = (
                (
                    quote.percent,
                    quote.before_rounding if quote.is_special else None,
                    quote.unit_price,
                    margin_percent(quote.cost, quote.unit_price),
                )
                if row.is_listed
                else (None, None, None, None)
            )
            unit = unit_words(price.key.term, price.key.cycle)
            retail = quote.list_price if shows_retail else None
            yield (*about, unit, quote.cost, retail, *sold, quote.currency, *end)


@bp.get("/<uuid:product_id>/list")
@permission_required(Permission.MANAGE_LISTINGS)
def list_one(product_id: UUID) -> ResponseReturnValue:
    """Ask for markup and trial of a product that is to be listed."""
    return _list_page(product_id, ListForm(formdata=None))


@bp.post("/<uuid:product_id>/list")
@permission_required(Permission.MANAGE_LISTINGS)
def list_one_save(product_id: UUID) -> ResponseReturnValue:
    """List one product; a markup left empty inherits."""
    form, seller = ListForm(), seller_of_request()
    row = get_row(product_id, seller.buyer)
    try:
        with unit_of_work():
            (result,) = list_products(
                [product_id],
                reseller_id=seller.reseller_id,
                percent=optional_percent_of(form.percent.data),
                trial_enabled=bool(form.trial_enabled.data),
                on=seller.on,
                actor=seller.actor,
                at=seller.at,
            )
    except Invalid as refusal:
        form.take(refusal)
        return _list_page(product_id, form), form.status
    _tell(result, row.name, "is now in your catalogue")
    return redirect(url_for("manage_prices.product", product_id=product_id), HTTPStatus.SEE_OTHER)


def _list_page(product_id: UUID, form: ListForm) -> str:
    seller = seller_of_request()
    row = get_row(product_id, seller.buyer)
    return page(
        "manage/listings/list.html",
        title=f"List {row.name}",
        breadcrumbs=[Crumb(current_address().distributor_name, url_for(".index")), Crumb(row.name)],
        row=row,
        form=form,
        source_words=SOURCE_WORDS,
        inherited=next((price.quote.percent for price in row.prices if price.quote.percent is not None), None),
    )


@bp.post("/<uuid:product_id>/unlist")
@permission_required(Permission.MANAGE_LISTINGS)
def unlist_one(product_id: UUID) -> ResponseReturnValue:
    """Take one product out of the catalogue; its markups stay."""
    seller = seller_of_request()
    row = get_row(product_id, seller.buyer)
    with unit_of_work():
        (result,) = unlist([product_id], reseller_id=seller.reseller_id, on=seller.on, actor=seller.actor, at=seller.at)
    _tell(result, row.name, "is no longer in your catalogue. Its markups are kept")
    return redirect(url_for(".index", tab=Tab.LISTED.value), HTTPStatus.SEE_OTHER)


@bp.post("/<uuid:product_id>/trial")
@permission_required(Permission.MANAGE_LISTINGS)
def switch_trial(product_id: UUID) -> ResponseReturnValue:
    """Offer a listed product's trial, or stop offering it."""
    seller = seller_of_request()
    row = get_row(product_id, seller.buyer)
    is_enabled = request.form.get("enabled") == "1"
    with unit_of_work():
        (result,) = set_trials(
            [product_id],
            is_enabled=is_enabled,
            reseller_id=seller.reseller_id,
            on=seller.on,
            actor=seller.actor,
            at=seller.at,
        )
    _tell(result, row.name, "can be tried now" if is_enabled else "can no longer be tried")
    return redirect(url_for(".index", tab=Tab.LISTED.value), HTTPStatus.SEE_OTHER)


def _tell(result: RowResult, name: str, done: str) -> None:
    if result.reason is None:
        flash(f"{name} {done}.", "success")
    else:
        flash(f"{name} was left as it is. {REASONS[result.reason]}.", "warning")
