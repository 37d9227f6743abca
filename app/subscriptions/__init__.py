"""What customers own: subscriptions and assets (CB-23)."""
