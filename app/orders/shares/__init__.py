"""Orders shown to whoever has their link (CB-18)."""
