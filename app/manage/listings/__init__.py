"""The supplier catalogue: what the distributor offers, listed or not, alone and in bulk (RS-18, RS-19)."""
