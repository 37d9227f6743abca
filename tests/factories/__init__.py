"""Rows for tests. Factories fill in whatever a test does not care about."""
