"""Changes of subscriptions, asked for by programs as people ask for them on pages; told how far they are (RS-30, BC-33).

What a storefront's program asks for is looked at by a job, as its customers' requests are; what the back office's asks
for is done, or sent to the vendor, at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, url_for

from app.api.answers import answered
from app.api.bodies import no_body, read_body
from app.api.callers import acting, needs
from app.api.lists import asked_page, listed
from app.api.once import Made, once
from app.api.operations import answers, writes
from app.api.schemas import Listed, Schema
from app.api.subscriptions.schemas import ChangeOut, QuantityIn, SubscriptionPatch
from app.changes.effects import NewChange
from app.changes.errors import ChangeNotFound
from app.changes.queries import changes_of, get_change
from app.changes.requests import submit_change, withdraw_change
from app.changes.switches import rename, set_auto_renew
from app.core.clock import utc_now
from app.core.ids import new_id
from app.identity.api_clients.models import ApiScope
from app.subscriptions.models import ChangeKind, ChangeTiming, Subscription, SubscriptionChange

Changes = Listed[ChangeOut]
OF_CHANGES = (HTTPStatus.NOT_FOUND,)


@dataclass(frozen=True, slots=True)
class Side:
    """One API's subscriptions. `find` raises SubscriptionNotFound for what its programs may not change."""

    is_from_storefront: bool
    find: Callable[[str], Subscription]
    show: Callable[[str], Schema]
    answer: type[Schema]
    cancellation: type[Schema]
    at_once: tuple[tuple[str, ChangeKind, str], ...]  # path, kind, what it does


def asked(side: Side, found: Subscription, kind: ChangeKind, at: datetime, **of: Any) -> Made:
    """Ask for a change and answer what became of it."""
    wanted = NewChange(
        subscription_id=found.id,
        kind=kind,
        request_key=new_id(),
        is_from_storefront=side.is_from_storefront,
        **of,
    )
    made = submit_change(wanted, actor=acting(), at=at)
    place = url_for(".change", code=found.code, change_id=made.id)
    return Made(ChangeOut.of(made), HTTPStatus.ACCEPTED, place)


def change_of(found: Subscription, change_id: UUID) -> SubscriptionChange:
    """Return a request to change a subscription; raises ChangeNotFound for another's."""
    change = get_change(change_id)
    if change.subscription_id != found.id:
        raise ChangeNotFound(change_id)
    return change


def change_calls(bp: Blueprint, side: Side) -> None:
    """Add the calls that change subscriptions to an API."""
    _reads(bp, side)
    _requests(bp, side)
    for path, kind, words in side.at_once:
        _at_once(bp, side, path, kind, words)


def _reads(bp: Blueprint, side: Side) -> None:
    @bp.get("/subscriptions/<code>/requests")
    @needs(ApiScope.SUBSCRIPTIONS_READ)
    @answers(Changes, refuses=OF_CHANGES)
    def changes(code: str) -> Response:
        """List what was asked of a subscription, the newest first; at most the last 100."""
        page, found = asked_page(), changes_of(side.find(code).id)
        shown = [ChangeOut.of(each) for each in found[page.offset : page.offset + page.size]]
        return listed(Changes, shown, page, len(found))

    @bp.get("/subscriptions/<code>/requests/<uuid:change_id>")
    @needs(ApiScope.SUBSCRIPTIONS_READ)
    @answers(ChangeOut, refuses=OF_CHANGES)
    def change(code: str, change_id: UUID) -> Response:
        """Return how far a request to change a subscription is."""
        return answered(ChangeOut.of(change_of(side.find(code), change_id)))


def _requests(bp: Blueprint, side: Side) -> None:
    @bp.post("/subscriptions/<code>/quantity")
    @needs(ApiScope.SUBSCRIPTIONS_WRITE)
    @writes(ChangeOut, HTTPStatus.ACCEPTED, body=QuantityIn, refuses=OF_CHANGES)
    def change_quantity(code: str) -> Response:
        """Ask for another number of licences; `Location` tells how far it is."""
        new, at = read_body(QuantityIn), utc_now()
        of = {"timing": ChangeTiming(new.timing), "quantity_to": new.quantity, "comment": new.comment}
        return once(new, lambda: asked(side, side.find(code), ChangeKind.QUANTITY, at, **of), at=at)

    @bp.post("/subscriptions/<code>/cancel")
    @needs(ApiScope.SUBSCRIPTIONS_WRITE)
    @writes(ChangeOut, HTTPStatus.ACCEPTED, body=side.cancellation, refuses=OF_CHANGES)
    def cancel_subscription(code: str) -> Response:
        """Ask for the end of a subscription; `Location` tells how far it is."""
        new, at = read_body(side.cancellation), utc_now()
        of = {**new.model_dump(), "timing": ChangeTiming(getattr(new, "timing", ChangeTiming.NOW.value))}
        return once(new, lambda: asked(side, side.find(code), ChangeKind.CANCELLATION, at, **of), at=at)

    @bp.delete("/subscriptions/<code>/requests/<uuid:change_id>")
    @needs(ApiScope.SUBSCRIPTIONS_WRITE)
    @writes(ChangeOut, refuses=OF_CHANGES)
    def withdraw_request(code: str, change_id: UUID) -> Response:
        """Take a request back that has not started yet; what the vendor was told ahead is taken back there first."""
        no_body()
        at = utc_now()

        def make() -> Made:
            wanted = change_of(side.find(code), change_id)
            return Made(ChangeOut.of(withdraw_change(wanted.id, actor=acting(), at=at)))

        return once(None, make, at=at)

    @bp.patch("/subscriptions/<code>")
    @needs(ApiScope.SUBSCRIPTIONS_WRITE)
    @writes(side.answer, body=SubscriptionPatch, refuses=OF_CHANGES)
    def patch_subscription(code: str) -> Response:
        """Rename a subscription, or switch its renewal on or off; the vendor is asked nothing."""
        new, at = read_body(SubscriptionPatch), utc_now()

        def make() -> Made:
            found = side.find(code)
            if "name" in new.sent:
                rename(found.id, new.name, actor=acting(), at=at)
            if "auto_renew" in new.sent:
                set_auto_renew(found.id, is_on=new.auto_renew, actor=acting(), at=at)
            return Made(side.show(code))

        return once(new, make, at=at)


def _at_once(bp: Blueprint, side: Side, path: str, kind: ChangeKind, words: str) -> None:
    @bp.post(f"/subscriptions/<code>/{path}", endpoint=f"{path}_subscription")
    @needs(ApiScope.SUBSCRIPTIONS_WRITE)
    @writes(ChangeOut, HTTPStatus.ACCEPTED, refuses=OF_CHANGES)
    def view(code: str) -> Response:
        no_body()
        at = utc_now()
        return once(None, lambda: asked(side, side.find(code), kind, at), at=at)

    view.__doc__ = f"{words}; `Location` tells how far it is."
