"""Editing the pricing of a subscription, and locking prices (CB-06, CB-26)."""
