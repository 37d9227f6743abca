"""Promotions and their codes; a code on an order of the back office."""

from app.bss.promotions import orders, views
from app.bss.promotions.blueprint import bp

__all__ = ["bp", "orders", "views"]
