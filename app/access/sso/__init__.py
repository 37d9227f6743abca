"""Signing in through identity providers, beside the doors: leaving, coming back, one's own ways in (ADR 0021)."""
