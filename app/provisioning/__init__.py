"""Service managers, and the tasks to be done there (CB-22)."""
