"""A customer's own prices: markup for everything, markups by product, special prices (RS-20)."""

from __future__ import annotations

from uuid import UUID

from flask import current_app, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required
from app.identity.permissions import Permission
from app.manage.prices.forms import shown
from app.manage.prices.views import customer_of
from app.manage.selling import seller_of_request, unit_words
from app.pricing.rule_book import customer_rules
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("customer_pricing", __name__, surface=Surface.MANAGE, path="/customers")


@bp.get("/<uuid:customer_id>/pricing")
@permission_required(Permission.MANAGE_PRICES)
def index(customer_id: UUID) -> ResponseReturnValue:
    """Show what one customer pays by rules of its own."""
    seller, customer = seller_of_request(), customer_of(customer_id)
    has_list = "manage_customers.index" in current_app.view_functions
    return page(
        "manage/prices/customer.html",
        title=f"Pricing of {customer.name}",
        breadcrumbs=[
            Crumb("Customers", url_for("manage_customers.index") if has_list else None),
            Crumb(customer.name),
            Crumb("Pricing"),
        ],
        customer=customer,
        rules=customer_rules(customer_id, reseller_id=seller.reseller_id),
        shown=shown,
        unit_words=unit_words,
    )
