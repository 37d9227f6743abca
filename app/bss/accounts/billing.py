"""What will be invoiced to an account, and *Generate*: before the planned day, all of it or some subscriptions' (CB-32)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectMultipleField
from wtforms.widgets import CheckboxInput, ListWidget

from app.access import permission_required, signed_in_viewer
from app.accounts.models import Account
from app.accounts.queries import get_account
from app.billing.charges import pending_charges
from app.billing.documents import generate
from app.billing.models import Charge
from app.bss.accounts.blueprint import bp
from app.bss.accounts.forms import BILLING_DAY_WORDS, PARTIAL_CHARGES_WORDS
from app.bss.accounts.tabs import head_of
from app.bss.calendar import distributor_today
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.identity.permissions import Permission
from app.subscriptions.queries import codes_of
from app.web.forms import Form
from app.web.pages import page


class GenerateForm(Form):
    """Which subscriptions' charges to invoice now; none chosen: all."""

    subscriptions = SelectMultipleField(
        "Subscriptions", widget=ListWidget(prefix_label=False), option_widget=CheckboxInput(), validate_choice=False
    )

    def chosen(self, known: Collection[UUID]) -> list[UUID] | None:
        """Return the chosen subscriptions that have something pending; None: all."""
        picked = set(self.subscriptions.data or ())
        return [subscription_id for subscription_id in known if str(subscription_id) in picked] or None


@dataclass(frozen=True, slots=True)
class PendingLine:
    """A charge that waits for its paper."""

    charge: Charge
    subscription_code: str | None
    due_on: date | None  # None: with the next paper


@bp.route("/<uuid:account_id>/billing", methods=["GET", "POST"])
@permission_required(Permission.BSS_BILLING_VIEW)
def billing(account_id: UUID) -> ResponseReturnValue:
    """Show the pending charges of an account; a POST puts them on paper today."""
    account = get_account(account_id)
    payer = get_account(account.reseller_id) if account.reseller_id else account
    charges = pending_charges(payer.id)
    codes = codes_of({charge.subscription_id for charge in charges if charge.subscription_id})
    form = GenerateForm()
    form.subscriptions.choices = [(str(subscription_id), code) for subscription_id, code in codes.items()]
    may_generate = signed_in_viewer().can(Permission.BSS_BILLING_EDIT)
    if may_generate and form.validate_on_submit():
        with unit_of_work():
            papers = generate(
                payer.id,
                subscription_ids=form.chosen(codes),
                actor=signed_in_viewer().actor,
                on=distributor_today(),
                at=utc_now(),
            )
        numbers = ", ".join(paper.number for paper in papers)
        flash(f"Issued: {numbers}." if papers else "There was nothing to invoice.", "success" if papers else "info")
        return redirect(url_for(".billing", account_id=account_id), code=303)
    head = head_of(account, "billing")
    return page(
        "bss/accounts/billing.html",
        title=account.name,
        breadcrumbs=head.crumbs,
        head=head,
        payer=payer,
        form=form,
        lines=[_line(charge, codes) for charge in charges],
        net_total=sum((charge.net_amount for charge in charges), Decimal(0)),
        may_generate=may_generate,
        options=_options(payer),
    ), form.status


def _line(charge: Charge, codes: Mapping[UUID, str]) -> PendingLine:
    code = codes.get(charge.subscription_id) if charge.subscription_id else None
    return PendingLine(charge, code, charge.bill_on)


def _options(payer: Account) -> list[tuple[str, str]]:
    day = BILLING_DAY_WORDS[payer.billing_day_rule]
    if payer.billing_day and payer.prorated_billing:
        day = f"{day}: {payer.billing_day}"
    return [
        ("Prorated billing", "On" if payer.prorated_billing else "Off: each subscription on its own day"),
        ("Billing day", day),
        ("Partial charges", PARTIAL_CHARGES_WORDS[payer.partial_charges]),
        ("Payment days", str(payer.payment_days)),
    ]
