"""The whole catalogue, at list prices."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from flask import Response

from app.api.answers import answered
from app.api.blueprints import bss_bp as bp
from app.api.callers import needs
from app.api.criteria import asked_criteria
from app.api.lists import asked_page, listed
from app.api.operations import answers
from app.api.products.schemas import WholeProductOut
from app.api.schemas import Listed
from app.catalogue.whole_list import PRODUCT_PROPERTIES, get_whole_product, list_products
from app.identity.api_clients.models import ApiScope

Products = Listed[WholeProductOut]


@bp.get("/products")
@needs(ApiScope.PRODUCTS_READ)
@answers(Products, lists=PRODUCT_PROPERTIES)
def products() -> Response:
    """List all products, published or not."""
    asked, criteria = asked_page(), asked_criteria(PRODUCT_PROPERTIES)
    found, total = list_products(limit=asked.size, offset=asked.offset, criteria=criteria)
    return listed(Products, [WholeProductOut.of(each) for each in found], asked, total)


@bp.get("/products/<uuid:product_id>")
@needs(ApiScope.PRODUCTS_READ)
@answers(WholeProductOut, refuses=(HTTPStatus.NOT_FOUND,))
def product(product_id: UUID) -> Response:
    """Return one product."""
    return answered(WholeProductOut.of(get_whole_product(product_id)))
