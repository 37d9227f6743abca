"""Charges, credit, invoices and their numbers."""
