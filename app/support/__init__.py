"""What people ask, and what becomes of it."""
