"""The list of a reseller's customers, adding one, and what one page of it shows first (RS-23, RS-24, RS-25)."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.accounts.models import AccountStatus
from app.accounts.queries import get_customer
from app.accounts.services import create_end_customer, set_approval, update_end_customer
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.manage.customers import records, users
from app.manage.customers.blueprint import STATUS_WORDS, bp, customer_page, reseller, reseller_id
from app.manage.customers.forms import CustomerForm, NewCustomerForm
from app.notifications.settings import find_mail_settings
from app.owner.lists import chips, chosen, sorted_columns, with_args, yes_or_no
from app.owner.scopes import owner_of_request
from app.resellers.customer_users import NewPerson, create_customer_with_user
from app.resellers.customers import (
    CustomerFilter,
    CustomerOrder,
    count_found,
    customer_totals,
    deactivate_customer,
    list_customers,
    places_of,
    reactivate_customer,
)
from app.web.countries import country_name
from app.web.exports import csv_response, xlsx_response
from app.web.pages import page
from app.web.pagination import Page, requested_page
from tenants.settings import distributor_settings, storefront_settings
from themes.frames import Crumb

__all__ = ["bp", "records", "users"]

EXPORT_ROWS = 10_000
EXPORT_HEADER = (
    "Name", "Phone", "City", "E-mail", "Monthly run rate", "Currency", "Storefront access", "Status", "Approval",
    "Country", "Created",
)  # fmt: skip
YES_NO = [("yes", "Yes"), ("no", "No")]


def requested_filter() -> CustomerFilter:
    """Read the list's filter from the query string; what is no choice is no filter."""
    return CustomerFilter(
        search=request.args.get("q", "")[:100],
        status=chosen(AccountStatus, "status"),
        is_transacting=yes_or_no("transacting"),
        has_access=yes_or_no("access"),
        approval_required=yes_or_no("approval"),
        country=request.args.get("country", "")[:2],
        city=request.args.get("city", "")[:100],
        mrr_from=_amount("mrr_from"),
        mrr_to=_amount("mrr_to"),
        order=chosen(CustomerOrder, "sort") or CustomerOrder.NAME,
    )


def _amount(name: str) -> Decimal | None:
    try:
        found = Decimal(request.args.get(name, "").strip() or "NaN")
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


@bp.get("")
@permission_required(Permission.MANAGE_CUSTOMERS)
def index() -> ResponseReturnValue:
    """List customers with tiles above, or export what the filter finds."""
    owner, wanted = reseller(), requested_filter()
    if request.args.get("export") in ("csv", "xlsx"):
        return _export(owner.id, owner.currency, wanted)
    asked = requested_page()
    found = Page(
        list_customers(owner.id, wanted, currency=owner.currency, limit=asked.size, offset=asked.offset),
        count_found(owner.id, wanted),
        asked.number,
        asked.size,
    )
    return page(
        "manage/customers/index.html",
        title="Customers",
        found=found,
        wanted=wanted,
        totals=customer_totals(owner.id, currency=owner.currency),
        currency=owner.currency,
        is_locked=owner.is_card_payer,
        statuses=STATUS_WORDS,
        columns=sorted_columns(
            (
                ("Name", "", "name"),
                ("Phone", "", "phone"),
                ("City", "", "city"),
                ("E-mail", "", "email"),
                ("Monthly run rate", "num", "mrr"),
                ("Storefront access", "", "access"),
                ("", "actions", ""),
            ),
            wanted.order.value,
        ),
        filters=_filters(owner.id),
        chips=_chips(wanted),
        with_args=with_args,
    )


def _filters(owner_id: UUID) -> list[dict[str, object]]:
    countries, cities = places_of(owner_id)
    args = request.args
    found: list[tuple[str, str, list[tuple[str, str]]]] = [
        ("status", "Status", [(status.value, words) for status, words in STATUS_WORDS.items()]),
        ("transacting", "Transacting", YES_NO),
        ("access", "Storefront access", YES_NO),
        ("approval", "Approval required", YES_NO),
        ("country", "Country", [(code, country_name(code)) for code in countries]),
        ("city", "City", [(city, city) for city in cities]),
    ]
    return [
        {"name": name, "label": label, "options": options, "value": args.get(name, "")}
        for name, label, options in found
    ]


def _chips(wanted: CustomerFilter) -> list[object]:
    def answer(label: str, name: str) -> str:
        return f"{label}: {request.args[name]}" if yes_or_no(name) is not None else ""

    return list(
        chips(
            {
                "status": f"Status: {STATUS_WORDS[wanted.status]}" if wanted.status else "",
                "transacting": answer("Transacting", "transacting"),
                "access": answer("Storefront access", "access"),
                "approval": answer("Approval required", "approval"),
                "country": f"Country: {country_name(wanted.country)}" if wanted.country else "",
                "city": f"City: {wanted.city}" if wanted.city else "",
                "mrr_from": f"Run rate from {wanted.mrr_from}" if wanted.mrr_from is not None else "",
                "mrr_to": f"Run rate to {wanted.mrr_to}" if wanted.mrr_to is not None else "",
            }
        )
    )


def _export(owner_id: UUID, currency: str, wanted: CustomerFilter) -> ResponseReturnValue:
    rows = [
        (
            row.name,
            row.phone,
            row.city,
            row.email,
            row.mrr,
            currency,
            "Yes" if row.has_access else "No",
            STATUS_WORDS[row.status],
            "Required" if row.approval_required else "Off",
            country_name(row.country),
            row.created_at.date(),
        )
        for row in list_customers(owner_id, wanted, currency=currency, limit=EXPORT_ROWS)
    ]
    answer = csv_response if request.args["export"] == "csv" else xlsx_response
    return answer("customers", EXPORT_HEADER, rows)


