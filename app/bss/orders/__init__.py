"""Orders in the back office: list, one order with its items, execution."""

from app.bss.orders import assigning, ends, execution, items, sharing, views
from app.bss.orders.blueprint import bp

__all__ = ["assigning", "bp", "ends", "execution", "items", "sharing", "views"]
