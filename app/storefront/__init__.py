"""Pages of buyers and resellers, at the root and under an alias."""
