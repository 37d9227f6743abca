"""The distributor's back office."""
