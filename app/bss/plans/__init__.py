"""Reseller plans in Setup: on or off, and what they cost."""
