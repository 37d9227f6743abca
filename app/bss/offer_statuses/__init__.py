"""The distributor's statuses of offers (CB-17)."""
