"""What a checkout begins with, in one statement: its key is taken, its basket locked and read, with all around it.

The basket is locked before its items count: where somebody has changed it while we waited for the lock, the items were
read too early, and all is read again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import CTE, DateTime, Select, String, Uuid, and_, bindparam, func, null, or_, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import aliased

from app.accounts.models import Account
from app.catalogue.models import Product, ProductGroup, ProductRelation, ProductType, RelationKind
from app.catalogue.relations import DEMANDS, Relation
from app.core.db import session
from app.core.ids import new_id
from app.orders.basket_pricing import KnownItems
from app.orders.baskets import KEPT, Shopper
from app.orders.execution_trials import RunningTrial
from app.orders.models import ORDER_NUMBERS, Basket, BasketItem, IdempotencyKey
from app.subscriptions.models import Subscription
from app.subscriptions.trials import RUNNING
from tenants.context import current_scope
from tenants.links import place_columns, url_at

ROUTE = "checkout"


@dataclass(frozen=True, slots=True)
class Taken:
    """A checkout's key, taken, with the order it will be answered with."""

    order_id: UUID
    number: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A locked basket with what its order needs to be judged, and where links lead."""

    basket: Basket
    items: tuple[BasketItem, ...]
    known: KnownItems
    trials: tuple[RunningTrial, ...]  # of the account or the chosen customer, of the basket's products
    group_terms: Mapping[UUID | None, UUID | None]
    account: Account
    place: tuple[str | None, str | None, str | None]

    def url(self, path: str) -> str:
        """Return the absolute URL of a path of the storefront. Raises NoAddress."""
        return url_at(*self.place, path)


def open_checkout(shopper: Shopper, key: UUID, digest: str, *, at: datetime) -> tuple[Taken | None, Opened | None]:
    """Take a checkout's key and lock and read its basket.

    Nothing is taken where the key is taken already: a second submit waits here for the first one's commit. The answer
    is known beforehand: what refuses the order later takes the key back with it. None opened: there is no basket.
    """
    order_id = new_id()
    asked = {
        "here": current_scope().distributor_id,
        "storefront_id": shopper.storefront_id,
        "user_id": shopper.user_id,
        "account_id": shopper.account_id,
    }
    remembered = {
        "key_id": new_id(),
        "reseller_id": shopper.reseller_id,
        "client": str(shopper.user_id),
        "key": str(key),
        "digest": digest,
        "answer": {"order_id": str(order_id)},
        "at": at,
    }
    rows = session.execute(_statement(takes_key=True), asked | remembered).all()
    taken = Taken(order_id, rows[0].number) if rows and rows[0].number is not None else None
    if rows and rows[0].read_at != rows[0][0].updated_at:
        rows = session.execute(_statement(takes_key=False), asked).all()
    return taken, _opened(rows, at) if rows else None


@cache
def _statement(*, takes_key: bool) -> Select[Any]:
    here, account_id = bindparam("here", type_=Uuid()), bindparam("account_id", type_=Uuid())
    storefront_id = bindparam("storefront_id", type_=Uuid())
    of_shopper = (
        Basket.distributor_id == here,
        Basket.storefront_id == storefront_id,
        Basket.user_id == bindparam("user_id", type_=Uuid()),
    )
    locked = select(Basket).where(*of_shopper).with_for_update().cte("locked")
    basket = aliased(Basket, locked.prefix_with("MATERIALIZED", dialect="postgresql"), name="locked")
    relations = (
        select(
            func.jsonb_agg(
                func.jsonb_build_array(
                    type_coerce(ProductRelation.kind, String), ProductRelation.product_id, ProductRelation.other_id
                )
            )
        )
        .where(
            ProductRelation.distributor_id == here,
            ProductRelation.kind.in_(DEMANDS),
            or_(ProductRelation.product_id == BasketItem.product_id, ProductRelation.other_id == BasketItem.product_id),
        )
        .correlate(BasketItem)
        .scalar_subquery()
    )
    trials = (
        select(
            func.jsonb_agg(
                func.jsonb_build_array(Subscription.account_id, Subscription.product_id, Subscription.friendly_name)
            )
        )
        .where(
            Subscription.distributor_id == here,
            or_(Subscription.account_id == account_id, Subscription.account_id == basket.end_customer_id),
            Subscription.product_id == BasketItem.product_id,
            Subscription.trial_ends_on.is_not(None),
            Subscription.status.in_(RUNNING),
        )
        .correlate(BasketItem, basket)
        .scalar_subquery()
    )
    number = select(_taken_key(here, account_id).c.number).scalar_subquery() if takes_key else null()
    own_host, alias, distributors_host = place_columns(here, storefront_id)
    return (
        select(
            basket,
            BasketItem,
            Product,
            ProductType,
            Account,
            ProductGroup.terms_document_id.label("group_terms"),
            type_coerce(relations, JSONB).label("relations"),
            type_coerce(trials, JSONB).label("trials"),
            select(Basket.updated_at).where(*of_shopper).scalar_subquery().label("read_at"),
            number.label("number"),
            own_host.label("own_host"),
            alias.label("place_alias"),
            distributors_host.label("distributors_host"),
        )
        .select_from(basket)
        .join(Account, and_(Account.distributor_id == here, Account.id == account_id))
        .outerjoin(BasketItem, and_(BasketItem.distributor_id == here, BasketItem.basket_id == basket.id))
        .outerjoin(Product, and_(Product.distributor_id == here, Product.id == BasketItem.product_id))
        .outerjoin(ProductType, and_(ProductType.distributor_id == here, ProductType.id == Product.product_type_id))
        .outerjoin(ProductGroup, and_(ProductGroup.distributor_id == here, ProductGroup.id == Product.group_id))
        .order_by(BasketItem.position, BasketItem.id)
        .execution_options(populate_existing=True)
    )


def _taken_key(here: Any, account_id: Any) -> CTE:
    made = insert(IdempotencyKey).values(
        distributor_id=here,
        id=bindparam("key_id", type_=Uuid()),
        reseller_id=bindparam("reseller_id", type_=Uuid()),
        account_id=account_id,
        client=bindparam("client", type_=String()),
        route=ROUTE,
        key=bindparam("key", type_=String()),
        request_digest=bindparam("digest", type_=String()),
        answer=bindparam("answer", type_=JSONB()),
        created_at=bindparam("at", type_=DateTime(timezone=True)),
    )
    return made.on_conflict_do_nothing().returning(ORDER_NUMBERS.next_value().label("number")).cte("taken")


def _opened(rows: Sequence[Any], at: datetime) -> Opened:
    first = rows[0]
    basket: Basket = first[0]
    kept = [row for row in rows if row[1] is not None] if at - basket.updated_at <= KEPT else []
    return Opened(
        basket=basket,
        items=tuple(row[1] for row in kept),
        known=KnownItems(
            {row[2].id: (row[2], row[3]) for row in kept},
            tuple(dict.fromkeys(_relation(*each) for row in kept for each in row.relations or ())),
        ),
        trials=tuple(dict.fromkeys(_trial(*each) for row in kept for each in row.trials or ())),
        group_terms={row[2].group_id: row.group_terms for row in kept},
        account=first[4],
        place=(first.own_host, first.place_alias, first.distributors_host),
    )


def _relation(kind: str, product_id: str, other_id: str) -> Relation:
    return Relation(RelationKind(kind), UUID(product_id), UUID(other_id))


def _trial(account_id: str, product_id: str, friendly_name: str) -> RunningTrial:
    return RunningTrial(UUID(account_id), UUID(product_id), friendly_name)
