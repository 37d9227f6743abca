"""Rules for code that is not written yet."""
