"""Importing a distributor's own product sheets, step by step (CB-14)."""
