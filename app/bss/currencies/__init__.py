"""Currencies of the distributor."""
