"""Products by API: what a storefront sells at its prices, the whole catalogue in the back office."""
