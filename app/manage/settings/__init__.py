"""Settings of the storefront: General."""
