"""All subscriptions at what their payers pay, and what is done with them (BC-32, GO-18)."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from flask import Response, request

from app.api.answers import answered
from app.api.blueprints import bss_bp as bp
from app.api.bodies import read_body
from app.api.callers import acting, needs
from app.api.lists import asked_page, listed, listed_by
from app.api.once import Made, once
from app.api.operations import answers, writes
from app.api.schemas import Listed
from app.api.subscriptions.changes import OF_CHANGES, Side, change_calls, change_of
from app.api.subscriptions.schemas import (
    AcceptanceIn,
    ChangeOut,
    DatedCancellationIn,
    RejectionIn,
    RequestOut,
    WholesaleSubscriptionOut,
)
from app.changes.back_office import RequestFilter, count_requests, list_requests
from app.changes.requests import accept_change, reject_change
from app.core.clock import utc_now
from app.core.errors import Invalid
from app.identity.api_clients.models import ApiScope
from app.subscriptions.back_office import (
    WHOLESALE_PROPERTIES,
    SubscriptionFilter,
    count_subscriptions,
    get_detail,
    list_subscriptions,
)
from app.subscriptions.models import ChangeKind, ChangeStatus
from app.subscriptions.queries import get_subscription

Subscriptions = Listed[WholesaleSubscriptionOut]
Requests = Listed[RequestOut]
STATUS = ("status", "Requests in this status alone")


@bp.get("/subscriptions")
@needs(ApiScope.SUBSCRIPTIONS_READ)
@answers(Subscriptions, lists=WHOLESALE_PROPERTIES)
def subscriptions() -> Response:
    """List all subscriptions at what their payers pay."""
    show, everything = WholesaleSubscriptionOut.of, SubscriptionFilter()
    return listed_by(Subscriptions, show, WHOLESALE_PROPERTIES, list_subscriptions, count_subscriptions, everything)


@bp.get("/subscriptions/<code>")
@needs(ApiScope.SUBSCRIPTIONS_READ)
@answers(WholesaleSubscriptionOut, refuses=(HTTPStatus.NOT_FOUND,))
def subscription(code: str) -> Response:
    """Return one subscription."""
    return answered(_shown(code))


@bp.get("/requests")
@needs(ApiScope.SUBSCRIPTIONS_READ)
@answers(Requests, query=(STATUS,))
def requests() -> Response:
    """List what was asked of all subscriptions: what waits for a decision first, then the newest."""
    asked, wanted = asked_page(), RequestFilter(status=_asked_status())
    rows = list_requests(wanted, limit=asked.size, offset=asked.offset)
    return listed(Requests, [RequestOut.listed(each) for each in rows], asked, count_requests(wanted))


@bp.post("/subscriptions/<code>/requests/<uuid:change_id>/accept")
@needs(ApiScope.SUBSCRIPTIONS_WRITE)
@writes(ChangeOut, body=AcceptanceIn, refuses=OF_CHANGES)
def accept_request(code: str, change_id: UUID) -> Response:
    """Agree to a customer's request: it is scheduled for its day, sent to the vendor, or applied."""
    new, at = read_body(AcceptanceIn), utc_now()

    def make() -> Made:
        wanted = change_of(get_subscription(code), change_id)
        done = accept_change(wanted.id, mails_customer=new.mails_customer, actor=acting(), at=at)
        return Made(ChangeOut.of(done))

    return once(new, make, at=at)


@bp.post("/subscriptions/<code>/requests/<uuid:change_id>/reject")
@needs(ApiScope.SUBSCRIPTIONS_WRITE)
@writes(ChangeOut, body=RejectionIn, refuses=OF_CHANGES)
def reject_request(code: str, change_id: UUID) -> Response:
    """Decline a request, or give up what the vendor refused; the customer reads the reason."""
    new, at = read_body(RejectionIn), utc_now()

    def make() -> Made:
        wanted = change_of(get_subscription(code), change_id)
        return Made(ChangeOut.of(reject_change(wanted.id, new.reason, actor=acting(), at=at)))

    return once(new, make, at=at)


def _asked_status() -> ChangeStatus | None:
    text = request.args.get(STATUS[0])
    if text is None:
        return None
    try:
        return ChangeStatus(text)
    except ValueError:
        choices = ", ".join(each.value for each in ChangeStatus)
        raise Invalid.field(STATUS[0], "choice", f"Use one of {choices}") from None


def _shown(code: str) -> WholesaleSubscriptionOut:
    return WholesaleSubscriptionOut.of_detail(get_detail(code))


change_calls(
    bp,
    Side(
        is_from_storefront=False,
        find=get_subscription,
        show=_shown,
        answer=WholesaleSubscriptionOut,
        cancellation=DatedCancellationIn,
        at_once=(
            ("suspend", ChangeKind.SUSPENSION, "Switch a subscription off"),
            ("activate", ChangeKind.ACTIVATION, "Switch a subscription on again"),
            ("renew", ChangeKind.RENEWAL, "Take an expired subscription up again for another term"),
        ),
    ),
)
