"""How a status looks: one of five tones, each with its own colour, shape and place in the reader's attention."""

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Tone(StrEnum):
    """What a state asks of the reader."""

    NEUTRAL = "neutral"
    PROGRESS = "progress"
    SUCCESS = "success"
    WARNING = "warning"
    DANGER = "danger"


_WORDS: Final = {
    Tone.NEUTRAL: (
        "draft, not started, inactive, canceled, expired, not required, void, closed, archived, skipped, returned, held,"
        " retained, basic, used, superseded, hidden, not listed, retired, read"
    ),
    Tone.PROGRESS: (
        "submitted, scheduled, in progress, executing, pending, provisioning, processing, queued, running, sending, open,"
        " pending activation, retrying, verifying, upgrading, importing, trial, new, standard, information, info"
    ),
    Tone.SUCCESS: (
        "executed, active, delivered, synchronised, paid, accepted, completed, done, live, sent, verified, published,"
        " success, approved, resolved, listed, on, free, imported, succeeded"
    ),
    Tone.WARNING: (
        "pending reseller approval, partially executed, pending cancellation, pending for cancel, pending approval,"
        " unsynchronised, suspended, partially paid, partly used, unpaid, grace, waiting, expiring, ending, warning, locked,"
        " needs attention, drift, trial ending"
    ),
    Tone.DANGER: "failed, overdue, rejected, refused, error, danger, blocked, bounced, purged, reversed, stuck, broken",
}
_TONES: Final = MappingProxyType({word.strip(): tone for tone, words in _WORDS.items() for word in words.split(",")})


def tone_of(status: object) -> Tone:
    """The tone of a status of the specification, whatever its case; neutral for a word we do not know."""
    word = str(getattr(status, "value", status)).replace("_", " ").replace("-", " ").strip().lower()
    return _TONES.get(word, Tone.NEUTRAL)
