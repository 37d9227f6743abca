"""The category tree and the rules of the import."""
