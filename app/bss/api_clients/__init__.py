"""API credentials of the back office and of the distributor's own storefront."""
