"""Trials in a storefront: start one, see what runs, upgrade to paid (CB-12)."""
