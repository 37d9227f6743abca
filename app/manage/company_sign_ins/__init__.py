"""Which customers of the storefront sign in by providers of their own."""
