"""The hash chain of a distributor's audit trail (GO-16, decisions section 8): written by a job, checked by a command.

Events are inserted plain, in any scope; a job links them afterwards in the order it finds them. A link's digest covers
the one before it, so nothing can be changed, removed or put in between; the signed head says how far the chain goes.
Erasure blanks an event's values and leaves its digest; what has expired leaves a signed checkpoint.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.audit.models import AuditCheckpoint, AuditEvent, AuditHead, AuditLink
from app.core.db import session
from app.core.ids import new_id
from app.core.secrets import is_signed, sign
from tenants.context import current_scope

BEGINNING = "0" * 64
PURPOSE = "audit-chain"
LINKED_AT_ONCE = 1000
READ_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Verified:
    """What checking a chain found. `problem` None: it is intact from `first` to `last`."""

    first: int
    last: int
    erased: int
    waiting: int  # events that are not linked yet
    problem: str | None


def payload_digest(event: AuditEvent) -> str:
    """Return the digest of what an event says. Not whom it concerns: that decides only who sees it."""
    said: dict[str, object] = {
        "id": str(event.id),
        "at": event.at.astimezone(UTC).isoformat(),
        "action": event.action,
        "actor_id": str(event.actor_id),
        "actor_reseller_id": str(event.actor_reseller_id),
        "target_kind": event.target_kind,
        "target_id": str(event.target_id),
        "address": event.address,
        "request_id": event.request_id,
        "before": event.before,
        "after": event.after,
    }
    later = {"actor_name": event.actor_name, "channel": event.channel, "user_agent": event.user_agent}
    said |= {name: value for name, value in later.items() if value is not None}  # events before 0033 have none
    return _sha256(json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":")))


def link_digest(previous: str, position: int, payload: str) -> str:
    """Return a link's digest."""
    return _sha256(f"{previous}:{position}:{payload}")


def link_events(*, at: datetime, limit: int = LINKED_AT_ONCE) -> int:
    """Link events that are not in the chain yet, in the scope's distributor; returns how many.

    Safe anywhere, any number of times: the head is locked, and each event is linked once.
    """
    head = _lock_head(at)
    events = session.scalars(
        select(AuditEvent)
        .where(AuditEvent.distributor_id == head.distributor_id, AuditEvent.chained_at.is_(None))
        .order_by(AuditEvent.id)
        .limit(limit)
    ).all()
    if not events:
        return 0
    links = []
    for event in events:
        payload = payload_digest(event)
        head.position += 1
        head.digest = link_digest(head.digest, head.position, payload)
        links.append(
            {
                "distributor_id": head.distributor_id,
                "id": new_id(),
                "position": head.position,
                "event_id": event.id,
                "payload_digest": payload,
                "digest": head.digest,
            }
        )
    session.execute(insert(AuditLink), links)
    session.execute(
        update(AuditEvent)
        .where(AuditEvent.distributor_id == head.distributor_id, AuditEvent.id.in_([event.id for event in events]))
        .values(chained_at=at)
        .execution_options(synchronize_session=False)
    )
    head.signature, head.changed_at = sign(PURPOSE, _end(head.distributor_id, head.position, head.digest)), at
    session.flush()
    return len(events)


def verify() -> Verified:
    """Check the chain of the scope's distributor from its beginning or newest checkpoint to its signed head."""
    distributor_id = current_scope().distributor_id
    checkpoint = _newest_checkpoint(distributor_id)
    position, digest = (checkpoint.position, checkpoint.digest) if checkpoint else (0, BEGINNING)
    first, erased, problem = position + 1, 0, None
    if checkpoint is not None and not _is_ours(distributor_id, checkpoint):
        problem = f"The checkpoint at {checkpoint.position} was not signed by this installation"
    else:
        for link, event in _links(distributor_id, position):
            problem = _problem_of(link, event, position, digest)
            if problem is not None:
                break
            position, digest = link.position, link.digest
            erased += event is not None and event.erased_at is not None
    if problem is None:
        problem = _problem_of_end(distributor_id, position, digest)
    return Verified(first, position, erased, _count_waiting(distributor_id), problem)


def _problem_of(link: AuditLink, event: AuditEvent | None, position: int, digest: str) -> str | None:
    """Return what is wrong with the link that should follow a position."""
    if link.position != position + 1:
        return f"Link {position + 1} is missing"
    if event is None:
        return f"The event of link {link.position} is missing"
    if event.erased_at is None and payload_digest(event) != link.payload_digest:
        return f"The event of link {link.position} was changed"
    if link_digest(digest, link.position, link.payload_digest) != link.digest:
        return f"Link {link.position} does not follow the one before it"
    return None


