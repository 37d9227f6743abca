"""Subscriptions of a storefront's owner and its customers, at what those pay."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response

from app.api.answers import answered
from app.api.blueprints import storefront_bp as bp
from app.api.callers import needs
from app.api.lists import listed_by
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
    return listed_by(Subscriptions, RetailSubscriptionOut.of, RETAIL_PROPERTIES, list_retail, count_retail)


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
