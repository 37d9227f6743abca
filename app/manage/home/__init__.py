"""Where the administration of a storefront begins."""
