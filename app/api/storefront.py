"""The Marketplace API: `…/api/v1/` below a storefront, in the scope of the storefront's owner."""

from __future__ import annotations

from flask import Response

from app.access import current_address
from app.api.accounts import storefront as _accounts
from app.api.answers import answered
from app.api.assets import storefront as _assets
from app.api.blueprints import storefront_bp as bp
from app.api.callers import needs
from app.api.description import storefront_pages as pages_bp
from app.api.invoices.views import invoice_calls
from app.api.me import Me, me_at
from app.api.operations import answers
from app.api.orders import storefront as _orders
from app.api.orders import storefront_moves as _moves
from app.api.products import storefront as _products
from app.api.subscriptions import storefront as _subscriptions
from app.api.tokens import token_endpoint
from app.web.surfaces import Surface

__all__ = ["NOUNS", "bp", "pages_bp"]

NOUNS = (
    _accounts,
    _assets,
    _moves,
    _orders,
    _products,
    _subscriptions,
)  # modules that have put their calls on the blueprint
invoice_calls(bp)
token_endpoint(bp, Surface.STOREFRONT)


@bp.get("/me")
@needs()
@answers(Me)
def me() -> Response:
    """Tell a program who it is here."""
    return answered(me_at(current_address()))
