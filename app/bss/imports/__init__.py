"""Vendor price sheets: upload, preview, progress, report."""
