"""The verbs of the catalogue: product types, products and their prices, pictures, categories and their rules."""

from app.catalogue.services.categories import (
    CategoryDetails,
    RuleDetails,
    add_rule,
    create_category,
    delete_category,
    delete_rule,
    move_category,
    update_category,
)
from app.catalogue.services.charges import (
    ChargeSettings,
    set_charges,
    set_fixed_characteristics,
    set_trial_resources,
)
from app.catalogue.services.pictures import MAX_BYTES as MAX_PICTURE_BYTES
from app.catalogue.services.pictures import remove_picture, set_picture
from app.catalogue.services.prices import PriceDetails, remove_price, set_price
from app.catalogue.services.product_details import ProductDetails
from app.catalogue.services.product_types import (
    ProductTypeDetails,
    TypeSwitches,
    create_product_type,
    update_product_type,
)
from app.catalogue.services.products import (
    NewProduct,
    ProductMark,
    create_product,
    delete_product,
    mark_products,
    update_product,
)
from app.catalogue.services.type_characteristics import (
    add_characteristic,
    delete_characteristic,
    replace_characteristic,
)

__all__ = [
    "MAX_PICTURE_BYTES",
    "CategoryDetails",
    "ChargeSettings",
    "NewProduct",
    "PriceDetails",
    "ProductDetails",
    "ProductMark",
    "ProductTypeDetails",
    "RuleDetails",
    "TypeSwitches",
    "add_characteristic",
    "add_rule",
    "create_category",
    "create_product",
    "create_product_type",
    "delete_category",
    "delete_characteristic",
    "delete_product",
    "delete_rule",
    "mark_products",
    "move_category",
    "remove_picture",
    "remove_price",
    "replace_characteristic",
    "set_charges",
    "set_fixed_characteristics",
    "set_picture",
    "set_price",
    "set_trial_resources",
    "update_category",
    "update_product",
    "update_product_type",
]
