"""The demo: two distributors, resellers on every edition, storefronts that look like different companies, orders in
every status. Everything is made by calling services; a second run adds nothing.
"""

from app.seed.run import seed

__all__ = ["seed"]
