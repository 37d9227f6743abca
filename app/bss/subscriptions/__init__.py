"""Subscriptions in the back office: list, one subscription, what may be done with it, requests of customers."""

from app.bss.subscriptions import actions, detail, reasons, requests, views
from app.bss.subscriptions.blueprint import bp

__all__ = ["actions", "bp", "detail", "reasons", "requests", "views"]
