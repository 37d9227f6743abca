"""Invoices in the back office: list with totals and export, one invoice, its PDF."""
