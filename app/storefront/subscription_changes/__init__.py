"""What customers change of their subscriptions."""
