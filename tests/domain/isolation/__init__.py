"""Attacks on the six row families, as the application's role in SQL."""
