"""Units: a term with how often it is billed. Which of them a distributor sells, and which one it starts from (CB-03).

A unit's cycle fits into its term a whole number of times, so that the last period of a term ends with it (ADR 34).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from sqlalchemy import func, select, tuple_

from app.audit.services import Actor, record
from app.catalogue.models import BillingCycle, ProductPrice, Term
from app.catalogue.words import unit_words
from app.core.db import session
from app.core.errors import Invalid
from app.core.versions import digest_of, require_version
from tenants.context import current_scope
from tenants.settings import (
    DistributorSettings,
    distributor_settings,
    distributor_settings_for_change,
    save_distributor_settings,
)


@dataclass(frozen=True, slots=True)
class Unit:
    """What a price is for."""

    term: Term
    cycle: BillingCycle

    @property
    def value(self) -> str:
        """How forms and settings write it: "P1Y.monthly"."""
        return f"{self.term.value}.{self.cycle.value}"

    @property
    def words(self) -> str:
        """How people read it: "1 year, billed monthly"."""
        return unit_words(self.term, self.cycle)


def instalments(term: Term, cycle: BillingCycle) -> int | None:
    """Return how often a term is billed, or None where the cycle does not fit into it. P1Y monthly is 12."""
    if not term.months or not cycle.months or term.months % cycle.months:
        return None
    return term.months // cycle.months


ONCE: Final = Unit(Term.NONE, BillingCycle.ONE_TIME)
RECURRING: Final = tuple(Unit(term, cycle) for term in Term for cycle in BillingCycle if instalments(term, cycle))
_BY_VALUE: Final = {unit.value: unit for unit in (*RECURRING, ONCE)}


def read_unit(text: str | None) -> Unit | None:
    """Return the unit a form or a setting names, or None."""
    return _BY_VALUE.get(text or "")


def sold_units() -> Sequence[Unit]:
    """Return the units the scope's distributor sells, the shortest term first, what is paid once last."""
    chosen = set(distributor_settings().units)
    return (*(unit for unit in RECURRING if unit.value in chosen), ONCE)


class HasBaseUnit(Protocol):
    """A product, or a row that holds these columns of one."""

    @property
    def base_term(self) -> Term | None:
        """Its own, or None."""

    @property
    def base_cycle(self) -> BillingCycle | None:
        """With the term."""


def own_base_unit(product: HasBaseUnit) -> Unit | None:
    """Return a product's own base unit, or None."""
    if product.base_term is None or product.base_cycle is None:
        return None
    return Unit(product.base_term, product.base_cycle)


def base_unit_of(product: HasBaseUnit) -> Unit | None:
    """Return the unit a product is shown by first: its own, else the distributor's; None: its shortest cycle's."""
    return own_base_unit(product) or read_unit(distributor_settings().base_unit)


def units_version(stands: DistributorSettings) -> int:
    """Return the version of what a distributor sells by."""
    return digest_of(stands.units, stands.base_unit)


def choose_units(units: Collection[Unit], base: Unit | None, *, version: int, actor: Actor, at: datetime) -> None:
    """Choose what forms and files offer, and what products without a base unit of their own start from.

    Raises StaleVersion, Invalid `units_empty`, `base_not_sold`, and at the unit's value `unit_used` where prices stand in one. In the
    distributor's scope.
    """
    before = distributor_settings_for_change()
    require_version(units_version(before), version, name="What you sell by")
    chosen = [unit for unit in RECURRING if unit in units]
    if not chosen:
        raise Invalid.field("units", "units_empty", "Choose at least one term and billing cycle")
    if base is not None and base not in chosen:
        raise Invalid.field("base", "base_not_sold", "Choose a base unit among the ones you sell")
    if gone := [unit for unit in RECURRING if unit.value in before.units and unit not in chosen]:
        _require_unused(gone)
    save_distributor_settings(
        replace(before, units=tuple(unit.value for unit in chosen), base_unit=base.value if base else "")
    )
    record(
        "settings.units", actor=actor, at=at, target_kind="distributor",
        before={"units": list(before.units), "base": before.base_unit},
        after={"units": [unit.value for unit in chosen], "base": base.value if base else ""},
    )  # fmt: skip


def _require_unused(gone: Sequence[Unit]) -> None:
    """Refuse to give up a unit that something is sold by (CB-03): its price is withdrawn first."""
    used = session.execute(
        select(ProductPrice.term, ProductPrice.cycle, func.count(ProductPrice.product_id.distinct()))
        .where(
            ProductPrice.distributor_id == current_scope().distributor_id,
            ProductPrice.is_withdrawn.is_(False),
            tuple_(ProductPrice.term, ProductPrice.cycle).in_([(unit.term, unit.cycle) for unit in gone]),
        )
        .group_by(ProductPrice.term, ProductPrice.cycle)
        .order_by(ProductPrice.term, ProductPrice.cycle)
        .limit(1)
    ).one_or_none()
    if used is not None:
        term, cycle, products = used
        number = f"{products:,} product{'s have' if products != 1 else ' has'}"
        unit = Unit(term, cycle)
        raise Invalid.field(unit.value, "unit_used", f"{number} a price for {unit.words}; withdraw it first")
