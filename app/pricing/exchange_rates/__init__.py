"""What currencies are worth in each other, day by day (BC-07)."""
