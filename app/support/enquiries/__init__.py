"""Questions about products: "Tell me more" (SF-18)."""
