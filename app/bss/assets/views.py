"""The list of assets; one asset with its price, its fields, its last day, and what is taken back."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.accounts.queries import get_account
from app.billing.queries import papers_of
from app.bss.assets.forms import AS_IT_IS, ExpiryForm, PriceForm, ReturnForm
from app.bss.calendar import distributor_today
from app.bss.custom_fields import typed_fields, with_typed
from app.bss.listing import asked_choice, asked_export, asked_id, asked_text, export, with_args
from app.catalogue.models import Term
from app.catalogue.queries import get_product
from app.changes.assets import NewAssetPrice, edit_asset_price, last_return_day, return_asset
from app.changes.price_quotes import lists_pricing
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.core.ids import new_id, parse_id
from app.identity.permissions import Permission
from app.orders.execution_rows import find_order_of_item
from app.subscriptions.assets import (
    AssetFilter,
    ListedAsset,
    change_expiry,
    count_assets,
    find_cost,
    get_asset,
    get_asset_for_update,
    list_assets,
)
from app.subscriptions.custom_fields import answers_of, save_answers
from app.subscriptions.models import Asset, AssetStatus
from app.web.exports import Cell
from app.web.pages import page
from app.web.pagination import Page, requested_page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("assets", __name__, surface=Surface.BSS)
EXPORT_ROWS = 10_000
HEADER = (
    "Code",
    "Name",
    "Product",
    "Account",
    "Quantity",
    "Returned",
    "Unit price",
    "Currency",
    "Status",
    "Expires on",
    "Purchased",
)
EDITABLE = (AssetStatus.PENDING_ACTIVATION, AssetStatus.ACTIVE, AssetStatus.EXPIRED)


@bp.get("")
@permission_required(Permission.BSS_SUBSCRIPTIONS_VIEW)
def index() -> ResponseReturnValue:
    """List assets, or export what the filter finds."""
    wanted = AssetFilter(asked_text(), asked_choice(AssetStatus, "status"), asked_id("account"))
    if kind := asked_export():
        return export(kind, "assets", HEADER, _rows(list_assets(wanted, limit=EXPORT_ROWS)))
    asked = requested_page()
    return page(
        "bss/assets/index.html",
        title="Assets",
        found=Page(
            list_assets(wanted, limit=asked.size, offset=asked.offset), count_assets(wanted), asked.number, asked.size
        ),
        wanted=wanted,
        words=words,
        statuses=[(each.value, words(each)) for each in AssetStatus],
        with_args=with_args,
    )


@bp.get("/<code>")
@permission_required(Permission.BSS_SUBSCRIPTIONS_VIEW)
def detail(code: str) -> ResponseReturnValue:
    """Show an asset."""
    return _detail(code, ReturnForm(formdata=None), ExpiryForm(formdata=None))


@bp.route("/<code>/price", methods=["GET", "POST"])
@permission_required(Permission.BSS_PRICES_OVERRIDE)
def price(code: str) -> ResponseReturnValue:
    """Edit what an asset costs: the old price is credited, the new one charged."""
    asset, form = get_asset(code), PriceForm()
    _offer_lists(form, asset)
    if form.validate_on_submit():
        viewer = signed_in_viewer()
        try:
            with unit_of_work():
                edit_asset_price(
                    NewAssetPrice(
                        code=code,
                        wanted=form.to_wanted(),
                        request_key=parse_id(form.request_key.data or "") or new_id(),
                        may_go_below_cost=viewer.can(Permission.BSS_SALES_APPROVE),
                    ),
                    actor=viewer.actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The price was changed: the old one is credited, the new one charged.", "success")
            return redirect(url_for(".detail", code=code), code=303)
    cost = find_cost(asset.id)
    if not form.is_submitted() and cost is not None:
        form.user_price.data, form.discount_percent.data = cost.user_price, cost.discount_percent or None
    form.request_key.data = form.request_key.data or str(new_id())
    shown = page(
        "bss/assets/price.html",
        title=f"Price of {asset.name}",
        breadcrumbs=[*_crumbs(asset), Crumb("Edit pricing")],
        asset=asset,
        cost=cost,
        form=form,
    )
    return shown, form.status


@bp.post("/<code>/return")
@permission_required(Permission.BSS_SUBSCRIPTIONS_EDIT)
def give_back(code: str) -> ResponseReturnValue:
    """Take all or some of an asset back, and credit it."""
    get_asset(code)
    form = ReturnForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                return_asset(
                    code,
                    form.quantity.data or 0,
                    request_key=parse_id(form.request_key.data or "") or new_id(),
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The return was credited.", "success")
            return redirect(url_for(".detail", code=code), code=303)
    return _detail(code, form, ExpiryForm(formdata=None))


@bp.post("/<code>/expiry")
@permission_required(Permission.BSS_SUBSCRIPTIONS_EDIT)
def expiry(code: str) -> ResponseReturnValue:
    """Set the last day of warranty or use."""
    get_asset(code)
    form = ExpiryForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                change_expiry(
                    get_asset_for_update(code),
                    form.expires_on.data,
                    today=distributor_today(),
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The last day was saved.", "success")
            return redirect(url_for(".detail", code=code), code=303)
    return _detail(code, ReturnForm(formdata=None), form)


@bp.post("/<code>/fields")
@permission_required(Permission.BSS_SUBSCRIPTIONS_EDIT)
def fields(code: str) -> ResponseReturnValue:
    """Save what an asset's custom fields hold; also those of a canceled one."""
    typed = typed_fields()
    try:
        with unit_of_work():
            save_answers(get_asset(code), typed, actor=signed_in_viewer().actor, at=utc_now())
    except Invalid as refusal:
        errors = {error.field: error.message for error in refusal.errors}
        shown, _ = _detail(code, ReturnForm(formdata=None), ExpiryForm(formdata=None), typed=typed, errors=errors)
        return shown, 422
    flash("The fields were saved.", "success")
    return redirect(url_for(".detail", code=code), code=303)


