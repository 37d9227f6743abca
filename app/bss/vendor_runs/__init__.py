"""Vendors' catalogues: "Get services definition", its progress, its log (CB-15)."""
