"""Assets in the back office: the list, one asset, its price, its fields, and taking it back (CB-31)."""
