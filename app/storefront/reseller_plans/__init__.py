"""Reseller plans in the distributor's storefront."""
