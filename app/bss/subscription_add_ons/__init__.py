"""The add-ons of a subscription in the back office."""
