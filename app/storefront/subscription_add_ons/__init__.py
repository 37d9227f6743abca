"""The add-ons of what one owns."""
