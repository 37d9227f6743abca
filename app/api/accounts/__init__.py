"""Accounts by API: all of them in the back office, its own customers for a storefront."""
