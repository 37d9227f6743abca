"""The price lists of one account: a tab of the account's page (CB-05, assignment)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.accounts.models import Account
from app.accounts.queries import get_account, payer_of
from app.bss.accounts.tabs import head_of
from app.bss.calendar import distributor_today
from app.bss.price_lists.forms import AssignForm
from app.bss.price_lists.views import bp
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.core.ids import new_id, parse_id
from app.identity.permissions import Permission
from app.pricing.price_lists import queries, services
from app.web.pages import page


@bp.get("/accounts/<uuid:account_id>/price-lists")
@permission_required(Permission.BSS_PRICES_VIEW)
def account(account_id: UUID) -> ResponseReturnValue:
    """Show the lists an account pays by, in their order."""
    return _show(get_account(account_id), AssignForm(formdata=None))


@bp.post("/accounts/<uuid:account_id>/price-lists")
@permission_required(Permission.BSS_PRICES_ASSIGN)
def assign(account_id: UUID) -> ResponseReturnValue:
    """Let an account pay by one more list."""
    found, form = get_account(account_id), AssignForm()
    if parse_id(form.price_list.data or "") in {each.price_list.id for each in queries.lists_of_account(account_id)}:
        flash("The account pays by this list already. Nothing has changed.", "info")
        return redirect(url_for(".account", account_id=account_id), code=303)
    form.price_list.choices = _choices(found)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                services.assign_price_list(
                    account_id,
                    parse_id(form.price_list.data or "") or new_id(),
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The price list was assigned. It holds for new orders.", "success")
            return redirect(url_for(".account", account_id=account_id), code=303)
    return _show(found, form), form.status


@bp.post("/accounts/<uuid:account_id>/price-lists/<uuid:price_list_id>/withdraw")
@permission_required(Permission.BSS_PRICES_ASSIGN)
def withdraw(account_id: UUID, price_list_id: UUID) -> ResponseReturnValue:
    """Take a list from an account."""
    with unit_of_work():
        services.withdraw_price_list(account_id, price_list_id, actor=signed_in_viewer().actor, at=utc_now())
    flash("The price list was taken away. What was bought by it keeps its price.", "success")
    return redirect(url_for(".account", account_id=account_id), code=303)


@bp.post("/accounts/<uuid:account_id>/price-lists/order")
@permission_required(Permission.BSS_PRICES_ASSIGN)
def order(account_id: UUID) -> ResponseReturnValue:
    """Change which list is asked first: dragged, or moved by a button."""
    get_account(account_id)
    wanted = [found for text in request.form.getlist("order") if (found := parse_id(text)) is not None]
    direction, _, moved = request.form.get("move", "").partition(":")
    moved_id = parse_id(moved)
    if moved_id in wanted:
        place = wanted.index(moved_id)
        other = place + (-1 if direction == "up" else 1)
        if 0 <= other < len(wanted):
            wanted[place], wanted[other] = wanted[other], wanted[place]
    with unit_of_work():
        services.order_price_lists(account_id, wanted, actor=signed_in_viewer().actor, at=utc_now())
    return redirect(url_for(".account", account_id=account_id), code=303)


def _choices(found: Account) -> list[tuple[str, str]]:
    lists = queries.assignable_lists(found.id, found.currency, distributor_today())
    return [("", "Choose a price list"), *((str(each.id), each.name) for each in lists)]


def _show(found: Account, form: AssignForm) -> str:
    form.price_list.choices = _choices(found)
    head = head_of(found, "account")
    pays = payer_of(found) == found.id
    reseller = None if pays or found.reseller_id is None else get_account(found.reseller_id)
    return page(
        "bss/price_lists/account.html",
        title=found.name,
        breadcrumbs=head.crumbs,
        head=head,
        reseller=reseller,
        lists=queries.lists_of_account(found.id) if pays else (),
        default=queries.default_list(found.currency),
        form=form,
        today=distributor_today(),
        may_edit=signed_in_viewer().can(Permission.BSS_PRICES_ASSIGN),
    )
