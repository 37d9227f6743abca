"""Look and home page of the storefront: draft, preview, publish."""
