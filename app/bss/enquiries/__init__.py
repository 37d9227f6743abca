"""Questions about products asked in the distributor's storefront (SF-18)."""
