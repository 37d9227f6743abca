"""Doing one thing while another goes on: work of a job that need not be waited for before the job goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context

from app.core.db import session

Work = Callable[[], None]


@contextmanager
def beside() -> Iterator[Callable[[Work], None]]:
    """Yield a function that does work beside the block, in order, one piece at a time; the block's end waits for it.

    Work runs in the caller's context (scope, fields of the log) on a thread and a session of its own. A second piece
    waits in the caller until the first is done, so that never more than one is under way. What a piece raises is
    raised by the next call, or at the end.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="beside") as thread:
        under_way: Future[None] | None = None

        def do(work: Work) -> None:
            nonlocal under_way
            if under_way is not None:
                under_way.result()
            under_way = thread.submit(copy_context().run, _with_own_session, work)

        yield do
        if under_way is not None:
            under_way.result()


def _with_own_session(work: Work) -> None:
    try:
        work()
    finally:
        session.remove()
