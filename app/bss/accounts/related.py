"""What belongs to an account: people, customers, orders, subscriptions, credit and history (BC-20)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.accounts.contacts import add_contact, home_storefront, list_people, make_primary
from app.accounts.models import Account
from app.accounts.queries import AccountFilter, AccountKind, count_accounts, get_account, kind_of, list_accounts
from app.accounts.services import create_end_customer, set_approval
from app.billing.credit import available_credit
from app.bss.accounts.blueprint import bp
from app.bss.accounts.forms import STATUS_WORDS, ActionForm, ContactForm, CustomerForm
from app.bss.accounts.tabs import head_of
from app.bss.calendar import distributor_zone
from app.bss.records.history import history_page
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Conflict, Invalid, NotFound
from app.identity.permission_rules.models import RuledKind
from app.identity.permission_rules.records import begin_record
from app.identity.permissions import Permission
from app.identity.services import deactivate_user, resend_activation
from app.orders.back_office_queries import BackOfficeFilter, count_found, find_orders
from app.orders.words import STATUS_WORDS as ORDER_STATUS_WORDS
from app.subscriptions.wholesale import list_wholesale
from app.web.pages import page
from app.web.pagination import SIZES, Page, requested_page
from themes.frames import Crumb


@bp.route("/<uuid:account_id>/users", methods=["GET", "POST"])
@permission_required(Permission.BSS_ACCOUNTS_VIEW)
def people(account_id: UUID) -> ResponseReturnValue:
    """Show the people of an account; a POST adds one."""
    account = get_account(account_id)
    form = ContactForm()
    may_edit = signed_in_viewer().can(Permission.BSS_ACCOUNTS_EDIT)
    if may_edit and form.validate_on_submit():
        try:
            with unit_of_work():
                person = add_contact(account_id, form.to_contact(), actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(f"{person.full_name} was added.", "success")
            return redirect(url_for(".people", account_id=account_id), code=303)
    head = head_of(account, "people")
    return page(
        "bss/accounts/people.html",
        title=account.name,
        breadcrumbs=head.crumbs,
        head=head,
        people=list_people(account_id),
        form=form,
        may_edit=may_edit,
    ), form.status


@bp.post("/<uuid:account_id>/users/<uuid:user_id>/<any(primary, resend, deactivate):action>")
@permission_required(Permission.BSS_ACCOUNTS_EDIT)
def person_action(account_id: UUID, user_id: UUID, action: str) -> ResponseReturnValue:
    """Make a person the primary contact, send the activation mail again, or take the access away."""
    person = next((each for each in list_people(get_account(account_id).id) if each.id == user_id), None)
    if person is None:
        raise NotFound("There is no such person")
    if ActionForm().validate_on_submit():
        actor, at = signed_in_viewer().actor, utc_now()
        with unit_of_work():
            if action == "primary":
                make_primary(account_id, user_id, actor=actor, at=at)
            elif action == "resend":
                _resend(account_id, user_id)
            else:
                deactivate_user(user_id, actor=actor, at=at)
        flash(f"{person.full_name}: {_done_words(action)}.", "success")
    return redirect(url_for(".people", account_id=account_id), code=303)


def _done_words(action: str) -> str:
    return {"primary": "primary contact", "resend": "activation mail on its way", "deactivate": "access taken away"}[
        action
    ]


def _resend(account_id: UUID, user_id: UUID) -> None:
    realm_id = home_storefront(get_account(account_id))
    if realm_id is None:
        raise Conflict("The account's reseller has no storefront to sign in to")
    resend_activation(user_id, invite_from=realm_id, actor=signed_in_viewer().actor, at=utc_now())


@bp.get("/<uuid:account_id>/customers")
@permission_required(Permission.BSS_ACCOUNTS_VIEW)
def customers(account_id: UUID) -> ResponseReturnValue:
    """Show a reseller's customers."""
    reseller = _reseller(account_id)
    asked = requested_page()
    wanted = AccountFilter(search=request.args.get("q", "")[:100], reseller_id=account_id)
    head = head_of(reseller, "customers")
    return page(
        "bss/accounts/customers.html",
        title=reseller.name,
        breadcrumbs=head.crumbs,
        head=head,
        customers=Page(
            list_accounts(wanted, limit=asked.size, offset=asked.offset),
            count_accounts(wanted),
            asked.number,
            asked.size,
        ),
        search=wanted.search,
        statuses=STATUS_WORDS,
        sizes=SIZES,
    )


