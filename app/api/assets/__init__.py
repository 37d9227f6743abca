"""Assets by API: what was bought once, at what its owner or its payer paid."""
