"""Currencies of the distributor, and what they are worth."""

from app.bss.currencies import rate_files, rates
from app.bss.currencies.views import bp

__all__ = ["bp", "rate_files", "rates"]
