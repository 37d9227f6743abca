"""Which direct customers sign in by providers of their own."""
