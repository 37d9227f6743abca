"""Finding products: catalogue, groups, search, a product's page."""
