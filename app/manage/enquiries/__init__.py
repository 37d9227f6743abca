"""Questions about products asked in a reseller's storefront (SF-18)."""
