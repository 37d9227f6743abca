"""Drafts of the back office's programs, once they are filled: recorded, as staff records an order (BC-32, CB-18)."""

from __future__ import annotations

from datetime import datetime

from app.audit.services import Actor, record
from app.core.db import session
from app.core.errors import Invalid
from app.orders.back_office import RECORDED
from app.orders.back_office_items import price_order
from app.orders.execution_events import add_event
from app.orders.execution_rows import lines_of, parties_of
from app.orders.machine import Move, advance
from app.orders.models import Order, OrderChannel
from app.orders.programs import Program, open_draft


def record_draft(number: str, *, program: Program, actor: Actor, at: datetime) -> Order:
    """Make an order of a draft: Submitted, at today's prices; staff and programs may execute it now.

    Raises as `open_draft`, and Invalid `order_empty`, `not_priced`.
    """
    draft = open_draft(number, program, at=at)
    if not lines_of(draft):
        raise Invalid.field("items", "order_empty", "Add at least one item before you submit the order")
    price_order(draft, parties_of(draft), at)
    draft.channel, draft.placed_at = OrderChannel.BSS, at
    advance(draft, Move.RECORD)
    add_event(draft, "submitted", RECORDED, at=at)
    record(
        "order.submitted", actor=actor, at=at, target_kind="order", target_id=draft.id,
        after={"number": draft.number, "program": program.name},
    )  # fmt: skip
    session.flush()
    return draft
