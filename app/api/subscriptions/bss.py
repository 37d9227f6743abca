"""All subscriptions at what their payers pay."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response

from app.api.answers import answered
from app.api.blueprints import bss_bp as bp
from app.api.callers import needs
from app.api.criteria import asked_criteria
from app.api.lists import asked_page, listed
from app.api.operations import answers
from app.api.schemas import Listed
from app.api.subscriptions.schemas import WholesaleSubscriptionOut
from app.identity.api_clients.models import ApiScope
from app.subscriptions.back_office import (
    WHOLESALE_PROPERTIES,
    SubscriptionFilter,
    count_subscriptions,
    get_detail,
    list_subscriptions,
)

Subscriptions = Listed[WholesaleSubscriptionOut]


@bp.get("/subscriptions")
@needs(ApiScope.SUBSCRIPTIONS_READ)
@answers(Subscriptions, lists=WHOLESALE_PROPERTIES)
def subscriptions() -> Response:
    """List all subscriptions at what their payers pay."""
    asked, criteria, wanted = asked_page(), asked_criteria(WHOLESALE_PROPERTIES), SubscriptionFilter()
    rows = list_subscriptions(wanted, limit=asked.size, offset=asked.offset, criteria=criteria)
    total = count_subscriptions(wanted, criteria=criteria)
    return listed(Subscriptions, [WholesaleSubscriptionOut.of(each) for each in rows], asked, total)


@bp.get("/subscriptions/<code>")
@needs(ApiScope.SUBSCRIPTIONS_READ)
@answers(WholesaleSubscriptionOut, refuses=(HTTPStatus.NOT_FOUND,))
def subscription(code: str) -> Response:
    """Return one subscription."""
    return answered(WholesaleSubscriptionOut.of_detail(get_detail(code)))
