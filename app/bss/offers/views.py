"""The list of offers, and starting, showing, editing, copying and printing one (CB-17)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.accounts.queries import AccountFilter, get_account, list_accounts
from app.billing.papers import render
from app.bss.item_forms import submit_of
from app.bss.listing import asked_choice, asked_export, asked_id, asked_text, export, with_args
from app.bss.offers.blueprint import bp
from app.bss.offers.forms import ActionForm, DocumentForm, OfferForm, RefuseForm, StatusForm
from app.core.clock import utc_now
from app.core.db import session, unit_of_work
from app.core.errors import Invalid
from app.core.ids import new_id, parse_id
from app.identity.permissions import Permission
from app.orders.idempotency import Submit, once
from app.orders.offers.documents import documents_of
from app.orders.offers.errors import OfferNotFound
from app.orders.offers.lifecycle import link_of
from app.orders.offers.machine import OfferMove, may
from app.orders.offers.models import Offer, OfferType
from app.orders.offers.prices import discount_of, is_below_cost, needs_approval, totals_of
from app.orders.offers.queries import OfferFilter, OfferRow, count_offers, find_offers, row_of
from app.orders.offers.rows import Staff, events_of, find_offer, items_of
from app.orders.offers.services import change_offer, copy_offer, create_offer, delete_offer, possible_owners
from app.orders.offers.shown import shared
from app.orders.offers.statuses import list_statuses, name_of, status_names
from app.web.exports import Cell
from app.web.pages import page
from app.web.pagination import SIZES, Page, requested_page
from tenants.context import current_scope
from tenants.settings import distributor_settings
from themes.frames import Crumb

EXPORT_ROWS = 10_000
HEADER = (
    "Number", "Name", "Account", "Billed to", "Owner", "Status", "Valid until", "Net total", "Currency", "Order",
)  # fmt: skip
TYPE_WORDS = {OfferType.IN_PROGRESS: "In progress", OfferType.ACCEPTED: "Accepted", OfferType.CANCELED: "Lost"}
TONES = {OfferType.IN_PROGRESS: "progress", OfferType.ACCEPTED: "success", OfferType.CANCELED: "neutral"}


def staff() -> Staff:
    """Return the viewer as offers know people."""
    viewer = signed_in_viewer()
    return Staff(viewer.actor, is_administrator=viewer.holds(Permission.BSS_SALES_APPROVE))


@bp.get("")
@permission_required(Permission.BSS_ORDERS_EDIT)
def index() -> ResponseReturnValue:
    """List offers: one's own, or everybody's for administrators."""
    wanted = OfferFilter(asked_text(), asked_choice(OfferType, "type"), asked_id("account"), asked_id("owner"))
    names = status_names()
    if kind := asked_export():
        return export(kind, "offers", HEADER, _rows(find_offers(wanted, staff(), limit=EXPORT_ROWS), names))
    asked = requested_page()
    return page(
        "bss/offers/index.html",
        title="Offers",
        offers=Page(
            find_offers(wanted, staff(), offset=asked.offset, limit=asked.size),
            count_offers(wanted, staff()),
            asked.number,
            asked.size,
        ),
        wanted=wanted,
        types=TYPE_WORDS,
        tones=TONES,
        names=names,
        name_of=name_of,
        owners=possible_owners() if staff().is_administrator else [],
        sizes=SIZES,
        with_args=with_args,
    )


def _rows(found: Sequence[OfferRow], names: Mapping[UUID | OfferType, str]) -> list[tuple[Cell, ...]]:
    return [
        (
            row.offer.number, row.offer.name, row.account_name, row.payer_name, row.owner_name,
            name_of(row.offer, names), row.offer.valid_until, row.net_total, row.offer.currency, row.order_number,
        )
        for row in found
    ]  # fmt: skip


@bp.get("/new")
@permission_required(Permission.BSS_ORDERS_EDIT)
def choose_account() -> ResponseReturnValue:
    """Choose who an offer is for."""
    search = asked_text()
    return page(
        "bss/offers/choose_account.html",
        title="New offer",
        breadcrumbs=[Crumb("Offers", url_for(".index")), Crumb("New offer")],
        search=search,
        accounts=list_accounts(AccountFilter(search=search), limit=25) if search else [],
    )


@bp.route("/new/<uuid:account_id>", methods=["GET", "POST"])
@permission_required(Permission.BSS_ORDERS_EDIT)
def new(account_id: UUID) -> ResponseReturnValue:
    """Start an offer for an account."""
    account = get_account(account_id)
    form, person, at = offer_form(), staff(), utc_now()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                details = form.to_details()
                made = once(
                    submit_of(form, "offer", account_id),
                    lambda: create_offer(account_id, details, staff=person, at=at).id,
                    at=at,
                )
                number = number_of(made)
        except Invalid as refusal:
            form.take(refusal)
        else:
            return redirect(url_for(".products", number=number), code=303)
    elif not form.is_submitted():
        form.request_key.data = str(new_id())
    payer = get_account(account.reseller_id) if account.reseller_id else account
    return page(
        "bss/offers/edit.html",
        title=f"New offer for {account.name}",
        breadcrumbs=[Crumb("Offers", url_for(".index")), Crumb("New offer")],
        account=account,
        payer=payer,
        offer=None,
        form=form,
    ), form.status


@bp.get("/<number>")
@permission_required(Permission.BSS_ORDERS_EDIT)
def detail(number: str) -> ResponseReturnValue:
    """Show one offer: state and next step, products, totals, history."""
    return offer_page(number)


def offer_page(
    number: str, refusal: Invalid | None = None, document_form: DocumentForm | None = None
) -> ResponseReturnValue:
    """Render an offer; `refusal` says why something was not done, a refused `document_form` what file was not taken."""
    offer = find_offer(number, staff())
    items = items_of(offer)
    viewer = signed_in_viewer()
    pending = needs_approval(offer, items)
    may_edit = viewer.can(Permission.BSS_ORDERS_EDIT)
    return page(
        "bss/offers/detail.html",
        title=offer.number,
        breadcrumbs=[Crumb("Offers", url_for(".index")), Crumb(offer.number)],
        offer=offer,
        row=row_of(offer),
        items=items,
        discounts={item.id: discount_of(item) for item in items},
        below_cost={item.id for item in items if is_below_cost(item)},
        totals=totals_of(items, offer.currency),
        events=events_of(offer.id),
        status=name_of(offer, status_names()),
        tone=TONES[offer.type],
        link=link_of(offer) if offer.type is not OfferType.CANCELED else None,
        pending=pending,
        may_edit=may_edit,
        may_approve=pending and viewer.can(Permission.BSS_SALES_APPROVE),
        may={move.value: may_edit and may(offer, move) for move in OfferMove},
        sees_vendor_cost=viewer.can(Permission.BSS_COSTS_VIEW),
        has_names=len([each for each in list_statuses() if each.details.type is offer.type]) > 1,
        copy_key=new_id(),
        refusal=refusal,
        form=ActionForm(),
        refuse_form=RefuseForm(formdata=None),
        documents=documents_of(offer.id),
        document_form=document_form or DocumentForm(formdata=None),
    ), 422 if refusal or document_form else 200


@bp.route("/<number>/edit", methods=["GET", "POST"])
@permission_required(Permission.BSS_ORDERS_EDIT)
def edit(number: str) -> ResponseReturnValue:
    """Change what an offer says."""
    offer = find_offer(number, staff())
    form = offer_form(offer)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                change_offer(number, form.to_details(), version=form.seen_version, staff=staff(), at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Saved.", "success")
            return redirect(url_for(".detail", number=number), code=303)
    return page(
        "bss/offers/edit.html",
        title=f"Edit {number}",
        breadcrumbs=crumbs(offer, "Edit"),
        account=get_account(offer.account_id),
        payer=get_account(offer.payer_id),
        offer=offer,
        form=form,
    ), form.status


@bp.post("/<number>/copy")
@permission_required(Permission.BSS_ORDERS_EDIT)
def copy(number: str) -> ResponseReturnValue:
    """Start an offer like this one; the button's key makes a double click harmless."""
    person, at = staff(), utc_now()
    key = parse_id(request.form.get("request_key", "")) or new_id()
    with unit_of_work():
        made = once(
            Submit(str(person.actor.user_id), "offer-copy", key, (number,)),
            lambda: copy_offer(number, staff=person, at=at).id,
            at=at,
        )
        copied = number_of(made)
    flash(f"{copied} is a copy of {number}.", "success")
    return redirect(url_for(".detail", number=copied), code=303)


