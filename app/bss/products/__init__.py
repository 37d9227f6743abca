"""Products: the list, the form, prices, picture."""
