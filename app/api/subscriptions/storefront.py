"""Subscriptions of a storefront's owner and its customers, at what those pay."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from flask import Response, url_for

from app.api.answers import answered
from app.api.blueprints import storefront_bp as bp
from app.api.bodies import read_body
from app.api.callers import acting, needs
from app.api.criteria import asked_criteria
from app.api.lists import asked_page, listed
from app.api.once import Made, once
from app.api.operations import answers, writes
from app.api.schemas import Listed
from app.api.subscriptions.schemas import CancellationIn, ChangeOut, QuantityIn, RetailSubscriptionOut
from app.changes.effects import NewChange
from app.changes.errors import ChangeNotFound
from app.changes.queries import get_change
from app.changes.requests import submit_change
from app.core.clock import utc_now
from app.core.ids import new_id
from app.identity.api_clients.models import ApiScope
from app.subscriptions.errors import SubscriptionNotFound
from app.subscriptions.models import ChangeKind, ChangeTiming, Subscription
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
    return answered(RetailSubscriptionOut.of(get_retail(code)))


@bp.post("/subscriptions/<code>/quantity")
@needs(ApiScope.SUBSCRIPTIONS_WRITE)
@writes(ChangeOut, HTTPStatus.ACCEPTED, body=QuantityIn, refuses=(HTTPStatus.NOT_FOUND,))
def change_quantity(code: str) -> Response:
    """Ask for another number of licences; `Location` tells how far it is."""
    new, at = read_body(QuantityIn), utc_now()

    def make() -> Made:
        wanted = NewChange(
            subscription_id=_changeable(code).id,
            kind=ChangeKind.QUANTITY,
            request_key=new_id(),
            timing=ChangeTiming(new.timing),
            quantity_to=new.quantity,
            comment=new.comment,
            is_from_storefront=True,
        )
        return _asked(code, wanted, at)

    return once(new, make, at=at)


@bp.post("/subscriptions/<code>/cancel")
@needs(ApiScope.SUBSCRIPTIONS_WRITE)
@writes(ChangeOut, HTTPStatus.ACCEPTED, body=CancellationIn, refuses=(HTTPStatus.NOT_FOUND,))
def cancel(code: str) -> Response:
    """Ask for the end of a subscription; `Location` tells how far it is."""
    new, at = read_body(CancellationIn), utc_now()

    def make() -> Made:
        wanted = NewChange(
            subscription_id=_changeable(code).id,
            kind=ChangeKind.CANCELLATION,
            request_key=new_id(),
            timing=ChangeTiming(new.timing),
            comment=new.comment,
            is_from_storefront=True,
        )
        return _asked(code, wanted, at)

    return once(new, make, at=at)


@bp.get("/subscriptions/<code>/requests/<uuid:change_id>")
@needs(ApiScope.SUBSCRIPTIONS_READ)
@answers(ChangeOut, refuses=(HTTPStatus.NOT_FOUND,))
def change(code: str, change_id: UUID) -> Response:
    """Return how far a request to change a subscription is."""
    found = get_change(change_id)
    if found.subscription_id != get_subscription(code).id:
        raise ChangeNotFound(change_id)
    return answered(ChangeOut.of(found))


def _changeable(code: str) -> Subscription:
    """Return a subscription of the storefront; a reseller's plan is changed by people."""
    found = get_subscription(code)
    if found.plan_edition is not None:
        raise SubscriptionNotFound(code)
    return found


def _asked(code: str, wanted: NewChange, at: datetime) -> Made:
    made = submit_change(wanted, actor=acting(), at=at)
    return Made(ChangeOut.of(made), HTTPStatus.ACCEPTED, url_for(".change", code=code, change_id=made.id))
