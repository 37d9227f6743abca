"""Registrations that wait for the reseller (SF-05)."""
