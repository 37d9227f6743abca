"""Set-up of assets' custom fields with their display rules (CB-31)."""
