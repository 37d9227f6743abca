"""Upgrading and downgrading a subscription in the back office."""
