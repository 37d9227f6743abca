"""A reseller's customers in figures: who transacts, what they bring per month, who may sign in (RS-23).

The monthly run rate is the sum of active paid recurring subscriptions, sell price x quantity / months of the cycle.
What has no sell price, or was bought by the reseller itself, is left out and counted beside it.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, func, or_, select

from app.accounts.models import Account, AccountStatus
from app.accounts.queries import get_customer
from app.accounts.services import deactivate_account, set_status
from app.audit.services import Actor
from app.catalogue.models import BillingCycle
from app.core.db import session
from app.core.errors import Invalid
from app.core.money import round_money
from app.identity.models import User, UserStatus
from app.identity.queries import list_users
from app.identity.services import deactivate_user
from app.subscriptions.models import Asset, AssetStatus, Subscription, SubscriptionStatus
from tenants.context import current_scope

SHORTEST_SEARCH = 2
COUNTED = (SubscriptionStatus.ACTIVE, SubscriptionStatus.PENDING_CANCELLATION)
MONTHS = case(
    *((Subscription.cycle == cycle, cycle.months) for cycle in BillingCycle if cycle.months), else_=None
)  # a cycle without months brings nothing per month


class CustomerOrder(enum.Enum):
    """How the list can be sorted; `-` turns it round."""

    NAME = "name"
    NAME_DOWN = "-name"
    PHONE = "phone"
    PHONE_DOWN = "-phone"
    CITY = "city"
    CITY_DOWN = "-city"
    EMAIL = "email"
    EMAIL_DOWN = "-email"
    MRR = "mrr"
    MRR_DOWN = "-mrr"
    ACCESS = "access"
    ACCESS_DOWN = "-access"


@dataclass(frozen=True, slots=True)
class CustomerFilter:
    """What to list; None does not narrow. A search under two characters is ignored."""

    search: str = ""
    status: AccountStatus | None = None
    is_transacting: bool | None = None
    has_access: bool | None = None
    approval_required: bool | None = None
    country: str = ""
    city: str = ""
    mrr_from: Decimal | None = None
    mrr_to: Decimal | None = None
    order: CustomerOrder = CustomerOrder.NAME


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """One customer in the list. Amounts are in the reseller's currency, per month, net."""

    id: UUID
    name: str
    code: str
    phone: str | None
    city: str | None
    country: str
    email: str
    status: AccountStatus
    approval_required: bool
    created_at: datetime
    mrr: Decimal
    unpriced: int  # active subscriptions without a sell price
    is_transacting: bool
    has_access: bool


@dataclass(frozen=True, slots=True)
class CustomerTotals:
    """The tiles above the list: all customers of the reseller, whatever the filter."""

    customers: int
    transacting: int
    mrr: Decimal
    unpriced: int


def _figures(reseller_id: UUID) -> Subquery:
    """One row per customer, with its figures."""
    distributor_id = current_scope().distributor_id
    is_priced = and_(Subscription.unit_price.is_not(None), Subscription.bought_by_reseller.is_(False))
    rate = Subscription.unit_price * Subscription.quantity / MONTHS
    services = (
        select(
            Subscription.account_id,
            func.coalesce(func.sum(case((is_priced, rate))), 0).label("mrr"),
            func.count().filter(~is_priced).label("unpriced"),
        )
        .where(
            Subscription.distributor_id == distributor_id,
            Subscription.reseller_id == reseller_id,
            Subscription.status.in_(COUNTED),
        )
        .group_by(Subscription.account_id)
        .subquery()
    )
    assets = (
        select(Asset.account_id)
        .where(
            Asset.distributor_id == distributor_id,
            Asset.reseller_id == reseller_id,
            Asset.status != AssetStatus.CANCELED,
        )
        .group_by(Asset.account_id)
        .subquery()
    )
    people = (
        select(User.account_id)
        .where(
            User.distributor_id == distributor_id, User.reseller_id == reseller_id, User.status != UserStatus.INACTIVE
        )
        .group_by(User.account_id)
        .subquery()
    )
    return (
        select(
            Account.id,
            Account.name,
            Account.code,
            Account.phone,
            Account.city,
            Account.country,
            Account.email,
            Account.status,
            Account.approval_required,
            Account.created_at,
            func.coalesce(services.c.mrr, 0).label("mrr"),
            func.coalesce(services.c.unpriced, 0).label("unpriced"),
            or_(services.c.account_id.is_not(None), assets.c.account_id.is_not(None)).label("is_transacting"),
            people.c.account_id.is_not(None).label("has_access"),
        )
        .outerjoin(services, services.c.account_id == Account.id)
        .outerjoin(assets, assets.c.account_id == Account.id)
        .outerjoin(people, people.c.account_id == Account.id)
        .where(Account.distributor_id == distributor_id, Account.reseller_id == reseller_id, Account.id != reseller_id)
        .subquery()
    )


