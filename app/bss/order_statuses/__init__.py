"""The distributor's statuses of orders (CB-19)."""
