"""Pre-checks: a vendor is asked before something is ordered, and provisions nothing (CB-22)."""
