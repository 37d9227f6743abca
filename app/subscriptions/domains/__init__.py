"""Domain names in use: each stands once among live subscriptions and open orders of a distributor (CB-01)."""
