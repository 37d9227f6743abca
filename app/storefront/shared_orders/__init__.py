"""Orders behind their links."""
