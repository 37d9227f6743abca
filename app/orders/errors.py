"""What can go wrong with an order, each with its data."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from app.core.errors import Conflict, Gone, NotFound

if TYPE_CHECKING:  # models may import errors, not the other way
    from app.orders.models import DeliveryStatus, OrderStatus


class OrderNotFound(NotFound):
    """There is no such order for this caller."""

    def __init__(self, number: str) -> None:
        super().__init__(f"There is no order {number}")
        self.number = number


class OrderItemNotFound(NotFound):
    """The order holds no such item."""

    def __init__(self, item_id: UUID) -> None:
        super().__init__("There is no such order item")
        self.item_id = item_id


class AlreadyDecided(Conflict):
    """Somebody else approved, rejected or withdrew the order first."""

    code = "already_decided"

    def __init__(self, number: str, status: OrderStatus) -> None:
        super().__init__(f"Order {number} was already decided: it is {status.value.replace('_', ' ')}")
        self.number, self.status = number, status


class OrderExpired(Gone):
    """A program's draft was not submitted within seven days (CB-18, RS-30)."""

    code = "order_expired"

    def __init__(self, number: str) -> None:
        super().__init__(f"Draft {number} has expired: it was not submitted within 7 days")
        self.number = number


class WrongOrderState(Conflict):
    """The order's status does not allow what was asked."""

    code = "wrong_state"

    def __init__(self, number: str, status: OrderStatus) -> None:
        super().__init__(f"Order {number} is {status.value.replace('_', ' ')}")
        self.number, self.status = number, status


class CreditInsufficient(Conflict):
    """The payer's available credit does not cover the order; `missing` is the amount it is short of."""

    code = "credit_insufficient"

    def __init__(self, number: str, missing: Decimal, currency: str) -> None:
        super().__init__(f"The available credit does not cover order {number}: {missing:.2f} {currency} are missing")
        self.number, self.missing, self.currency = number, missing, currency


class CardTokenMissing(Conflict):
    """A reseller that pays by card has no valid card on file (RS-25)."""

    code = "card_token_missing"

    def __init__(self) -> None:
        super().__init__("Add a payment card before you approve orders")


class SellBelowCost(Conflict):
    """The cost is now above the submitted sell price: approving needs an explicit confirmation (RS-25)."""

    code = "below_cost"

    def __init__(self, number: str, product_names: tuple[str, ...]) -> None:
        super().__init__(f"Order {number} sells below cost: {', '.join(product_names)}. Confirm to approve it anyway")
        self.number, self.product_names = number, product_names


class NoLongerOffered(Conflict):
    """A product of the order is not sold to its payer any more."""

    code = "not_available"

    def __init__(self, number: str, product_names: tuple[str, ...]) -> None:
        super().__init__(f"Order {number} holds products that are no longer available: {', '.join(product_names)}")
        self.number, self.product_names = number, product_names


class StorefrontNotOpen(Conflict):
    """The storefront the order came from is closed."""

    code = "storefront_closed"

    def __init__(self, number: str) -> None:
        super().__init__(f"Order {number} came from a storefront that is closed")
        self.number = number


class AccountNotActive(Conflict):
    """Buyer or payer may not do business at present."""

    code = "account_not_active"

    def __init__(self, account_name: str) -> None:
        super().__init__(f"{account_name} is not active")
        self.account_name = account_name


class AlreadyDelivered(Conflict):
    """The item was delivered or canceled before."""

    code = "already_delivered"

    def __init__(self, item_id: UUID, status: DeliveryStatus) -> None:
        super().__init__(f"This item is already {status.value}")
        self.item_id, self.status = item_id, status
