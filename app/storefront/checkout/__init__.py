"""From the basket to an order, in steps."""
