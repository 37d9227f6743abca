"""Invoices by API: the one place where the programs of a reseller see what it pays (BC-33)."""
