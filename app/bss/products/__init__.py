"""Products: the list, the form, prices, picture; charges, characteristics, related products, bundles, trials."""

from app.bss.products import charges, trial, views
from app.bss.products.blueprint import bp

__all__ = ["bp", "charges", "trial", "views"]
