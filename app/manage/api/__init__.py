"""API credentials of a reseller's storefront."""
