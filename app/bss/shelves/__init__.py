"""Special categories of storefronts: what stands on them, and for how long something is new (SF-07)."""
