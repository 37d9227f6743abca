"""Terms of use and pictures."""
