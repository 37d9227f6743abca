"""The list of accounts, and opening, showing and changing one (BC-16, BC-18, BC-20, RS-02)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.accounts.details import AccountDetails
from app.accounts.models import Account, AccountStatus
from app.accounts.queries import (
    AccountFilter,
    AccountKind,
    AccountOrder,
    account_names,
    count_accounts,
    get_account,
    kind_of,
    list_accounts,
    list_resellers,
    same_name_in_country,
)
from app.accounts.rules import country_name
from app.accounts.services import create_account, set_status, update_account, update_end_customer
from app.bss.accounts.blueprint import bp
from app.bss.accounts.forms import EDITION_WORDS, STATUS_WORDS, AccountForm, ActionForm, CustomerForm
from app.bss.accounts.tabs import KIND_WORDS, head_of
from app.bss.calendar import distributor
from app.bss.listing import export
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.core.ids import parse_id
from app.identity.permission_rules.models import RuledKind
from app.identity.permission_rules.records import begin_record
from app.identity.permissions import Permission
from app.orders.back_office import has_orders
from app.web.pages import page
from app.web.pagination import SIZES, Page, requested_page
from themes.frames import Crumb

Details = TypeVar("Details", bound=AccountDetails)
EXPORT_ROWS = 10_000
EXPORT_HEADER = (
    "Code", "Name", "Kind", "Edition", "Reseller", "Status", "E-mail", "Phone", "City", "Country", "Currency", "Created",
)  # fmt: skip


def requested_filter() -> AccountFilter:
    """Read the list's filter from the query string; what is no choice is no filter."""
    args = request.args
    editions, orders = set(EDITION_WORDS), {order.value for order in AccountOrder}
    return AccountFilter(
        search=args.get("q", "")[:100],
        kind=AccountKind(args["kind"]) if args.get("kind") in {kind.value for kind in AccountKind} else None,
        edition=args["edition"] if args.get("edition") in editions else None,
        status=AccountStatus(args["status"]) if args.get("status") in {each.value for each in AccountStatus} else None,
        reseller_id=parse_id(args.get("reseller", "")),
        order=AccountOrder(args["sort"]) if args.get("sort") in orders else AccountOrder.NAME,
    )


@bp.get("")
@permission_required(Permission.BSS_ACCOUNTS_VIEW)
def index() -> ResponseReturnValue:
    """List accounts, or export what the filter finds."""
    wanted = requested_filter()
    if request.args.get("format") in ("csv", "xlsx"):
        return _export(wanted, request.args["format"])
    asked = requested_page()
    accounts = Page(
        list_accounts(wanted, limit=asked.size, offset=asked.offset), count_accounts(wanted), asked.number, asked.size
    )
    return page(
        "bss/accounts/index.html",
        title="Accounts",
        accounts=accounts,
        wanted=wanted,
        sizes=SIZES,
        resellers=list_resellers(),
        reseller_names=account_names([each.reseller_id for each in accounts.items if each.reseller_id]),
        kind_of=kind_of,
        kinds=KIND_WORDS,
        statuses=STATUS_WORDS,
        editions=EDITION_WORDS,
        with_args=with_args,
        may_edit=signed_in_viewer().can(Permission.BSS_ACCOUNTS_EDIT),
    )


def with_args(**changes: Any) -> str:
    """Return this list's URL with some parameters changed; an empty value drops one."""
    args: dict[str, Any] = {**request.args.to_dict(), **changes}
    return url_for(".index", **{name: value for name, value in args.items() if value not in (None, "")})


def _export(wanted: AccountFilter, kind: str) -> ResponseReturnValue:
    accounts = list_accounts(wanted, limit=EXPORT_ROWS)
    names = account_names([each.reseller_id for each in accounts if each.reseller_id])
    rows = [
        (
            each.code,
            each.name,
            KIND_WORDS[kind_of(each)],
            EDITION_WORDS.get(each.edition, each.edition) if each.is_reseller else "",
            names.get(each.reseller_id, "") if each.reseller_id and not each.is_reseller else "",
            STATUS_WORDS[each.status],
            each.email,
            each.phone,
            each.city,
            country_name(each.country),
            each.currency,
            each.created_at.date(),
        )
        for each in accounts
    ]
    return export(kind, "accounts", EXPORT_HEADER, rows)


