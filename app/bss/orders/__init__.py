"""Orders in the back office: list, one order with its items, execution."""

from app.bss.orders import ends, execution, items, views
from app.bss.orders.blueprint import bp

__all__ = ["bp", "ends", "execution", "items", "views"]
