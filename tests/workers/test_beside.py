"""Work done beside a job: begun in order, two pieces at a time, in its scope, and never lost sight of."""

from __future__ import annotations

import threading

import pytest

from app.core.db import session
from tenants.context import current_scope, scope
from workers.beside import beside


class Broken(RuntimeError):
    """What a piece of work raises."""


def test_work_goes_on_while_the_block_does():
    goes_on, seen = threading.Event(), []
    with beside() as do:
        do(lambda: seen.append(goes_on.wait(10)))
        assert seen == []
        goes_on.set()
    assert seen == [True]


def test_two_pieces_go_on_at_once_and_a_third_waits_for_the_first():
    begun, third_asked = threading.Barrier(2, timeout=10), threading.Event()
    order: list[str] = []

    def one_of_two(name: str) -> None:
        begun.wait()  # nobody gets further before both have begun
        third_asked.wait(10)
        order.append(name)

    def third() -> None:
        order.append("third")

    with beside(at_most=2) as do:
        do(lambda: one_of_two("first"))
        do(lambda: one_of_two("second"))
        third_asked.set()
        do(third)
        assert "first" in order
    assert set(order) == {"first", "second", "third"}


def test_work_runs_in_the_scope_of_the_moment_with_a_session_of_its_own(world):
    seen: list[object] = []
    with scope(world.scope), beside() as do:
        mine = session()
        do(lambda: seen.extend([current_scope(), session() is mine]))
    assert seen[0] == world.scope
    assert seen[1:] == [False]


def test_what_a_piece_raises_is_raised_at_the_end():
    def broken() -> None:
        raise Broken

    with pytest.raises(Broken), beside() as do:
        do(broken)


def test_what_a_piece_raises_stops_the_next():
    done: list[str] = []

    def broken() -> None:
        raise Broken

    def both() -> None:
        with beside(at_most=1) as do:
            do(broken)
            do(lambda: done.append("second"))

    with pytest.raises(Broken):
        both()
    assert done == []


def test_of_two_pieces_that_break_off_both_are_logged(caplog):
    both_begun = threading.Barrier(2, timeout=10)

    def broken() -> None:
        both_begun.wait()
        raise Broken

    with pytest.raises(Broken), beside(at_most=2) as do:
        do(broken)
        do(broken)
    assert [record.message for record in caplog.records] == ["work_beside_broke_off"] * 2


def test_a_block_that_breaks_off_lets_its_work_end():
    goes_on, done = threading.Event(), []

    def work() -> None:
        goes_on.wait(10)
        done.append("done")

    def breaks_off() -> None:
        with beside() as do:
            do(work)
            goes_on.set()
            raise Broken

    with pytest.raises(Broken):
        breaks_off()
    assert done == ["done"]