@bp.post("/<number>/delete")
@permission_required(Permission.BSS_ORDERS_EDIT)
def delete(number: str) -> ResponseReturnValue:
    """Delete an offer nobody has seen."""
    try:
        with unit_of_work():
            delete_offer(number, staff=staff(), at=utc_now())
    except Invalid as refusal:
        return offer_page(number, refusal)
    flash(f"{number} was deleted.", "success")
    return redirect(url_for(".index"), code=303)


@bp.get("/<number>/pdf")
@permission_required(Permission.BSS_ORDERS_EDIT)
def pdf(number: str) -> ResponseReturnValue:
    """Return an offer as PDF, as its customer gets it."""
    offer = find_offer(number, staff())
    answer = Response(render(shared(offer, items_of(offer)).paper()), mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="{offer.number}.pdf"'
    return answer


def number_of(offer_id: UUID) -> str:
    """Return an offer's number; it was made in this request, or by the one this one repeats."""
    found = session.get(Offer, (current_scope().distributor_id, offer_id))
    if found is None:
        raise OfferNotFound
    return found.number


def offer_form(offer: Offer | None = None) -> OfferForm:
    """Return the form of an offer: languages to choose from, and owners for who may give it to somebody else."""
    form = OfferForm() if request.method == "POST" or offer is None else OfferForm(obj=offer)
    form.language.choices = [(language, language) for language in distributor_settings().languages]
    if offer is None or not staff().is_administrator:
        del form.owner
        return form
    form.owner.choices = [(str(each.id), each.full_name) for each in possible_owners()]
    if not form.is_submitted():
        form.owner.data = str(offer.owner_id)
    return form


def crumbs(offer: Offer, label: str) -> list[Crumb]:
    """Return where a page of an offer stands."""
    return [
        Crumb("Offers", url_for(".index")),
        Crumb(offer.number, url_for(".detail", number=offer.number)),
        Crumb(label),
    ]


def status_form(offer: Offer) -> StatusForm:
    """Return the choice among the statuses of an offer's type."""
    form = StatusForm()
    form.status_ref.choices = [
        (each.ref, each.details.name)
        for each in list_statuses()
        if each.details.type is offer.type and each.details.is_active
    ]
    return form
