"""Orders by API: drafts that a program fills and submits, and what became of all orders (RS-30, CB-18)."""
