"""Asking about a product (SF-18)."""
