"""The service manager "Reseller plans": switched on with prices, products published, switched off again (RS-04)."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import DecimalField
from wtforms.validators import InputRequired, NumberRange

from app.access import permission_required, signed_in_viewer
from app.bss.calendar import distributor
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.identity.permissions import Permission
from app.resellers.plans import (
    PlanPrices,
    activate_reseller_plans,
    deactivate_reseller_plans,
    edition_of,
    features_of,
    plan_products,
    publish_plan,
)
from app.web.forms import Form
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from tenants.settings import distributor_settings

bp = surface_blueprint("plans", __name__, surface=Surface.BSS, path="/reseller-plans")
MOST = Decimal("999999.99")


class PricesForm(Form):
    """What the Standard plan costs, as a list price."""

    standard_monthly = DecimalField(
        "Standard, a month", validators=[InputRequired("Enter a price"), NumberRange(0, MOST, "Enter 0 or more")]
    )
    standard_annual = DecimalField(
        "Standard, a year", validators=[InputRequired("Enter a price"), NumberRange(0, MOST, "Enter 0 or more")]
    )


class ActionForm(Form):
    """A button that changes something: nothing but its token."""


@bp.get("")
@permission_required(Permission.BSS_SETUP_VIEW)
def index() -> ResponseReturnValue:
    """Show whether plans are sold, and the two products."""
    return _show(PricesForm())


def _show(form: PricesForm) -> ResponseReturnValue:
    return page(
        "bss/plans/index.html",
        title="Reseller plans",
        form=form,
        currency=distributor().currency,
        is_active=distributor_settings().reseller_plans_active,
        plans=[(product, features_of(edition_of(product))) for product in plan_products()],
        may_edit=signed_in_viewer().can(Permission.BSS_SETUP_EDIT),
    ), form.status


@bp.post("/activate")
@permission_required(Permission.BSS_SETUP_EDIT)
def activate() -> ResponseReturnValue:
    """Switch plans on; the first time this makes the products."""
    form = PricesForm()
    known = bool(plan_products())
    if not known and not form.validate_on_submit():
        return _show(form)
    prices = PlanPrices(form.standard_monthly.data or Decimal(0), form.standard_annual.data or Decimal(0))
    with unit_of_work():
        activate_reseller_plans(prices, actor=signed_in_viewer().actor, at=utc_now())
    flash("Reseller plans are on. Publish a plan to offer it in the storefront.", "success")
    return redirect(url_for(".index"), code=303)


@bp.post("/deactivate")
@permission_required(Permission.BSS_SETUP_EDIT)
def deactivate() -> ResponseReturnValue:
    """Switch plans off; live ones go on."""
    if ActionForm().validate_on_submit():
        with unit_of_work():
            deactivate_reseller_plans(actor=signed_in_viewer().actor, at=utc_now())
        flash("Reseller plans are off. Live plans go on.", "success")
    return redirect(url_for(".index"), code=303)


@bp.post("/<uuid:product_id>/<any(publish, unpublish):action>")
@permission_required(Permission.BSS_SETUP_EDIT)
def publish(product_id: UUID, action: str) -> ResponseReturnValue:
    """Offer a plan in the storefront, or stop offering it."""
    if ActionForm().validate_on_submit():
        with unit_of_work():
            product = publish_plan(
                product_id, is_published=action == "publish", actor=signed_in_viewer().actor, at=utc_now()
            )
        flash(f"{product.name} is {'published' if product.is_published else 'hidden'}.", "success")
    return redirect(url_for(".index"), code=303)
