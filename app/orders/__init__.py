"""Baskets, checkout, orders, their approval and execution."""
