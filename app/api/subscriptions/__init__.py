"""Subscriptions by API: those of a storefront at what is paid there, those of the back office at wholesale."""
