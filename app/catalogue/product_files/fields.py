"""What a column of a product file may mean, and how people spell it (CB-14)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.catalogue.characteristics import fixed_of
from app.catalogue.models import BillingCycle, ProductKind, ProductType, Term
from app.catalogue.product_files.models import FileChargeType
from app.catalogue.units import ONCE, Unit, sold_units

KINDS: Mapping[FileChargeType, ProductKind] = {
    FileChargeType.ONE_TIME: ProductKind.ONE_OFF,
    FileChargeType.RECURRING: ProductKind.SUBSCRIPTION,
    FileChargeType.PAY_PER_USE: ProductKind.PAY_PER_USE,
}
PRICES = (("list", "List price"), ("cost", "Vendor cost"), ("setup", "Set-up fee"))
MATCH_BY = (("code", "Code"), ("name", "Name"), ("type", "Product type"))


@dataclass(frozen=True, slots=True)
class Field:
    """A field of ours that a column may fill. `key` is what the mapping stores; `form_name` is its field on the page."""

    key: str
    label: str
    spellings: tuple[str, ...] = ()
    section: str = "Product"
    is_needed: bool = False
    is_kept: bool = False  # an update leaves it alone

    @property
    def form_name(self) -> str:
        """A name HTML forms and Python accept."""
        return "column_" + re.sub(r"[^a-z0-9]", "_", self.key.lower())


PLAIN = (
    Field("code", "Code", ("productcode", "sku", "productid"), is_needed=True, is_kept=True),
    Field("name", "Name", ("productname", "product", "title"), is_needed=True),
    Field("type", "Product type", ("producttype", "type"), is_kept=True),
    Field("description", "Short description", ("description", "shortdescription")),
    Field("category", "Category", (), is_kept=True),
    Field("group", "Product group", ("productgroup", "group")),
    Field("industry", "Industry", (), is_kept=True),
    Field("price_group", "Price group", ("pricegroup",), is_kept=True),
    Field("vendor", "Vendor", ("publisher", "manufacturer", "brand")),
    Field("unit_of_measure", "Unit", ("unit", "unitofmeasure", "uom")),
    Field("tags", "Tags (separated by ;)", ("tags", "keywords")),
    Field("is_add_on", "Add-on (yes or no)", ("addon", "isaddon"), is_kept=True),
    Field("min_quantity", "Smallest quantity", ("minquantity", "minimumquantity")),
    Field("max_quantity", "Largest quantity", ("maxquantity", "maximumquantity")),
    Field("step_quantity", "Step", ("stepquantity", "step")),
    Field("trial_days", "Trial days", ("trialdays", "trial")),
    Field("trial_months", "Trial months", ("trialmonths",)),
    Field("tax_code", "Tax code", ("taxcode",)),
)


def price_key(kind: str, term: Term, cycle: BillingCycle) -> str:
    """Return the key of a price's field: list:P1Y:monthly."""
    return f"{kind}:{term.value}:{cycle.value}"


def units_of(charge_type: FileChargeType) -> Sequence[Unit]:
    """Return the units a file of a charge type may hold prices for: those the distributor sells."""
    match charge_type:
        case FileChargeType.ONE_TIME:
            return (ONCE,)
        case FileChargeType.RECURRING:
            return tuple(unit for unit in sold_units() if unit != ONCE)
        case FileChargeType.PAY_PER_USE:
            return tuple(unit for unit in sold_units() if unit.cycle is BillingCycle.MONTHLY)


def fields_for(charge_type: FileChargeType, product_type: ProductType | None) -> Sequence[Field]:
    """Return all fields: plain ones, prices per unit, and the characteristics of the one type of the file."""
    prices = [
        Field(
            price_key(kind, unit.term, unit.cycle),
            f"{words}, {unit.words.lower()}",
            (_plain(f"{kind}price{unit.value}"), _plain(f"{words}{unit.value}")),
            section="Prices per unit and cycle",
        )
        for unit in units_of(charge_type)
        for kind, words in PRICES
    ]
    characteristics = [
        Field(f"characteristic:{each.id}", each.name, section="Characteristics")
        for each in (fixed_of(product_type) if product_type is not None else ())
    ]
    return (*PLAIN, *prices, *characteristics)


def guessed(fields: Sequence[Field], columns: Sequence[str], remembered: Mapping[str, str]) -> dict[str, str]:
    """Return which column likely fills which field: as mapped before, else by its name."""
    plain = {_plain(column): column for column in columns}
    found = {}
    for field in fields:
        if (before := remembered.get(field.key)) in columns and before is not None:
            found[field.key] = before
            continue
        for spelling in (_plain(field.key), _plain(field.label), *field.spellings):
            if spelling in plain:
                found[field.key] = plain[spelling]
                break
    return found


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.casefold())