@bp.route("/new", methods=["GET", "POST"])
@permission_required(Permission.BSS_ACCOUNTS_EDIT)
def new() -> ResponseReturnValue:
    """Open an account."""
    form = AccountForm()
    form.choose(distributor().currency)
    form.choose_rule(RuledKind.ACCOUNT, signed_in_viewer().actor)
    similar: list[Account] = []
    if form.validate_on_submit():
        details = form.to_new_account()
        similar = list(same_name_in_country(details.name, details.country))
        if not similar or request.form.get("save_anyway"):
            try:
                with unit_of_work():
                    account = create_account(
                        _may_set_credit(details, None), actor=signed_in_viewer().actor, at=utc_now()
                    )
                    begin_record(
                        RuledKind.ACCOUNT, account.id, form.chosen_rule, actor=signed_in_viewer().actor, at=utc_now()
                    )
            except Invalid as refusal:
                form.take(refusal)
            else:
                flash(f"{account.name} was added.", "success")
                return redirect(url_for(".detail", account_id=account.id), code=303)
    return page(
        "bss/accounts/edit.html",
        title="New account",
        breadcrumbs=[Crumb("Accounts", url_for(".index")), Crumb("New account")],
        form=form,
        account=None,
        similar=similar,
        cancel_url=url_for(".index"),
        may_set_credit=signed_in_viewer().can(Permission.BSS_CREDIT_EDIT),
    ), 422 if similar else form.status


def _may_set_credit(details: Details, account: Account | None) -> Details:
    """Keep the credit limit as it is, or 0, for staff without the right to set it (BC-22)."""
    if signed_in_viewer().can(Permission.BSS_CREDIT_EDIT):
        return details
    return replace(details, credit_limit=account.credit_limit if account is not None else Decimal(0))


@bp.get("/<uuid:account_id>")
@permission_required(Permission.BSS_ACCOUNTS_VIEW)
def detail(account_id: UUID) -> ResponseReturnValue:
    """Show what is known of an account."""
    account = get_account(account_id)
    head = head_of(account, "detail")
    return page(
        "bss/accounts/detail.html",
        title=account.name,
        breadcrumbs=head.crumbs,
        head=head,
        account=account,
        country=country_name(account.country),
        form=ActionForm(),
        reseller=get_account(account.reseller_id) if account.reseller_id and not account.is_reseller else None,
    )


@bp.route("/<uuid:account_id>/edit", methods=["GET", "POST"])
@permission_required(Permission.BSS_ACCOUNTS_EDIT)
def edit(account_id: UUID) -> ResponseReturnValue:
    """Change an account; a reseller's customer has the smaller form."""
    account = get_account(account_id)
    if kind_of(account) is AccountKind.END_CUSTOMER:
        return _edit_customer(account)
    form = AccountForm()
    del form.permission_rule_id  # of an account that stands, on the page "Access"
    if request.method == "GET":
        form.show(account)
    form.choose(account.currency)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                update_account(
                    account_id,
                    _may_set_credit(form.to_details(), account),
                    has_orders=has_orders(account_id),
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Saved.", "success")
            return redirect(url_for(".detail", account_id=account_id), code=303)
    return _edit_page(account, form)


def _edit_customer(account: Account) -> ResponseReturnValue:
    form = CustomerForm(obj=account) if request.method == "GET" else CustomerForm()
    del form.permission_rule_id
    form.choose_countries()
    assert account.reseller_id is not None
    if form.validate_on_submit():
        try:
            with unit_of_work():
                update_end_customer(
                    account.reseller_id, account.id, form.to_customer(), actor=signed_in_viewer().actor, at=utc_now()
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Saved.", "success")
            return redirect(url_for(".detail", account_id=account.id), code=303)
    return _edit_page(account, form)


def _edit_page(account: Account, form: AccountForm | CustomerForm) -> ResponseReturnValue:
    crumbs = [
        Crumb("Accounts", url_for(".index")),
        Crumb(account.name, url_for(".detail", account_id=account.id)),
        Crumb("Edit"),
    ]
    return page(
        "bss/accounts/edit.html",
        title=f"Edit {account.name}",
        breadcrumbs=crumbs,
        form=form,
        account=account,
        similar=[],
        cancel_url=url_for(".detail", account_id=account.id),
        may_set_credit=signed_in_viewer().can(Permission.BSS_CREDIT_EDIT),
    ), form.status


@bp.post("/<uuid:account_id>/status")
@permission_required(Permission.BSS_ACCOUNTS_EDIT)
def status(account_id: UUID) -> ResponseReturnValue:
    """Activate, suspend or deactivate an account."""
    form = ActionForm()
    get_account(account_id)
    wanted = request.form.get("status", "")
    if form.validate_on_submit() and wanted in {each.value for each in AccountStatus}:
        with unit_of_work():
            account = set_status(account_id, AccountStatus(wanted), actor=signed_in_viewer().actor, at=utc_now())
        flash(f"{account.name} is {STATUS_WORDS[account.status].lower()}.", "success")
    return redirect(url_for(".detail", account_id=account_id), code=303)
