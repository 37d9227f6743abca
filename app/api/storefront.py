"""The Marketplace API: `…/api/v1/` below a storefront, in the scope of the storefront's owner."""

from __future__ import annotations

from flask import Response, jsonify

from app.access import current_address
from app.api.callers import api_blueprint, current_caller, needs
from app.api.lists import amount, asked_page, listed
from app.api.tokens import token_endpoint
from app.identity.api_clients.models import ApiScope
from app.subscriptions.retail import RetailSubscription, count_retail, list_retail
from app.web.surfaces import Surface

bp = api_blueprint(Surface.STOREFRONT)
token_endpoint(bp, Surface.STOREFRONT)


@bp.get("/me")
@needs()
def me() -> Response:
    """Tell a program who it is here."""
    caller, address = current_caller(), current_address()
    return jsonify(
        client={"id": caller.public_id, "name": caller.name, "expires_at": caller.expires_at},
        storefront={"id": address.storefront_id, "alias": address.alias, "edition": address.edition},
        scopes=sorted(each.value for each in caller.scopes),
    )


@bp.get("/subscriptions")
@needs(ApiScope.SUBSCRIPTIONS_READ)
def subscriptions() -> Response:
    """List the subscriptions of the storefront's owner and its customers, at what those pay."""
    asked = asked_page()
    rows = list_retail(limit=asked.size, offset=asked.offset)
    return listed([_subscription(each) for each in rows], asked, count_retail())


def _subscription(it: RetailSubscription) -> dict[str, object]:
    return {
        "code": it.code,
        "name": it.name,
        "product": {"code": it.product_code, "name": it.product_name},
        "account": {"id": it.account_id, "name": it.account_name},
        "quantity": it.quantity,
        "term": it.term.value,
        "cycle": it.cycle.value,
        "status": it.status.value,
        "sync_status": it.sync_status.value,
        "starts_on": it.starts_on and it.starts_on.isoformat(),
        "renews_on": it.renews_on and it.renews_on.isoformat(),
        "unit_price": amount(it.unit_price),
        "currency": it.currency,
    }
