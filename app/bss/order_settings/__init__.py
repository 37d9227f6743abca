"""What a distributor decides about orders and offers (CB-17, SF-32)."""
