"""Which terms and billing cycles a distributor sells (CB-03)."""
