"""Sign-in providers of the back office and of the distributor's own storefront."""
