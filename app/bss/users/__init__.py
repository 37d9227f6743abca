"""The distributor's own people."""
