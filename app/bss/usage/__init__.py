"""What customers used: files, rates per product, running cost (CB-13)."""
