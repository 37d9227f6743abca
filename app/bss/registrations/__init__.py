"""Registrations at the distributor's own storefront (SF-05)."""
