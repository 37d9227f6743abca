"""Lines of price lists from Excel and CSV: read, previewed, taken in (CB-05, CB-14)."""
