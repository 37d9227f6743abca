"""What home pages and menus show first: most popular, promoted, new (SF-07)."""
