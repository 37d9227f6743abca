"""Foundations without a noun of the business: settings, database, errors, money, time, ids, queue."""
