"""Industries and price groups."""
