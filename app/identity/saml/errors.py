"""Why an answer of a provider is refused. People read one sentence for all of them; the log keeps the reason."""

from __future__ import annotations

from app.identity.providers.identities import SsoFailed


class AnswerRefused(SsoFailed):
    """The answer proves nothing. `reason` is a word for the log and the owner's test, never for visitors."""