def _problem_of_end(distributor_id: UUID, position: int, digest: str) -> str | None:
    """Return what is wrong with the signed head of a chain whose last link is known."""
    head = session.scalar(select(AuditHead).where(AuditHead.distributor_id == distributor_id))
    if head is None:
        return None if position == 0 else "The head of the chain is missing"
    if head.position and not _is_ours(distributor_id, head):
        return "The head of the chain was not signed by this installation"
    if (head.position, head.digest) != (position, digest):
        return f"The chain ends at {position}, its head says {head.position}"
    return None


def _count_waiting(distributor_id: UUID) -> int:
    waiting = select(func.count()).where(AuditEvent.distributor_id == distributor_id, AuditEvent.chained_at.is_(None))
    return session.scalar(waiting) or 0


def erase(event_ids: Sequence[UUID], *, at: datetime) -> None:
    """Blank what some events say of people; that they happened, and their digests, stay. Needs the bulk role."""
    session.execute(
        update(AuditEvent)
        .where(AuditEvent.distributor_id == current_scope().distributor_id, AuditEvent.id.in_(event_ids))
        .values(before={}, after={}, address=None, actor_name=None, user_agent=None, erased_at=at)
        .execution_options(synchronize_session=False)
    )


def expire(until: datetime, *, at: datetime) -> int:
    """Remove linked events older than an instant, leaving a signed checkpoint; returns how many. Needs the bulk role.

    Only a leading part of the chain goes: it ends before the first event that is younger.
    """
    head = _lock_head(at)
    last: AuditLink | None = None
    removed = []
    checkpoint = _newest_checkpoint(head.distributor_id)
    for link, event in _links(head.distributor_id, checkpoint.position if checkpoint else 0):
        if event is not None and event.at >= until:
            break
        last = link
        removed.append(link.event_id)
    if last is None:
        return 0
    session.add(
        AuditCheckpoint(
            position=last.position,
            digest=last.digest,
            signature=sign(PURPOSE, _end(head.distributor_id, last.position, last.digest)),
            created_at=at,
        )
    )
    session.execute(
        delete(AuditLink).where(AuditLink.distributor_id == head.distributor_id, AuditLink.position <= last.position)
    )
    session.execute(
        delete(AuditEvent).where(AuditEvent.distributor_id == head.distributor_id, AuditEvent.id.in_(removed))
    )
    session.flush()
    return len(removed)


def _newest_checkpoint(distributor_id: UUID) -> AuditCheckpoint | None:
    return session.scalar(
        select(AuditCheckpoint)
        .where(AuditCheckpoint.distributor_id == distributor_id)
        .order_by(AuditCheckpoint.position.desc())
        .limit(1)
    )


def _links(distributor_id: UUID, after: int) -> Iterator[tuple[AuditLink, AuditEvent | None]]:
    while True:
        rows = session.execute(
            select(AuditLink, AuditEvent)
            .outerjoin(
                AuditEvent,
                (AuditEvent.distributor_id == AuditLink.distributor_id) & (AuditEvent.id == AuditLink.event_id),
            )
            .where(AuditLink.distributor_id == distributor_id, AuditLink.position > after)
            .order_by(AuditLink.position)
            .limit(READ_AT_ONCE)
            .execution_options(populate_existing=True)
        ).all()
        yield from rows
        if len(rows) < READ_AT_ONCE:
            return
        after = rows[-1][0].position
        session.expunge_all()


def _lock_head(at: datetime) -> AuditHead:
    distributor_id = current_scope().distributor_id
    session.execute(
        insert(AuditHead)
        .values(id=new_id(), distributor_id=distributor_id, position=0, digest=BEGINNING, signature="", changed_at=at)
        .on_conflict_do_nothing(index_elements=["distributor_id"])
    )
    return session.scalars(
        select(AuditHead)
        .where(AuditHead.distributor_id == distributor_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def _is_ours(distributor_id: UUID, end: AuditHead | AuditCheckpoint) -> bool:
    return is_signed(PURPOSE, _end(distributor_id, end.position, end.digest), end.signature)


def _end(distributor_id: UUID, position: int, digest: str) -> str:
    return f"{distributor_id}:{position}:{digest}"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
