"""Offers: what staff quote to an account, and what becomes of it (CB-17)."""
