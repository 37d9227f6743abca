"""Subscriptions of all accounts, wholesale side, to look at."""
