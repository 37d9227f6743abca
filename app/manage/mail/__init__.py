"""Mail settings, templates and log of the storefront."""
