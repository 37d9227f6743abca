"""What vendors must know of an account, asked of whoever orders for it (CB-22: account first)."""