@bp.get("/new")
@permission_required(Permission.MANAGE_CUSTOMERS)
def new() -> ResponseReturnValue:
    """Show the form of a new customer; approval is on unless the storefront says otherwise."""
    starts_on = storefront_settings(owner_of_request().storefront_id).new_customers_need_approval
    form = NewCustomerForm(formdata=None, approval_required=starts_on, country=reseller().country)
    return _new_page(form)


@bp.post("/new")
@permission_required(Permission.MANAGE_CUSTOMERS)
def create() -> ResponseReturnValue:
    """Add a customer, with its first user where wanted: both or neither."""
    form, owner = NewCustomerForm(), owner_of_request()
    if form.validate_on_submit():
        details = form.to_customer(
            approval_required=bool(form.approval_required.data),
            needs_address=distributor_settings().require_customer_address,
        )
        actor, at = signed_in_viewer().actor, utc_now()
        link = ""
        try:
            with unit_of_work():
                if form.with_user.data:
                    person = NewPerson(
                        form.user_first_name.data or "", form.user_last_name.data or "", form.user_email.data or ""
                    )
                    customer, invited = create_customer_with_user(
                        reseller_id(), details, person, storefront_id=owner.storefront_id, actor=actor, at=at
                    )
                    link = invited.link
                else:
                    customer = create_end_customer(reseller_id(), details, actor=actor, at=at)
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(f"{customer.name} was added.", "success")
            if link and find_mail_settings(owner.reseller_id) is None:
                return users.users_page(customer.id, link=link)
            return redirect(url_for(".detail", customer_id=customer.id), code=303)
    return _new_page(form)


def _new_page(form: NewCustomerForm) -> ResponseReturnValue:
    return page(
        "manage/customers/new.html",
        title="Add a customer",
        breadcrumbs=[Crumb("Customers", url_for(".index")), Crumb("Add a customer")],
        form=form,
        is_locked=reseller().is_card_payer,
        needs_address=distributor_settings().require_customer_address,
    ), form.status


@bp.get("/<uuid:customer_id>")
@permission_required(Permission.MANAGE_CUSTOMERS)
def detail(customer_id: UUID) -> ResponseReturnValue:
    """Show and edit what is known of a customer."""
    form = CustomerForm(formdata=None, obj=get_customer(reseller_id(), customer_id))
    return customer_page("detail", customer_id, form=form)


@bp.post("/<uuid:customer_id>")
@permission_required(Permission.MANAGE_CUSTOMERS)
def save_detail(customer_id: UUID) -> ResponseReturnValue:
    """Change what is known of a customer."""
    form = CustomerForm()
    if form.validate_on_submit():
        details = form.to_customer(needs_address=distributor_settings().require_customer_address)
        try:
            with unit_of_work():
                update_end_customer(reseller_id(), customer_id, details, actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Saved.", "success")
            return redirect(url_for(".detail", customer_id=customer_id), code=303)
    return customer_page("detail", customer_id, form=form), form.status


@bp.post("/approval")
@permission_required(Permission.MANAGE_CUSTOMERS)
def approval_for_all() -> ResponseReturnValue:
    """Switch approval of orders on or off for all customers at once (RS-25)."""
    required = request.form.get("required") == "1"
    with unit_of_work():
        changed = set_approval(
            None, reseller_id=reseller_id(), required=required, actor=signed_in_viewer().actor, at=utc_now()
        )
    flash(f"Approval is now {'on' if required else 'off'} for all customers; {changed} changed.", "success")
    return redirect(url_for(".index"), code=303)


@bp.post("/<uuid:customer_id>/approval")
@permission_required(Permission.MANAGE_CUSTOMERS)
def approval(customer_id: UUID) -> ResponseReturnValue:
    """Switch approval of one customer's orders."""
    required = request.form.get("required") == "1"
    with unit_of_work():
        set_approval(
            customer_id, reseller_id=reseller_id(), required=required, actor=signed_in_viewer().actor, at=utc_now()
        )
    flash(
        "Orders of this customer wait for your approval." if required else "Orders of this customer run at once.",
        "success",
    )
    return redirect(url_for(".detail", customer_id=customer_id), code=303)


@bp.post("/<uuid:customer_id>/deactivate")
@permission_required(Permission.MANAGE_CUSTOMERS)
def deactivate(customer_id: UUID) -> ResponseReturnValue:
    """Close a customer for business."""
    with unit_of_work():
        people = deactivate_customer(reseller_id(), customer_id, actor=signed_in_viewer().actor, at=utc_now())
    flash(f"The customer is inactive; {people} people lost their access. Subscriptions run on.", "success")
    return redirect(url_for(".detail", customer_id=customer_id), code=303)


@bp.post("/<uuid:customer_id>/reactivate")
@permission_required(Permission.MANAGE_CUSTOMERS)
def reactivate(customer_id: UUID) -> ResponseReturnValue:
    """Open a customer for business again."""
    with unit_of_work():
        reactivate_customer(reseller_id(), customer_id, actor=signed_in_viewer().actor, at=utc_now())
    flash("The customer is active. Give its users access again where they need it.", "success")
    return redirect(url_for(".users", customer_id=customer_id), code=303)
