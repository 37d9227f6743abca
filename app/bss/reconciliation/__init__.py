"""Comparing subscriptions with what vendors have, in the back office (GO-03)."""
