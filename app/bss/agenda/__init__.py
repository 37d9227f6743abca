"""The calendar of the back office."""
