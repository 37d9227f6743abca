"""Where the distributor and its resellers answer."""
