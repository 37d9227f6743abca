"""Product groups and their comparisons."""
