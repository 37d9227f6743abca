"""Product types."""
