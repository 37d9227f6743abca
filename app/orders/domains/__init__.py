"""Domain names on order: each stands once, and its vendor is asked before it is ordered (CB-01, CB-22)."""
