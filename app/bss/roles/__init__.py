"""Roles of the back office: the built-in ones, and the distributor's own."""
