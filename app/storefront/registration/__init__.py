"""Visitors register themselves (SF-04)."""
