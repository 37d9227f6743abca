"""Markups, special prices, and why a price is what it is (RS-19, RS-20)."""
