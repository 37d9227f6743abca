"""Clients of the API and their tokens, without the web."""
