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
from app.api.subscriptions.changes import Side, change_calls
from app.api.subscriptions.schemas import CancellationIn, RetailSubscriptionOut
from app.identity.api_clients.models import ApiScope
from app.subscriptions.errors import SubscriptionNotFound
from app.subscriptions.models import ChangeKind, Subscription
from app.subscriptions.queries import get_subscription
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
    return answered(_shown(code))


def _shown(code: str) -> RetailSubscriptionOut:
    return RetailSubscriptionOut.of(get_retail(code))


def _changeable(code: str) -> Subscription:
    """Return a subscription of the storefront; a reseller's plan is changed by people."""
    found = get_subscription(code)
    if found.plan_edition is not None:
        raise SubscriptionNotFound(code)
    return found


change_calls(
    bp,
    Side(
        is_from_storefront=True,
        find=_changeable,
        show=_shown,
        answer=RetailSubscriptionOut,
        cancellation=CancellationIn,
        at_once=(
            ("suspend", ChangeKind.SUSPENSION, "Ask for a subscription to be switched off, where its type allows it"),
            ("activate", ChangeKind.ACTIVATION, "Ask for a subscription to be switched on again"),
        ),
    ),
)
