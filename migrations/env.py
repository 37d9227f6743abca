"""Runs migrations as the owner, with short locks, so that they can be applied while the previous release serves.

The migrations need nothing of the application; `flask db migrate` compares the models' metadata with the database.
"""

from __future__ import annotations

import importlib
import os

from alembic import context
from sqlalchemy import MetaData, create_engine, text

DOMAINS = (
    "accounts", "audit", "billing", "catalogue", "identity", "notifications",
    "orders", "orders.offers", "orders.shares", "pricing", "pricing.price_list_files",
    "pricing.exchange_rates", "provisioning", "resellers", "subscriptions",
    "catalogue.attachments", "catalogue.shelves", "support.enquiries",
    "catalogue.bundles", "catalogue.imports", "catalogue.product_files", "catalogue.vendor_runs", "billing.usage",
    "orders.prechecks", "subscriptions.domains", "provisioning.service_accounts",
    "identity.providers", "identity.companies", "accounts.registration", "identity.api_clients",
)  # fmt: skip


def target_metadata() -> MetaData:
    """Return the metadata of all models."""
    for name in ("tenants.models", *(f"app.{domain}.models" for domain in DOMAINS)):
        importlib.import_module(name)
    found: MetaData = importlib.import_module("app.core.db").Base.metadata
    return found


def run() -> None:
    """Upgrade, downgrade or compare over one connection of the owner."""
    url = os.environ["DATABASE_URL"]
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.execute(text("SET lock_timeout = '5s'"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=target_metadata(),
            compare_type=True,
            compare_server_default=False,
            include_schemas=False,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
