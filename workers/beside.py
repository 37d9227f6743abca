"""Doing one thing while others go on: work of a job that need not be waited for before the job goes on."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context

from app.core.db import session

log = logging.getLogger(__name__)
Work = Callable[[], None]


@contextmanager
def beside(*, at_most: int = 2) -> Iterator[Callable[[Work], None]]:
    """Yield a function that does work beside the block, begun in order, so many pieces at a time; the end waits for all.

    Work runs in the caller's context (scope, fields of the log) on a thread and a session of its own. A piece too many
    waits in the caller until the oldest is done. What a piece raises is logged, and raised by a later call or at the end.
    """
    with ThreadPoolExecutor(at_most, thread_name_prefix="beside") as threads:
        under_way: deque[Future[None]] = deque()

        def do(work: Work) -> None:
            while under_way and (len(under_way) == at_most or under_way[0].done()):
                under_way.popleft().result()
            under_way.append(threads.submit(copy_context().run, _with_own_session, work))

        yield do
        for piece in under_way:
            piece.result()


def _with_own_session(work: Work) -> None:
    try:
        work()
    except Exception:  # of several that break off, one alone reaches the job
        log.exception("work_beside_broke_off")
        raise
    finally:
        session.remove()
