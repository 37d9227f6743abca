"""The bell of a storefront and the list behind it."""
