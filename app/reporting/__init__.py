"""Figures over several domains."""
