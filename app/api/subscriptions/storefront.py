"""Subscriptions of a storefront's owner and its customers, at what those pay."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response

from app.api.answers import answered
from app.api.blueprints import storefront_bp as bp
from app.api.callers import needs
from app.api.criteria import asked_criteria
from app.api.lists import asked_page, listed
from app.api.operations import answers
from app.api.schemas import Listed
from app.api.subscriptions.schemas import RetailSubscriptionOut
from app.identity.api_clients.models import ApiScope
from app.subscriptions.retail import RETAIL_PROPERTIES, count_retail, get_retail, list_retail

Subscriptions = Listed[RetailSubscriptionOut]


@bp.get("/subscriptions")
@needs(ApiScope.SUBSCRIPTIONS_READ)
@answers(Subscriptions, lists=RETAIL_PROPERTIES)
def subscriptions() -> Response:
    """List the subscriptions of the storefront's owner and its customers."""
    asked, criteria = asked_page(), asked_criteria(RETAIL_PROPERTIES)
    rows = list_retail(limit=asked.size, offset=asked.offset, criteria=criteria)
    total = count_retail(criteria=criteria)
    return listed(Subscriptions, [RetailSubscriptionOut.of(each) for each in rows], asked, total)


@bp.get("/subscriptions/<code>")
@needs(ApiScope.SUBSCRIPTIONS_READ)
@answers(RetailSubscriptionOut, refuses=(HTTPStatus.NOT_FOUND,))
def subscription(code: str) -> Response:
    """Return one subscription."""
    return answered(RetailSubscriptionOut.of(get_retail(code)))
