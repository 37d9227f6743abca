"""The pictures of the state tables are those of the tables."""

from __future__ import annotations

from tests.state_machines import FILE, MACHINES, drawn


def test_the_drawn_state_machines_are_the_ones_in_force() -> None:
    assert FILE.read_text(encoding="utf-8") == drawn(), "run: python -m tests.state_machines"


def test_every_state_of_a_table_is_drawn() -> None:
    picture = drawn()
    for machine in MACHINES:
        for state, _ in machine.table:
            assert str(state.value) in picture
