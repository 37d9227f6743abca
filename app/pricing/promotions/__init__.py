"""Promotions of the distributor: what they lower, for whom, and the codes people type (CB-16)."""
