"""Standing lines of price lists: one rule for all products of a price group, those that join it later too (CB-05).

A line stands in its list as entries that name it, so that pricing reads nothing else. `repricing.follow_groups` makes
them, and runs again whenever products, their prices or their groups move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, delete, func, select

from app.audit.services import Actor, record
from app.catalogue.models import BillingCycle, PriceGroup, Term
from app.core.db import session
from app.core.errors import Invalid, NotFound
from app.core.versions import lock_at_version
from app.pricing.models import PriceList, PriceListEntry, PriceListGroupLine
from app.pricing.price_lists.entries import EntryRule
from app.pricing.price_lists.ladders import BY_PRODUCT, ladder_of, ladder_text
from app.pricing.price_lists.repricing import follow_groups
from app.pricing.price_lists.services import get_price_list_for_update
from tenants.context import current_scope


class GroupLineNotFound(NotFound):
    """The list has no such line."""

    def __init__(self) -> None:
        super().__init__("This price list has no such line")


@dataclass(frozen=True, slots=True)
class NewLine:
    """A rule for a price group. `unit` None: for every term and billing cycle its products are sold by."""

    price_group_id: UUID
    rule: EntryRule
    unit: tuple[Term, BillingCycle] | None = None


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A line as its list shows it; `entries` are the prices it makes now."""

    line: PriceListGroupLine
    group_name: str
    entries: int


def list_lines(price_list_id: UUID) -> Sequence[GroupLine]:
    """Return the standing lines of a list by group; what is for all units comes first. One statement."""
    made = (
        select(func.count())
        .select_from(PriceListEntry)
        .where(
            PriceListEntry.distributor_id == PriceListGroupLine.distributor_id,
            PriceListEntry.group_line_id == PriceListGroupLine.id,
        )
        .scalar_subquery()
    )
    rows = session.execute(
        select(PriceListGroupLine, PriceGroup.name, made)
        .join(
            PriceGroup,
            and_(
                PriceGroup.distributor_id == PriceListGroupLine.distributor_id,
                PriceGroup.id == PriceListGroupLine.price_group_id,
            ),
        )
        .where(
            PriceListGroupLine.distributor_id == current_scope().distributor_id,
            PriceListGroupLine.price_list_id == price_list_id,
        )
        .order_by(PriceGroup.name, PriceListGroupLine.term.is_not(None), PriceListGroupLine.term)
    )
    return [GroupLine(*row) for row in rows]


def get_line(price_list_id: UUID, line_id: UUID) -> GroupLine:
    """Return a standing line of a list; raises GroupLineNotFound."""
    found = next((each for each in list_lines(price_list_id) if each.line.id == line_id), None)
    if found is None:
        raise GroupLineNotFound
    return found


def add_line(price_list_id: UUID, new: NewLine, *, actor: Actor, at: datetime) -> int:
    """Add a standing line; returns how many prices it makes now.

    Raises PriceListNotFound, Invalid `group_unknown`, `line_twice` and what `EntryRule.require_valid` refuses.
    """
    new.rule.require_valid()
    price_list = get_price_list_for_update(price_list_id)
    group = session.get(PriceGroup, (price_list.distributor_id, new.price_group_id))
    if group is None:
        raise Invalid.field("price_group_id", "group_unknown", "Choose a price group")
    term, cycle = new.unit or (None, None)
    if _find(price_list, new.price_group_id, term, cycle) is not None:
        raise Invalid.field(
            "price_group_id", "line_twice", f"The list has a line for {group.name} and this unit already"
        )
    ladder = new.rule.ladder or BY_PRODUCT
    line = PriceListGroupLine(
        price_list_id=price_list.id, price_group_id=group.id, term=term, cycle=cycle,
        rule=new.rule.rule, value=new.rule.value, price_scheme=ladder.scheme, price_tiers=ladder.as_json(),
        created_at=at,
    )  # fmt: skip
    session.add(line)
    session.flush()
    follow_groups(price_list_id=price_list.id)
    _changed(price_list, "pricing.group_line_added", line, group.name, actor, at)
    return _count(line)


def change_line(
    price_list_id: UUID, line_id: UUID, rule: EntryRule, *, version: int, actor: Actor, at: datetime
) -> int:
    """Give a standing line another rule, and its prices with it; returns how many it makes.

    Raises StaleVersion, and as `add_line`.
    """
    rule.require_valid()
    price_list, line = _locked(price_list_id, line_id)
    lock_at_version(line, version, name=f"The line of {_name(line)}")
    line.rule, line.value, line.version = rule.rule, rule.value, line.version + 1
    if rule.ladder is not None:
        line.price_scheme, line.price_tiers = rule.ladder.scheme, rule.ladder.as_json()
    session.flush()
    follow_groups(price_list_id=price_list.id)
    _changed(price_list, "pricing.group_line_changed", line, _name(line), actor, at)
    return _count(line)


def remove_line(price_list_id: UUID, line_id: UUID, *, actor: Actor, at: datetime) -> int:
    """Take a standing line out with the prices it has made; returns how many. Products' own entries stay.

    Raises PriceListNotFound, GroupLineNotFound.
    """
    price_list, line = _locked(price_list_id, line_id)
    removed = _count(line)
    session.execute(
        delete(PriceListEntry)
        .where(PriceListEntry.distributor_id == line.distributor_id, PriceListEntry.group_line_id == line.id)
        .execution_options(synchronize_session=False)
    )
    _changed(price_list, "pricing.group_line_removed", line, _name(line), actor, at)
    session.delete(line)
    session.flush()
    follow_groups(price_list_id=price_list.id)  # a line for all units takes the place of one for a unit
    return removed


def _locked(price_list_id: UUID, line_id: UUID) -> tuple[PriceList, PriceListGroupLine]:
    price_list = get_price_list_for_update(price_list_id)
    line = session.get(PriceListGroupLine, (price_list.distributor_id, line_id))
    if line is None or line.price_list_id != price_list.id:
        raise GroupLineNotFound
    return price_list, line


def _find(
    price_list: PriceList, group_id: UUID, term: Term | None, cycle: BillingCycle | None
) -> PriceListGroupLine | None:
    return session.scalar(
        select(PriceListGroupLine).where(
            PriceListGroupLine.distributor_id == price_list.distributor_id,
            PriceListGroupLine.price_list_id == price_list.id,
            PriceListGroupLine.price_group_id == group_id,
            PriceListGroupLine.term.is_not_distinct_from(term),
            PriceListGroupLine.cycle.is_not_distinct_from(cycle),
        )
    )


def _count(line: PriceListGroupLine) -> int:
    statement = select(func.count()).select_from(PriceListEntry)
    mine = (PriceListEntry.distributor_id == line.distributor_id, PriceListEntry.group_line_id == line.id)
    return session.scalar(statement.where(*mine)) or 0


def _name(line: PriceListGroupLine) -> str:
    return session.get_one(PriceGroup, (line.distributor_id, line.price_group_id)).name


def _changed(
    price_list: PriceList, action: str, line: PriceListGroupLine, group_name: str, actor: Actor, at: datetime
) -> None:
    after = {
        "price_list": price_list.name, "price_group": group_name, "rule": line.rule.value, "value": line.value,
        "tiers": ladder_text(ladder_of(line.price_scheme, line.price_tiers)),
    }  # fmt: skip
    record(action, actor=actor, at=at, target_kind="price_list", target_id=price_list.id, after=after)
