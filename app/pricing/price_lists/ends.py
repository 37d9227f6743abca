"""Telling of price lists that end: once 14 days before, once when it is over, for each last day a list is given (CB-05).

What was told stands on the list, in the transaction that queues the mails: run twice, at once or after a crash, people
are told once. Lists that ended long ago are let be.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import and_, func, or_, select

from app.accounts.staff_mails import mail_people
from app.core.db import session
from app.core.errors import NotFound
from app.identity.models import User
from app.identity.queries import get_user
from app.identity.recipients import BILLS, people_with_right
from app.notifications.services import MailTemplate
from app.pricing.models import PriceList, PriceListAssignment
from tenants.context import current_scope

TOLD_BEFORE = timedelta(days=14)
MOST = 50


def lists_to_tell(on: date) -> Sequence[PriceList]:
    """Return lists whose end people have to be told of on a day of the distributor, locked; the next call finds more."""
    last = PriceList.valid_to
    ending = and_(last.between(on, on + TOLD_BEFORE), PriceList.ending_told_for.is_distinct_from(last))
    ended = and_(
        last.between(on - TOLD_BEFORE, on - timedelta(days=1)), PriceList.ended_told_for.is_distinct_from(last)
    )
    return session.scalars(
        select(PriceList)
        .where(PriceList.distributor_id == current_scope().distributor_id, PriceList.is_active, or_(ending, ended))
        .order_by(last, PriceList.id)
        .limit(MOST)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()


def tell_of_end(price_list: PriceList, *, subscriptions: int, on: date, at: datetime) -> None:
    """Mail billing people and the list's owner that it ends, or has ended; `subscriptions` are priced by it."""
    last = price_list.valid_to
    if last is None:
        raise ValueError(f"{price_list.name} has no last day")
    is_over = last < on
    if is_over:
        price_list.ended_told_for = last
    price_list.ending_told_for = last
    mail_people(
        MailTemplate.PRICE_LIST_ENDED if is_over else MailTemplate.PRICE_LIST_ENDING,
        _people(price_list),
        {
            "price_list_name": price_list.name,
            "last_day": last.isoformat(),
            "accounts": str(_accounts(price_list)),
            "subscriptions": str(subscriptions),
        },
        link=("price_list_url", f"/price-lists/{price_list.id}"),
        at=at,
    )


def find_owner(price_list: PriceList) -> User | None:
    """Return who looks after a list, unless nobody does or that person has left."""
    if price_list.owner_id is None:
        return None
    try:
        return get_user(price_list.owner_id)
    except NotFound:
        return None


def _people(price_list: PriceList) -> Sequence[User]:
    people = {person.id: person for person in people_with_right(BILLS)}
    owner = find_owner(price_list)
    if owner is not None:
        people.setdefault(owner.id, owner)
    return list(people.values())


def _accounts(price_list: PriceList) -> int:
    statement = select(func.count()).select_from(PriceListAssignment)
    mine = (
        PriceListAssignment.distributor_id == price_list.distributor_id,
        PriceListAssignment.price_list_id == price_list.id,
    )
    return session.scalar(statement.where(*mine)) or 0
