"""How the vendor behaves: well, or in one of the ways that vendors fail."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from threading import Event, Lock

MAX_SECONDS = 600.0


class Mode(StrEnum):
    OK = "ok"
    SLOW = "slow"
    FAIL = "fail"
    REJECT = "reject"
    TIMEOUT_AFTER = "timeout_after"
    TWICE = "twice"
    GARBAGE = "garbage"

    @property
    def label(self) -> str:
        """What people call it."""
        return _LABELS[self]

    @property
    def meaning(self) -> str:
        return _MEANINGS[self]

    @property
    def holds_for_reads(self) -> bool:
        """A vendor that is down is down for questions too."""
        return self in {Mode.SLOW, Mode.FAIL, Mode.GARBAGE}


_LABELS = {
    Mode.OK: "Works",
    Mode.SLOW: "Slow",
    Mode.FAIL: "Down",
    Mode.REJECT: "Refuses",
    Mode.TIMEOUT_AFTER: "Loses answers",
    Mode.TWICE: "Answers twice",
    Mode.GARBAGE: "Talks nonsense",
}
_MEANINGS = {
    Mode.OK: "does what it is asked",
    Mode.SLOW: "waits some seconds, then does it",
    Mode.FAIL: "answers 503 and does nothing",
    Mode.REJECT: "refuses with code 17 and does nothing",
    Mode.TIMEOUT_AFTER: "does the work, then closes without an answer",
    Mode.TWICE: "does the work once and answers twice",
    Mode.GARBAGE: "does the work and answers something that is not JSON",
}


@dataclass(frozen=True, slots=True)
class Behaviour:
    mode: Mode = Mode.OK
    seconds: float = 0  # how long `slow` waits, and how long `timeout_after` keeps the line open
    count: int | None = None  # the next calls it holds for; None: until it is changed
    match: str = ""  # part of a product code, product name or account name; empty: every call

    @property
    def is_general(self) -> bool:
        return self.count is None and not self.match


class Temper:
    """The behaviour of the moment, shared by all threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._behaviour = Behaviour()
        self._changed = Event()
        self.waiting = 0  # calls that wait at this moment

    @property
    def behaviour(self) -> Behaviour:
        return self._behaviour

    def become(self, behaviour: Behaviour) -> None:
        """Behave like this from now on; calls that wait go on at once."""
        with self._lock:
            self._behaviour = behaviour
            self._changed.set()
            self._changed = Event()

    def take(self, *names: str) -> Behaviour:
        """Return how to treat one changing call about these names, and count it."""
        with self._lock:
            current = self._behaviour
            if current.match and not any(current.match.casefold() in name.casefold() for name in names):
                return Behaviour()
            if current.count is not None:
                left = current.count - 1
                self._behaviour = replace(current, count=left) if left > 0 else Behaviour()
            return current

    def for_reading(self) -> Behaviour:
        """Return how to treat a call that changes nothing; such calls are not counted."""
        current = self._behaviour
        return current if current.is_general and current.mode.holds_for_reads else Behaviour()

    def wait(self, seconds: float) -> None:
        """Wait, but no longer than this behaviour lasts."""
        with self._lock:
            changed = self._changed
            self.waiting += 1
        changed.wait(min(seconds, MAX_SECONDS))
        with self._lock:
            self.waiting -= 1