def _detail(
    code: str,
    return_form: ReturnForm,
    expiry_form: ExpiryForm,
    *,
    typed: dict[UUID, str] | None = None,
    errors: dict[str, str] | None = None,
) -> tuple[str, int]:
    asset = get_asset(code)
    viewer, last = signed_in_viewer(), last_return_day(asset)
    may_edit = viewer.can(Permission.BSS_SUBSCRIPTIONS_EDIT)
    if not return_form.is_submitted():
        return_form.quantity.data = asset.quantity
    if not expiry_form.is_submitted():
        expiry_form.expires_on.data = asset.expires_on
    return_form.request_key.data = return_form.request_key.data or str(new_id())
    shown = page(
        "bss/assets/detail.html",
        title=asset.name,
        breadcrumbs=_crumbs(asset),
        asset=asset,
        account=get_account(asset.account_id) if asset.account_id else None,
        payer=get_account(asset.payer_id),
        product=get_product(asset.product_id),
        cost=find_cost(asset.id),
        order_number=find_order_of_item(asset.order_item_id) if viewer.can(Permission.BSS_ORDERS_VIEW) else None,
        papers=papers_of(asset) if viewer.can(Permission.BSS_BILLING_VIEW) else [],
        words=words,
        answers=with_typed(answers_of(asset), typed or {}),
        errors=errors or {},
        may_edit=may_edit,
        may_price=viewer.can(Permission.BSS_PRICES_OVERRIDE) and asset.status in EDITABLE,
        may_return=may_edit and asset.status is AssetStatus.ACTIVE and last is not None and distributor_today() <= last,
        last_return_day=last,
        may_expire=may_edit and asset.status in EDITABLE,
        return_form=return_form,
        expiry_form=expiry_form,
    )
    status = return_form.status if return_form.errors else expiry_form.status
    return shown, int(status)


def words(state: object) -> str:
    """Return a state as the specification spells it."""
    return str(getattr(state, "value", state)).replace("_", " ").capitalize()


def _offer_lists(form: PriceForm, asset: Asset) -> None:
    lists = lists_pricing(asset.product_id, Term.NONE, asset.currency, on=distributor_today())
    form.price_list.choices = [AS_IT_IS, *((str(each.id), each.name) for each in lists)]


def _crumbs(asset: Asset) -> list[Crumb]:
    return [Crumb("Assets", url_for(".index")), Crumb(asset.code, url_for(".detail", code=asset.code))]


def _rows(assets: Sequence[ListedAsset]) -> list[tuple[Cell, ...]]:
    return [
        (
            row.asset.code, row.asset.name, row.product_name, row.account_name, row.asset.quantity,
            row.asset.quantity_returned, row.unit_cost, row.asset.currency, words(row.asset.status),
            row.asset.expires_on, row.asset.created_at.date(),
        )
        for row in assets
    ]  # fmt: skip
