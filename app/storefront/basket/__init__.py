"""The basket and its items."""
