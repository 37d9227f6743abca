"""Orders in the back office: list, one order with its items, execution."""

from app.bss.orders import assigning, delivering, ends, execution, items, sharing, views
from app.bss.orders.blueprint import bp

__all__ = ["assigning", "bp", "delivering", "ends", "execution", "items", "sharing", "views"]
