"""One order and what becomes of it."""
