"""Visitors who register themselves (SF-04, SF-05)."""
