"""Permission rules of the back office."""
