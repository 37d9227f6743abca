"""Price lists, their entries and standing lines, and the accounts that pay by them."""

from app.bss.price_lists import account, files, groups
from app.bss.price_lists.views import bp

__all__ = ["account", "bp", "files", "groups"]
