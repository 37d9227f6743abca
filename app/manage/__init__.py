"""A reseller's administration of its own storefront."""
