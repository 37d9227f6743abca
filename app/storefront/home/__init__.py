"""The first page of a storefront: the sections its owner has arranged."""
