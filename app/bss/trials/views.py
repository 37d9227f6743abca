"""The list of trials; one trial with what can be done with it; a new one for an account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import or_, select

from app.access import permission_required, signed_in_viewer
from app.accounts.models import Account
from app.accounts.queries import AccountFilter, get_account, list_accounts
from app.bss.calendar import distributor_today
from app.bss.item_answers import typed_answers
from app.bss.listing import asked_text, with_args
from app.bss.trials.forms import ConvertForm, ExtendForm, StartForm
from app.catalogue.characteristics import Characteristic
from app.catalogue.models import Product
from app.catalogue.queries import get_product, get_product_type
from app.catalogue.trial_resources import asked_of_trial, initial_resources
from app.catalogue.words import trial_words, unit_words
from app.changes.effects import NewChange
from app.changes.kinds.trial_conversion import CYCLE, NAME, TERM
from app.changes.requests import submit_change
from app.changes.trials import extend_trial
from app.core.clock import utc_now
from app.core.db import session, unit_of_work
from app.core.errors import Invalid
from app.core.ids import new_id, parse_id
from app.identity.permissions import Permission
from app.pricing.quotes import ExplainedPrice, PriceKey, explain_products, root_buyer
from app.subscriptions.models import ChangeKind, ChangeStatus, Subscription
from app.subscriptions.trial_list import ListedTrial, TrialFilter, count_trials, get_listed_trial, list_trials
from app.subscriptions.trials import NewTrial, TrialNotFound, days_of_period, is_convertible, request_trial
from app.web.pages import page
from app.web.pagination import SIZES, Page, requested_page
from app.web.surfaces import Surface, surface_blueprint
from tenants.context import current_scope
from themes.frames import Crumb

bp = surface_blueprint("trials", __name__, surface=Surface.BSS)
MOST_ACCOUNTS = 25
SETTINGS_OF = "settings_of"  # whose settings a form has shown


@bp.get("")
@permission_required(Permission.BSS_SUBSCRIPTIONS_VIEW)
def index() -> ResponseReturnValue:
    """List trials, all of them or those that run."""
    wanted = TrialFilter(search=asked_text(), is_running=request.args.get("state") == "running")
    asked = requested_page()
    return page(
        "bss/trials/index.html",
        title="Trials",
        found=Page(
            list_trials(wanted, limit=asked.size, offset=asked.offset), count_trials(wanted), asked.number, asked.size
        ),
        wanted=wanted,
        sizes=SIZES,
        with_args=with_args,
        may_edit=_may_edit(),
    )


@bp.get("/new")
@permission_required(Permission.BSS_SUBSCRIPTIONS_EDIT)
def choose_account() -> ResponseReturnValue:
    """Ask who wants to try something."""
    search = asked_text()
    accounts = list_accounts(AccountFilter(search=search), limit=MOST_ACCOUNTS) if len(search) > 1 else []
    return page(
        "bss/trials/choose_account.html",
        title="New trial",
        breadcrumbs=[Crumb("Trials", url_for(".index")), Crumb("New trial")],
        search=search,
        accounts=accounts,
        product=parse_id(request.args.get("product", "")),
    )


@bp.route("/new/<uuid:account_id>", methods=["GET", "POST"])
@permission_required(Permission.BSS_SUBSCRIPTIONS_EDIT)
def new(account_id: UUID) -> ResponseReturnValue:
    """Start a trial for an account."""
    account = get_account(account_id)
    form = StartForm()
    products = _products()
    form.product.choices = [
        (str(product.id), f"{product.name} ({trial_words(product.trial_days, product.trial_months)})")
        for product in products
    ]
    refused: dict[str, str] = {}
    settings = _settings(form, products)
    if form.validate_on_submit() and settings.were_shown:  # else they are shown first
        try:
            with unit_of_work():
                _start(account, form)
        except Invalid as refusal:
            form.take(refusal)
            refused = {error.field: error.message for error in refusal.errors}
        else:
            flash("The trial is being set up.", "success")
            return redirect(url_for(".index"), code=303)
    if not form.is_submitted():
        chosen = parse_id(request.args.get("product", ""))
        form.product.data = str(chosen) if chosen else None
    shown = page(
        "bss/trials/new.html",
        title=f"New trial for {account.name}",
        breadcrumbs=[Crumb("Trials", url_for(".index")), Crumb("New trial")],
        account=account,
        form=form,
        products=products,
        refused=refused,
        settings=settings if form.is_submitted() else _settings(form, products),
    )
    return shown, form.status


@bp.get("/<code>")
@permission_required(Permission.BSS_SUBSCRIPTIONS_VIEW)
def detail(code: str) -> ResponseReturnValue:
    """Show a trial, and the ways to extend it and to turn it into something paid."""
    return _detail(code, ExtendForm(formdata=None), ConvertForm(formdata=None))


@bp.post("/<code>/extend")
@permission_required(Permission.BSS_SUBSCRIPTIONS_EDIT)
def lengthen(code: str) -> ResponseReturnValue:
    """Move a trial's last day."""
    trial = _subscription_of(get_listed_trial(code))
    form = ExtendForm()
    if form.validate_on_submit():
        viewer = signed_in_viewer()
        try:
            with unit_of_work():
                extend_trial(
                    trial.id,
                    form.days.data or 0,
                    by_administrator=viewer.can(Permission.BSS_SALES_APPROVE),
                    actor=viewer.actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(f"The trial was extended by {form.days.data} days.", "success")
            return redirect(url_for(".detail", code=code), code=303)
    return _detail(code, form, ConvertForm(formdata=None))


@bp.post("/<code>/convert")
@permission_required(Permission.BSS_SUBSCRIPTIONS_EDIT)
def convert(code: str) -> ResponseReturnValue:
    """Turn a trial into a paid subscription, billed from today."""
    trial = _subscription_of(get_listed_trial(code))
    form = ConvertForm()
    form.offer.choices = []
    if form.validate_on_submit():
        try:
            term, cycle = form.to_key()
            with unit_of_work():
                change = submit_change(
                    NewChange(
                        subscription_id=trial.id,
                        kind=ChangeKind.TRIAL_CONVERSION,
                        request_key=parse_id(form.request_key.data or "") or new_id(),
                        quantity_to=form.quantity.data,
                        details={TERM: term.value, CYCLE: cycle.value, NAME: form.friendly_name.data or ""},
                    ),
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            is_done = change.status is ChangeStatus.COMPLETED
            flash("The trial is a paid subscription now." if is_done else "The vendor is being asked.", "success")
            return redirect(url_for(".detail", code=code), code=303)
    return _detail(code, ExtendForm(formdata=None), form)


def _detail(code: str, extend_form: ExtendForm, convert_form: ConvertForm) -> ResponseReturnValue:
    row = get_listed_trial(code)
    trial = _subscription_of(row)
    product = get_product(row.trial.product_id)
    may_convert = _may_edit() and is_convertible(trial, distributor_today())
    offers = _offers(trial) if may_convert else {}
    labels = {key: unit_words(key.term, key.cycle) for key in offers}
    convert_form.offer.choices = [(f"{key.term.value}.{key.cycle.value}", label) for key, label in labels.items()]
    if not convert_form.is_submitted():
        convert_form.quantity.data, convert_form.friendly_name.data = trial.quantity, trial.friendly_name
        convert_form.offer.data = f"{trial.term.value}.{trial.cycle.value}"
    if not convert_form.request_key.data:
        convert_form.request_key.data = str(new_id())
    if not extend_form.is_submitted():
        extend_form.days.data = days_of_period(row.trial, row.ends_on or distributor_today())
    shown = page(
        "bss/trials/detail.html",
        title=row.trial.friendly_name,
        breadcrumbs=[Crumb("Trials", url_for(".index")), Crumb(trial.code)],
        row=row,
        trial=trial,
        product=product,
        extend_form=extend_form,
        convert_form=convert_form,
        offers=[(labels[key], price) for key, price in offers.items()],
        may_extend=_may_edit() and row.state in ("Running", "Suspended"),
        may_convert=may_convert and bool(offers),
    )
    return shown, extend_form.status if extend_form.errors else convert_form.status


def _offers(trial: Subscription) -> dict[PriceKey, ExplainedPrice]:
    """Return what a trial's product costs its payer today, by term and cycle, the shortest first."""
    payer = get_account(trial.payer_id)
    prices = explain_products([trial.product_id], root_buyer(payer, distributor_today()))
    ordered = sorted(prices, key=lambda key: (key.term.months, key.cycle.months))
    return {key: prices[key] for key in ordered if key.cycle.months}


@dataclass(frozen=True, slots=True)
class _Settings:
    """What can be set on a trial of the chosen product, what is typed or stands, and whether the form has shown it."""

    product: Product | None = None
    asked: tuple[Characteristic, ...] = ()
    typed: Mapping[str, Any] = field(default_factory=dict)
    were_shown: bool = True


def _settings(form: StartForm, products: Sequence[Product]) -> _Settings:
    chosen = next((product for product in products if str(product.id) == form.product.data), None)
    if chosen is None:
        return _Settings()
    product_type = get_product_type(chosen.product_type_id)
    asked = asked_of_trial(chosen, product_type, by_customer=False)
    were_shown = request.form.get(SETTINGS_OF) == str(chosen.id)
    typed = typed_answers() if were_shown else initial_resources(chosen, product_type)
    return _Settings(chosen, asked, typed, were_shown or not asked)


def _start(account: Account, form: StartForm) -> None:
    payer = get_account(account.reseller_id) if account.reseller_id else account
    request_trial(
        NewTrial(
            account=account,
            payer_id=payer.id,
            product_id=form.to_product_id(),
            quantity=form.quantity.data or 0,
            friendly_name=form.friendly_name.data or "",
            storefront_id=None,
            contact_email=account.email,
            requested_by=signed_in_viewer().actor,
            typed=typed_answers(),
        ),
        buyer=root_buyer(payer, distributor_today()),
        at=utc_now(),
    )


def _products() -> list[Product]:
    statement = select(Product).where(
        Product.distributor_id == current_scope().distributor_id,
        or_(Product.trial_days.is_not(None), Product.trial_months.is_not(None)),
        Product.is_active.is_(True),
        Product.retired_at.is_(None),
        Product.is_add_on.is_(False),
    )
    return list(session.scalars(statement.order_by(Product.name, Product.id)))


def _subscription_of(row: ListedTrial) -> Subscription:
    if row.subscription is None:
        raise TrialNotFound(row.trial.id)
    return row.subscription


def _may_edit() -> bool:
    return signed_in_viewer().can(Permission.BSS_SUBSCRIPTIONS_EDIT)