@bp.route("/<uuid:account_id>/customers/new", methods=["GET", "POST"])
@permission_required(Permission.BSS_ACCOUNTS_EDIT)
def new_customer(account_id: UUID) -> ResponseReturnValue:
    """Add a customer to a reseller."""
    reseller = _reseller(account_id)
    form = CustomerForm()
    form.choose_countries()
    form.choose_rule(RuledKind.ACCOUNT, signed_in_viewer().actor)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                customer = create_end_customer(
                    account_id, form.to_customer(), actor=signed_in_viewer().actor, at=utc_now()
                )
                begin_record(
                    RuledKind.ACCOUNT, customer.id, form.chosen_rule, actor=signed_in_viewer().actor, at=utc_now()
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(f"{customer.name} was added.", "success")
            return redirect(url_for(".detail", account_id=customer.id), code=303)
    return page(
        "bss/accounts/edit.html",
        title=f"New customer of {reseller.name}",
        breadcrumbs=[
            Crumb("Accounts", url_for(".index")),
            Crumb(reseller.name, url_for(".customers", account_id=account_id)),
            Crumb("New customer"),
        ],
        form=form,
        account=None,
        similar=[],
        cancel_url=url_for(".customers", account_id=account_id),
        may_set_credit=False,
    ), form.status


@bp.post("/<uuid:account_id>/approval")
@permission_required(Permission.BSS_ACCOUNTS_EDIT)
def approval(account_id: UUID) -> ResponseReturnValue:
    """Switch order approval of one end customer."""
    customer = get_account(account_id)
    if kind_of(customer) is not AccountKind.END_CUSTOMER or customer.reseller_id is None:
        raise NotFound("There is no such customer")
    if ActionForm().validate_on_submit():
        required = request.form.get("required") == "1"
        with unit_of_work():
            set_approval(
                account_id,
                reseller_id=customer.reseller_id,
                required=required,
                actor=signed_in_viewer().actor,
                at=utc_now(),
            )
        flash("Orders wait for the reseller's approval." if required else "Orders need no approval.", "success")
    return redirect(url_for(".detail", account_id=account_id), code=303)


@bp.get("/<uuid:account_id>/orders")
@permission_required(Permission.BSS_ORDERS_VIEW)
def orders(account_id: UUID) -> ResponseReturnValue:
    """Show the orders an account receives or pays for."""
    account = get_account(account_id)
    asked, wanted, zone = requested_page(), BackOfficeFilter(account_id=account_id), distributor_zone()
    head = head_of(account, "orders")
    return page(
        "bss/accounts/orders.html",
        title=account.name,
        breadcrumbs=head.crumbs,
        head=head,
        orders=Page(
            find_orders(wanted, zone=zone, limit=asked.size, offset=asked.offset),
            count_found(wanted, zone=zone),
            asked.number,
            asked.size,
        ),
        statuses=ORDER_STATUS_WORDS,
        sizes=SIZES,
    )


@bp.get("/<uuid:account_id>/subscriptions")
@permission_required(Permission.BSS_SUBSCRIPTIONS_VIEW)
def subscriptions(account_id: UUID) -> ResponseReturnValue:
    """Show what an account owns, at the payer's prices."""
    account = get_account(account_id)
    head = head_of(account, "subscriptions")
    return page(
        "bss/accounts/subscriptions.html",
        title=account.name,
        breadcrumbs=head.crumbs,
        head=head,
        subscriptions=list_wholesale(account_id),
    )


@bp.get("/<uuid:account_id>/credit")
@permission_required(Permission.BSS_BILLING_VIEW)
def credit(account_id: UUID) -> ResponseReturnValue:
    """Show limit, balance and what is left."""
    account = get_account(account_id)
    payer = get_account(account.reseller_id) if account.reseller_id else account
    head = head_of(account, "credit")
    return page(
        "bss/accounts/credit.html",
        title=account.name,
        breadcrumbs=head.crumbs,
        head=head,
        payer=payer,
        credit=available_credit(payer.id),
    )


@bp.get("/<uuid:account_id>/history")
@permission_required(Permission.BSS_AUDIT_VIEW)
def history(account_id: UUID) -> ResponseReturnValue:
    """Show who changed what."""
    account = get_account(account_id)
    asked = requested_page()
    head = head_of(account, "history")
    return page(
        "bss/accounts/history.html",
        title=account.name,
        breadcrumbs=head.crumbs,
        head=head,
        **history_page(account_id, asked),
    )


def _reseller(account_id: UUID) -> Account:
    reseller = get_account(account_id)
    if not reseller.is_reseller:
        raise NotFound("There is no such reseller")
    return reseller
