"""Settings of orders and offers: who may schedule, and from which discount on an administrator looks (CB-17, SF-32)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, DecimalField
from wtforms.validators import InputRequired, NumberRange

from app.access import permission_required, signed_in_viewer
from app.audit.services import record
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.identity.permissions import Permission
from app.web.forms import Form
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from tenants.settings import distributor_settings, distributor_settings_for_change, save_distributor_settings

bp = surface_blueprint("order_settings", __name__, surface=Surface.BSS)


class OrderSettingsForm(Form):
    """The two switches."""

    scheduled_orders_on_aliases = BooleanField(
        "Customers of resellers may schedule orders",
        description="In the root storefront buyers always may. Running orders keep their day.",
    )
    offer_discount_ceiling = DecimalField(
        "Discount without approval",
        places=2,
        validators=[
            InputRequired("Enter 0 to 100"),
            NumberRange(min=Decimal(0), max=Decimal(100), message="Enter 0 to 100"),
        ],
        description="An offer with a larger discount, or below cost, is shared once an administrator has approved it.",
    )


@bp.route("", methods=["GET", "POST"])
@permission_required(Permission.BSS_SETUP_EDIT)
def index() -> ResponseReturnValue:
    """Show and save them."""
    form = OrderSettingsForm()
    if form.validate_on_submit():
        ceiling = form.offer_discount_ceiling.data
        assert ceiling is not None
        with unit_of_work():
            before = distributor_settings_for_change()
            after = replace(
                before,
                scheduled_orders_on_aliases=form.scheduled_orders_on_aliases.data,
                offer_discount_ceiling=f"{ceiling:f}",
            )
            save_distributor_settings(after)
            record(
                "settings.orders", actor=signed_in_viewer().actor, at=utc_now(), target_kind="distributor",
                before={"scheduled": before.scheduled_orders_on_aliases, "ceiling": before.offer_discount_ceiling},
                after={"scheduled": after.scheduled_orders_on_aliases, "ceiling": after.offer_discount_ceiling},
            )  # fmt: skip
        flash("Saved.", "success")
        return redirect(url_for(".index"), code=303)
    if not form.is_submitted():
        settings = distributor_settings()
        form.scheduled_orders_on_aliases.data = settings.scheduled_orders_on_aliases
        form.offer_discount_ceiling.data = Decimal(settings.offer_discount_ceiling)
    return page("bss/order_settings/index.html", title="Orders and offers", form=form), form.status
