"""Resellers with a storefront of their own: plans, aliases, the storefront's life, what it lists."""
