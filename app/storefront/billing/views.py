"""Billing dashboard, and lists of orders, subscriptions, assets and invoices in the viewer's scope."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from uuid import UUID

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select

from app.access import permission_required, signed_in_viewer
from app.accounts.models import Account
from app.billing.credit import available_credit
from app.billing.pdf import render_invoice
from app.billing.queries import InvoiceFilter, count_invoices, get_invoice, list_invoices
from app.catalogue.models import Product
from app.catalogue.words import CYCLE_UNITS, TERM_WORDS
from app.changes.guards import is_free
from app.core.db import session
from app.core.errors import NotFound
from app.core.ids import new_id
from app.identity.models import UserKind
from app.identity.permissions import Permission
from app.orders.models import Order, OrderStatus
from app.orders.queries import OrderFilter, count_orders, list_orders, recent_orders
from app.orders.words import shown_total, status_words
from app.pricing.catalogue_page import offered_ids
from app.resellers.shown_prices import ShownSubscription, for_end_customer, for_payer, listed_among
from app.storefront.shopping import buyer_of_request, price_unit, shopper_of_request
from app.storefront.subscription_changes.panel import panel_of
from app.subscriptions.add_ons import list_add_ons
from app.subscriptions.assets import get_asset
from app.subscriptions.custom_fields import answers_of
from app.subscriptions.machine import Action
from app.subscriptions.models import Asset, Subscription, SubscriptionRole, SubscriptionStatus
from app.subscriptions.queries import get_subscription, list_history
from app.web.exports import Cell, xlsx_response
from app.web.pages import page
from app.web.pagination import Page, requested_page
from app.web.surfaces import Surface, surface_blueprint
from tenants.context import current_scope
from themes.frames import Crumb, NavGroup, NavItem

bp = surface_blueprint("billing", __name__, surface=Surface.STOREFRONT, path="/billing")

LIVE = (SubscriptionStatus.ACTIVE, SubscriptionStatus.SUSPENDED, SubscriptionStatus.PENDING_CANCELLATION)
MOST_EXPORTED = 10_000


def is_end_customer() -> bool:
    """Whether amounts follow the rules of an alias: "-" where the customer must not see them (SF-24)."""
    return signed_in_viewer().kind is UserKind.END_CUSTOMER


def shown(subscriptions: Sequence[Subscription]) -> list[ShownSubscription]:
    """Return subscriptions with the prices this viewer may see."""
    return for_end_customer(subscriptions) if is_end_customer() else for_payer(subscriptions)


def section_nav() -> list[NavGroup]:
    """Return the links beside every billing page; what the viewer has no right to is left out."""
    viewer = signed_in_viewer()
    entries = [
        ("Overview", "storefront_billing.index", "home", Permission.SUBSCRIPTIONS_VIEW),
        ("Orders", "storefront_billing.orders", "receipt", Permission.ORDERS_VIEW),
        ("Subscriptions", "storefront_billing.subscriptions", "repeat", Permission.SUBSCRIPTIONS_VIEW),
        ("Trials", "storefront_trials.index", "clock", Permission.SUBSCRIPTIONS_VIEW),
        ("Assets", "storefront_billing.assets", "box", Permission.ASSETS_VIEW),
    ]
    if not is_end_customer():
        entries.append(("Invoices", "storefront_billing.invoices", "file", Permission.INVOICES_VIEW))
    here = request.endpoint or ""
    items = [
        NavItem(label, url_for(endpoint), icon, is_current=_is_at(endpoint, here))
        for label, endpoint, icon, permission in entries
        if viewer.can(permission)
    ]
    return [NavGroup(items, "Billing")]


def _is_at(endpoint: str, here: str) -> bool:
    """Whether an entry leads to this page, to the list it belongs to, or to the first page of its section."""
    section, _, name = endpoint.partition(".")
    is_of_section = name == "index" and section != "storefront_billing" and here.startswith(f"{section}.")
    return is_of_section or here in (endpoint, endpoint.removesuffix("s"))


def _billing_page(template: str, *, title: str, **context: object) -> str:
    crumbs = [Crumb("Billing", url_for(".index")), Crumb(title)] if template != "index" else []
    if template == "subscription":
        crumbs.insert(1, Crumb("Subscriptions", url_for(".subscriptions")))
    if template == "asset":
        crumbs.insert(1, Crumb("Assets", url_for(".assets")))
    return page(
        f"storefront/billing/{template}.html", title=title, breadcrumbs=crumbs, side_nav=section_nav(), **context
    )


def _subscriptions_of(status: str, search: str, *, offset: int = 0, limit: int) -> tuple[list[Subscription], int]:
    statement = select(Subscription).where(
        Subscription.distributor_id == current_scope().distributor_id,
        Subscription.plan_edition.is_(None),
        Subscription.role == SubscriptionRole.MAIN,  # add-ons and components stand with what they belong to
    )
    if signed_in_viewer().kind is UserKind.RESELLER:
        statement = select(Subscription).where(
            Subscription.distributor_id == current_scope().distributor_id, Subscription.role == SubscriptionRole.MAIN
        )
    wanted = next((each for each in SubscriptionStatus if each.value == status), None)
    if wanted is not None:
        statement = statement.where(Subscription.status == wanted)
    if len(search) > 1:
        statement = statement.where(func.lower(Subscription.friendly_name).contains(search.lower(), autoescape=True))
    total = session.scalar(select(func.count()).select_from(statement.subquery())) or 0
    found = session.scalars(
        statement.order_by(Subscription.created_at.desc(), Subscription.id.desc()).offset(offset).limit(limit)
    )
    return list(found), total


@bp.get("")
@permission_required(Permission.SUBSCRIPTIONS_VIEW)
def index() -> ResponseReturnValue:
    """Show the way to everything bought: recent orders, counts, available credit of who is billed."""
    distributor_id = current_scope().distributor_id
    viewer = signed_in_viewer()
    count = select(func.count()).select_from
    live = session.scalar(
        count(Subscription).where(
            Subscription.distributor_id == distributor_id,
            Subscription.status.in_(LIVE),
            Subscription.role == SubscriptionRole.MAIN,
        )
    )
    assets = session.scalar(count(Asset).where(Asset.distributor_id == distributor_id))
    credit = None
    if not is_end_customer() and viewer.can(Permission.INVOICES_VIEW):
        credit = available_credit(shopper_of_request().account_id)
    return _billing_page(
        "index",
        title="Billing",
        orders=recent_orders() if viewer.can(Permission.ORDERS_VIEW) else [],
        shown_total=_order_total,
        status_words=status_words,
        subscription_count=live,
        asset_count=assets,
        credit=credit,
    )


def _order_total(order: Order) -> Decimal | None:
    return shown_total(order) if is_end_customer() else order.net_total


@bp.get("/orders")
@permission_required(Permission.ORDERS_VIEW)
def orders() -> ResponseReturnValue:
    """List orders: number, status, date, total; drafts never appear, and orders the reseller placed show no total."""
    status = next((each for each in OrderStatus if each.value == request.args.get("status")), None)
    wanted = OrderFilter(search=request.args.get("q", ""), status=status)
    if request.args.get("export") == "xlsx":
        rows = list_orders(wanted, limit=MOST_EXPORTED)
        return xlsx_response(
            "orders",
            ["Order", "Status", "Order date", "Total", "Currency"],
            [
                (
                    r.order.number,
                    status_words(r.order.status),
                    r.order.placed_at.date(),
                    _cell(r.order),
                    r.order.currency,
                )
                for r in rows
            ],
        )
    asked = requested_page()
    found = Page(
        list_orders(wanted, offset=asked.offset, limit=asked.size), count_orders(wanted), asked.number, asked.size
    )
    return _billing_page(
        "orders",
        title="Orders",
        found=found,
        query=wanted.search,
        status=status,
        statuses=[(each.value, status_words(each)) for each in OrderStatus if each is not OrderStatus.DRAFT],
        shown_total=_order_total,
        status_words=status_words,
        is_reseller=signed_in_viewer().kind is UserKind.RESELLER,
    )


def _cell(order: Order) -> Decimal | str:
    total = _order_total(order)
    return "-" if total is None else total


def _names_of(account_ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """Return whose services a reseller's lists show: its customers' beside its own. One statement, for resellers alone."""
    if signed_in_viewer().kind is not UserKind.RESELLER:
        return {}
    rows = session.execute(
        select(Account.id, Account.name).where(
            Account.distributor_id == current_scope().distributor_id,
            Account.id.in_({each for each in account_ids if each is not None}),
        )
    )
    return {row.id: row.name for row in rows}


@bp.get("/subscriptions")
@permission_required(Permission.SUBSCRIPTIONS_VIEW)
def subscriptions() -> ResponseReturnValue:
    """List subscriptions with the price the viewer may see, or "-"."""
    status, search = request.args.get("status", ""), request.args.get("q", "").strip()
    hides = not signed_in_viewer().can(Permission.SUBSCRIPTION_PRICES_VIEW)
    if request.args.get("export") == "xlsx":
        rows, _ = _subscriptions_of(status, search, limit=MOST_EXPORTED)
        return xlsx_response(
            "subscriptions",
            ["Code", "Name", "Quantity", "Status", "Unit price", "Total", "Currency", "Renews on"],
            [_exported(each, hides=hides) for each in shown(rows)],
        )
    asked = requested_page()
    rows, total = _subscriptions_of(status, search, offset=asked.offset, limit=asked.size)
    return _billing_page(
        "subscriptions",
        title="Subscriptions",
        found=Page(shown(rows), total, asked.number, asked.size),
        names=_names_of(row.account_id for row in rows),
        query=search,
        status=status,
        statuses=[(each.value, each.value.replace("_", " ").capitalize()) for each in SubscriptionStatus],
        price_unit=price_unit,
        hides_prices=hides,
    )


def _exported(each: ShownSubscription, *, hides: bool) -> tuple[Cell, ...]:
    it = each.subscription
    return (
        it.code,
        it.friendly_name,
        it.quantity,
        it.status.value.replace("_", " ").capitalize(),
        "-" if hides or each.unit_price is None else each.unit_price,
        "-" if hides or each.line_total is None else each.line_total,
        it.currency,
        it.renews_on,
    )


@bp.get("/subscriptions/<code>")
@permission_required(Permission.SUBSCRIPTIONS_VIEW)
def subscription(code: str) -> ResponseReturnValue:
    """Show one subscription with its history."""
    found = get_subscription(code)
    (it,) = shown([found])
    return _billing_page(
        "subscription",
        title=found.friendly_name,
        shown=it,
        name=_names_of([found.account_id]).get(found.account_id) if found.account_id else None,
        product=session.get(Product, (found.distributor_id, found.product_id)),
        events=list_history(found.id),
        price_unit=price_unit,
        cycle=CYCLE_UNITS[found.cycle],
        term=TERM_WORDS[found.term],
        hides_prices=not signed_in_viewer().can(Permission.SUBSCRIPTION_PRICES_VIEW),
        may_buy_more=_may_buy_more(it),
        panel=panel_of(found),
        add_ons=shown(list_add_ons(found.id)),
        answers=answers_of(found, in_storefront=True),
        request_key=str(new_id()),
    )


def _may_buy_more(it: ShownSubscription) -> bool:
    """Whether more licences may go into the basket: active, by right, and the product is sold here now (RS-19)."""
    found = it.subscription
    return (
        it.can_buy_more
        and is_free(found, Action.BUY)
        and found.plan_edition is None
        and found.trial_ends_on is None  # it is upgraded to paid first
        and signed_in_viewer().can(Permission.SUBSCRIPTIONS_MANAGE)
        and found.product_id in offered_ids([found.product_id], buyer_of_request())
    )


@bp.get("/assets")
@permission_required(Permission.ASSETS_VIEW)
def assets() -> ResponseReturnValue:
    """List one-off purchases."""
    asked = requested_page()
    statement = select(Asset).where(Asset.distributor_id == current_scope().distributor_id)
    total = session.scalar(select(func.count()).select_from(statement.subquery())) or 0
    rows = session.scalars(
        statement.order_by(Asset.created_at.desc(), Asset.id.desc()).offset(asked.offset).limit(asked.size)
    ).all()
    listed = listed_among(row.product_id for row in rows) if is_end_customer() else frozenset()
    prices = {
        row.id: row.unit_price
        for row in rows
        if not is_end_customer() or (row.product_id in listed and not row.bought_by_reseller)
    }
    return _billing_page(
        "assets",
        title="Assets",
        found=Page(rows, total, asked.number, asked.size),
        prices=prices,
        names=_names_of(row.account_id for row in rows),
    )


@bp.get("/assets/<code>")
@permission_required(Permission.ASSETS_VIEW)
def asset(code: str) -> ResponseReturnValue:
    """Show one asset with the custom fields that are meant for storefronts (CB-31)."""
    found = get_asset(code)
    hides = is_end_customer() and (found.bought_by_reseller or not listed_among([found.product_id]))
    return _billing_page(
        "asset",
        title=found.name,
        asset=found,
        name=_names_of([found.account_id]).get(found.account_id) if found.account_id else None,
        unit_price=None if hides else found.unit_price,
        answers=answers_of(found, in_storefront=True),
    )


def _refuse_end_customers() -> None:
    """The reseller bills outside the platform: its customers have no invoices here (RS-27)."""
    if is_end_customer():
        raise NotFound("There are no invoices here")


@bp.get("/invoices")
@permission_required(Permission.INVOICES_VIEW)
def invoices() -> ResponseReturnValue:
    """List the invoices of who is billed by the distributor."""
    _refuse_end_customers()
    asked = requested_page()
    rows = list_invoices(
        InvoiceFilter(account_id=shopper_of_request().account_id), offset=asked.offset, limit=asked.size
    )
    total = count_invoices(InvoiceFilter(account_id=shopper_of_request().account_id))
    return _billing_page("invoices", title="Invoices", found=Page(rows, total, asked.number, asked.size))


@bp.get("/invoices/<number>.pdf")
@permission_required(Permission.INVOICES_VIEW)
def invoice_pdf(number: str) -> ResponseReturnValue:
    """Return an invoice as a PDF."""
    _refuse_end_customers()
    invoice = get_invoice(number)
    response = Response(render_invoice(invoice), mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="{invoice.number}.pdf"'
    return response
