"""Products: the list, the form, prices, picture; charges, characteristics, related products, bundles, trials, pages."""

from app.bss.products import charges, material, trial, views
from app.bss.products.blueprint import bp

__all__ = ["bp", "charges", "material", "trial", "views"]
