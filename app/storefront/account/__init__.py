"""One's own details, and the company's (SF-17)."""
