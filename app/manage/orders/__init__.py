"""Orders of a reseller and its customers; the approval queue."""
