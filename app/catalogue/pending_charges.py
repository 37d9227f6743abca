"""What a change of a product means for charges that stand on no invoice yet (CB-02, CB-38)."""

from __future__ import annotations

from sqlalchemy import Boolean, String, Uuid, column, exists, table, update

from app.catalogue.models import Product
from app.core.db import session
from tenants.context import all_records

# Charges stand in a domain above this one: their table is named, its model is not imported.
CHARGES = table(
    "charges",
    column("distributor_id", Uuid()),
    column("id", Uuid()),
    column("product_id", Uuid()),
    column("credits_id", Uuid()),
    column("state", String()),
    column("is_taxed", Boolean()),
)
INVOICED = "invoiced"


def tax_pending_charges(product: Product) -> None:
    """Tax a product's charges as it says now, by one statement: the day of the invoice decides.

    Not so credits of what is invoiced: tax comes back as it was charged (CB-29).
    """
    credited = CHARGES.alias("credited")
    takes_back_invoiced = exists().where(
        credited.c.distributor_id == CHARGES.c.distributor_id,
        credited.c.id == CHARGES.c.credits_id,
        credited.c.state == INVOICED,
    )
    with all_records():
        session.execute(
            update(CHARGES)
            .where(
                CHARGES.c.distributor_id == product.distributor_id,
                CHARGES.c.product_id == product.id,
                CHARGES.c.state != INVOICED,
                ~takes_back_invoiced,
            )
            .values(is_taxed=product.is_taxable)
        )
