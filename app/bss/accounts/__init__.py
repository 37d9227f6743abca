"""Accounts in the back office: list, 360° page, people, credit, plans."""

from app.bss.accounts import billing, related, upgrade, views
from app.bss.accounts.blueprint import bp

__all__ = ["billing", "bp", "related", "upgrade", "views"]
