"""An account's own people."""