def list_customers(
    reseller_id: UUID, wanted: CustomerFilter, *, currency: str, limit: int | None, offset: int = 0
) -> Sequence[CustomerRow]:
    """Return one page of a reseller's customers with their figures, in one statement. Raises Invalid `range`."""
    figures = _figures(reseller_id)
    statement = _filtered(select(figures), figures, wanted).order_by(*_sorted(figures, wanted.order)).offset(offset)
    if limit is not None:
        statement = statement.limit(limit)
    return [_row(row, currency) for row in session.execute(statement).mappings()]


def count_found(reseller_id: UUID, wanted: CustomerFilter) -> int:
    """Return how many customers the filter finds."""
    figures = _figures(reseller_id)
    return session.scalar(_filtered(select(func.count()).select_from(figures), figures, wanted)) or 0


def customer_totals(reseller_id: UUID, *, currency: str) -> CustomerTotals:
    """Return the tiles: all customers, those that transact, their monthly run rate."""
    figures = _figures(reseller_id)
    row = session.execute(
        select(
            func.count(),
            func.count().filter(figures.c.is_transacting),
            func.coalesce(func.sum(figures.c.mrr), 0),
            func.coalesce(func.sum(figures.c.unpriced), 0),
        ).select_from(figures)
    ).one()
    return CustomerTotals(row[0], row[1], round_money(Decimal(row[2]), currency), int(row[3]))


def customer_figures(reseller_id: UUID, customer_id: UUID, *, currency: str) -> CustomerRow:
    """Return one customer with its figures; raises AccountNotFound where it is not this reseller's."""
    get_customer(reseller_id, customer_id)
    figures = _figures(reseller_id)
    row = session.execute(select(figures).where(figures.c.id == customer_id)).mappings().one()
    return _row(row, currency)


def places_of(reseller_id: UUID) -> tuple[Sequence[str], Sequence[str]]:
    """Return the countries and cities of a reseller's customers, for filters."""
    own = (
        Account.distributor_id == current_scope().distributor_id,
        Account.reseller_id == reseller_id,
        Account.id != reseller_id,
    )
    countries = session.scalars(select(Account.country).where(*own).distinct().order_by(Account.country)).all()
    cities = session.scalars(
        select(Account.city).where(*own, Account.city.is_not(None)).distinct().order_by(Account.city).limit(500)
    ).all()
    return countries, [city for city in cities if city]


def deactivate_customer(reseller_id: UUID, customer_id: UUID, *, actor: Actor, at: datetime) -> int:
    """Close a customer for business: its people lose their sign-in at once, subscriptions run on (RS-24).

    Returns how many people lost it. Raises AccountNotFound.
    """
    customer = get_customer(reseller_id, customer_id)
    deactivate_account(customer.id, actor=actor, at=at)
    people = [person for person in list_users(customer.id) if person.status is not UserStatus.INACTIVE]
    for person in people:
        deactivate_user(person.id, actor=actor, at=at)
    return len(people)


def reactivate_customer(reseller_id: UUID, customer_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Open a customer for business again; who may sign in is chosen anew on its page. Raises AccountNotFound."""
    set_status(get_customer(reseller_id, customer_id).id, AccountStatus.ACTIVE, actor=actor, at=at)


def _filtered(statement: Select[Any], figures: Subquery, wanted: CustomerFilter) -> Select[Any]:
    if wanted.mrr_from is not None and wanted.mrr_to is not None and wanted.mrr_from > wanted.mrr_to:
        raise Invalid.field("mrr_to", "range", "The run rate must go from the lower to the higher amount")
    columns = figures.c
    found: list[ColumnElement[bool]] = []
    text = wanted.search.strip().lower()
    if len(text) >= SHORTEST_SEARCH:
        searched = (columns.name, columns.email, columns.city, columns.phone, columns.code)
        found.append(or_(*(func.lower(column).contains(text, autoescape=True) for column in searched)))
    exact = {
        columns.status: wanted.status,
        columns.is_transacting: wanted.is_transacting,
        columns.has_access: wanted.has_access,
        columns.approval_required: wanted.approval_required,
        columns.country: wanted.country or None,
        columns.city: wanted.city or None,
    }
    found += [column == value for column, value in exact.items() if value is not None]
    if wanted.mrr_from is not None:
        found.append(columns.mrr >= wanted.mrr_from)
    if wanted.mrr_to is not None:
        found.append(columns.mrr <= wanted.mrr_to)
    return statement.where(*found)


def _sorted(figures: Subquery, order: CustomerOrder) -> tuple[Any, ...]:
    name = order.value.removeprefix("-")
    columns = figures.c
    by = {
        "name": func.lower(columns.name),
        "phone": columns.phone,
        "city": func.lower(columns.city),
        "email": func.lower(columns.email),
        "mrr": columns.mrr,
        "access": columns.has_access,
    }[name]
    return (by.desc().nulls_last() if order.value.startswith("-") else by.asc().nulls_last(), columns.id)


def _row(values: Any, currency: str) -> CustomerRow:
    return CustomerRow(**{**values, "mrr": round_money(Decimal(values["mrr"]), currency)})
