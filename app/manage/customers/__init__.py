"""The customers of a reseller."""
