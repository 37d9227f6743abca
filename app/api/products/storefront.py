"""What a storefront sells, at its own prices: everybody's there, or one customer's."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from flask import Response

from app.api.answers import answered
from app.api.blueprints import storefront_bp as bp
from app.api.buyers import CUSTOMER, asked_customer, buyer_here
from app.api.callers import needs
from app.api.criteria import asked_criteria
from app.api.lists import asked_page, listed
from app.api.operations import answers
from app.api.products.schemas import SoldProductOut
from app.api.schemas import Listed
from app.core.clock import utc_now
from app.identity.api_clients.models import ApiScope
from app.pricing.assortment import ASSORTMENT_PROPERTIES, get_sold, list_sold

Products = Listed[SoldProductOut]


@bp.get("/products")
@needs(ApiScope.PRODUCTS_READ)
@answers(Products, lists=ASSORTMENT_PROPERTIES, query=(CUSTOMER,), refuses=(HTTPStatus.NOT_FOUND,))
def products() -> Response:
    """List what the storefront sells."""
    asked, criteria = asked_page(), asked_criteria(ASSORTMENT_PROPERTIES)
    buyer = buyer_here(asked_customer(), at=utc_now())
    found, total = list_sold(buyer, limit=asked.size, offset=asked.offset, criteria=criteria)
    return listed(Products, [SoldProductOut.of(each) for each in found], asked, total)


@bp.get("/products/<uuid:product_id>")
@needs(ApiScope.PRODUCTS_READ)
@answers(SoldProductOut, query=(CUSTOMER,), refuses=(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY))
def product(product_id: UUID) -> Response:
    """Return one product the storefront sells."""
    return answered(SoldProductOut.of(get_sold(product_id, buyer_here(asked_customer(), at=utc_now()))))
