"""Offer templates: what offers look like in each language (CB-17)."""
