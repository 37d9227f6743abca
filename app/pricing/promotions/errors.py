"""What can go wrong with promotions, each with its data."""

from __future__ import annotations

from uuid import UUID

from app.core.errors import Conflict, NotFound


class PromotionNotFound(NotFound):
    """There is no such promotion."""

    def __init__(self, promotion_id: UUID) -> None:
        super().__init__("There is no such promotion")
        self.promotion_id = promotion_id


class PromotionUsed(Conflict):
    """Orders were made with it; it can be switched off, not deleted."""

    def __init__(self, name: str, orders: int) -> None:
        super().__init__(f"{name} was used in {orders} orders. Switch it off instead of deleting it.")
        self.orders = orders
