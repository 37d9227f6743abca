"""Mails as rows, their templates and settings."""
