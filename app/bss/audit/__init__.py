"""The audit log of a distributor."""
