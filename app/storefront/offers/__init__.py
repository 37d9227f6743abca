"""An offer behind its link, for people without a sign-in (CB-17)."""
