"""Offers in the back office (CB-17)."""

from app.bss.offers import documents, items, lifecycle, views
from app.bss.offers.blueprint import bp

__all__ = ["bp", "documents", "items", "lifecycle", "views"]
