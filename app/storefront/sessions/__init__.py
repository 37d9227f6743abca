"""Signing in to a storefront."""
