"""A customer's own prices: markup for everything, markups by product, special prices (RS-20)."""

from __future__ import annotations

from uuid import UUID

from flask.typing import ResponseReturnValue

from app.access import permission_required
from app.identity.permissions import Permission
from app.manage.customers.blueprint import customer_page
from app.manage.selling import seller_of_request
from app.pricing.rule_book import customer_rules
from app.web.surfaces import Surface, surface_blueprint

bp = surface_blueprint("customer_pricing", __name__, surface=Surface.MANAGE, path="/customers")


@bp.get("/<uuid:customer_id>/pricing")
@permission_required(Permission.MANAGE_PRICES)
def pricing(customer_id: UUID) -> ResponseReturnValue:
    """Show what one customer pays by rules of its own, among the customer's other pages."""
    rules = customer_rules(customer_id, reseller_id=seller_of_request().reseller_id)
    return customer_page("pricing", customer_id, rules=rules)
