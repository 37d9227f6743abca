"""Exchange rates with their history and files of them; from which day a change of licences counts.

Why:   BC-07: a currency had one rate, for all days. It is the first row of its history now, from the day it was entered;
       a rate of 1 was put in where nobody had entered one, and is not taken over. CB-32: what was to change with a period
       counts from its first day, however late the billing run comes.
Locks: adds tables and a column; reads currencies once.
Undo:  the rate in force becomes the one rate again, 1 where there is none; history and files go.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.columns import require_values
from migrations.rls import keep_to_distributor

revision = "0037_billing"
down_revision = "0036_services"

READ = ("currencies", "exchange_rates")  # their policies bind the migrating role, too, unless told otherwise


def upgrade() -> None:
    """Make history of the rates there are."""
    op.add_column("subscription_events", sa.Column("counts_from", sa.Date(), nullable=True))
    _create_tables()
    _unbound("NO FORCE")
    op.execute(
        """
        INSERT INTO exchange_rates (distributor_id, id, from_code, to_code, rate, valid_from, created_at)
        SELECT c.distributor_id, gen_random_uuid(), c.code, d.currency, c.rate_to_home,
               (c.updated_at AT TIME ZONE d.time_zone)::date, c.updated_at
        FROM currencies c JOIN distributors d ON d.id = c.distributor_id
        WHERE c.code <> d.currency AND c.rate_to_home <> 1
        """
    )
    _unbound("FORCE")
    op.drop_constraint(op.f("ck_currencies_rate_above_0"), "currencies", type_="check")
    op.drop_column("currencies", "rate_to_home")


def downgrade() -> None:
    """Keep the rate in force of each currency."""
    op.add_column(
        "currencies", sa.Column("rate_to_home", sa.Numeric(precision=18, scale=8), nullable=False, server_default="1")
    )
    op.alter_column("currencies", "rate_to_home", server_default=None)
    _unbound("NO FORCE")
    op.execute(
        """
        UPDATE currencies c SET rate_to_home = greatest(round(r.rate, 8), 0.00000001)
        FROM distributors d, exchange_rates r
        WHERE d.id = c.distributor_id AND r.distributor_id = c.distributor_id
          AND r.from_code = c.code AND r.to_code = d.currency
          AND r.valid_from = (
              SELECT max(o.valid_from) FROM exchange_rates o
              WHERE o.distributor_id = r.distributor_id AND o.from_code = r.from_code AND o.to_code = r.to_code
                AND o.valid_from <= (now() AT TIME ZONE d.time_zone)::date)
        """
    )
    _unbound("FORCE")
    op.create_check_constraint("rate_above_0", "currencies", "rate_to_home > 0")
    op.drop_table("exchange_rate_files")
    op.drop_table("exchange_rates")
    op.drop_column("subscription_events", "counts_from")


def _create_tables() -> None:
    op.create_table(
        "exchange_rates",
        sa.Column("from_code", sa.String(length=3), nullable=False),
        sa.Column("to_code", sa.String(length=3), nullable=False),
        sa.Column("rate", sa.Numeric(precision=20, scale=10), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("entered_by_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("rate > 0", name=op.f("ck_exchange_rates_above_0")),
        sa.CheckConstraint("from_code <> to_code", name=op.f("ck_exchange_rates_two_currencies")),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_exchange_rates")),
        sa.UniqueConstraint(
            "distributor_id",
            "from_code",
            "to_code",
            "valid_from",
            name=op.f("uq_exchange_rates_distributor_id_from_code_to_code_valid_from"),
        ),
    )
    keep_to_distributor("exchange_rates")
    op.create_table(
        "exchange_rate_files",
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("lines", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("started_by_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_exchange_rate_files")),
    )
    require_values("exchange_rate_files", "state", "listfilestate", ("ready", "completed", "discarded"))
    op.create_index(
        op.f("ix_exchange_rate_files_distributor_id_created_at"),
        "exchange_rate_files",
        ["distributor_id", "created_at"],
        unique=False,
    )
    keep_to_distributor("exchange_rate_files")


def _unbound(force: str) -> None:
    for table in READ:
        op.execute(f"ALTER TABLE {table} {force} ROW LEVEL SECURITY")
