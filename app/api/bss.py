"""The BSS API: `/bss/api/v1/` on the distributor's host, over all its business, on the wholesale side."""

from __future__ import annotations

from flask import Response

from app.api.accounts import bss as _accounts
from app.api.answers import answered
from app.api.assets import bss as _assets
from app.api.blueprints import bss_bp as bp
from app.api.callers import needs
from app.api.description import bss_pages as pages_bp
from app.api.invoices.views import invoice_calls
from app.api.me import Me, me_at
from app.api.operations import answers
from app.api.orders import bss as _orders
from app.api.products import bss as _products
from app.api.subscriptions import bss as _subscriptions
from app.api.tokens import token_endpoint
from app.web.surfaces import Surface

__all__ = ["NOUNS", "bp", "pages_bp"]

NOUNS = (_accounts, _assets, _orders, _products, _subscriptions)  # modules that have put their calls on the blueprint
invoice_calls(bp)
token_endpoint(bp, Surface.BSS)


@bp.get("/me")
@needs()
@answers(Me)
def me() -> Response:
    """Tell a program who it is here."""
    return answered(me_at(None))
