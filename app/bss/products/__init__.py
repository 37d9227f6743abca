"""Products: the list, the form, prices, picture; charges, characteristics, related products, bundles."""

from app.bss.products import charges, views
from app.bss.products.blueprint import bp

__all__ = ["bp", "charges", "views"]
