"""Permission rules: which of the distributor's people see a record, change it, or do everything with it (BC-04)."""
