"""Price lists of the distributor: prices and assortment of the accounts they are assigned to (CB-05)."""
