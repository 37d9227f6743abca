"""The installation's distributors."""
