"""What happened in a reseller's storefront."""
