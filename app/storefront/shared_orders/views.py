"""The page of a shared order: read and print; nothing else, and nobody has to sign in (CB-18)."""

from __future__ import annotations

from flask import Response
from flask.typing import ResponseReturnValue

from app.access import public
from app.billing.papers import render
from app.core.clock import utc_now
from app.orders.shares.services import PLACE, SharedOrderNotFound, read_shared
from app.storefront.shared_links import keep_behind_link
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint

bp = surface_blueprint("shared_orders", __name__, surface=Surface.STOREFRONT, path=PLACE)
keep_behind_link(bp, SharedOrderNotFound)


@bp.get("/<token>")
@public
def show(token: str) -> ResponseReturnValue:
    """Show an order as it stands."""
    order = read_shared(token, at=utc_now())
    return page("storefront/shared_orders/show.html", title=f"Order {order.number}", order=order, token=token)


@bp.get("/<token>/pdf")
@public
def pdf(token: str) -> ResponseReturnValue:
    """Return the order as PDF."""
    order = read_shared(token, at=utc_now())
    answer = Response(render(order.paper()), mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="{order.number}.pdf"'
    return answer
