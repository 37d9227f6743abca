"""A job that does nothing: what the queue itself costs."""

from __future__ import annotations


def nothing() -> None:
    """Do nothing."""
