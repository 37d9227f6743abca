"""Upgrading and downgrading what one owns."""
