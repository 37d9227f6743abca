"""The distributor's own storefront: General, look and home page."""
