"""Sign-in providers of a reseller's storefront."""
