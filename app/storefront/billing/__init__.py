"""Everything bought: orders, subscriptions, assets, and the invoices of who is billed."""
