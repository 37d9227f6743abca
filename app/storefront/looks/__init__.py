"""What a storefront looks like: its colours as a style sheet, its pictures."""
