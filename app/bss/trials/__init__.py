"""Trials in the back office: start one for an account, extend it, turn it into something paid (CB-12)."""
