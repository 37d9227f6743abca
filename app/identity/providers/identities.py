"""What a provider vouches for, whatever protocol it speaks; and how a round trip may fail."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from app.core.errors import Conflict
from app.core.secrets import decrypt, encrypt


@dataclass(frozen=True, slots=True)
class LogoutHint:
    """What a provider wants to be told when one of its sessions ends here. Kept encrypted with the session."""

    id_token: str = ""  # OpenID: as it came
    end_session_url: str = ""  # OpenID: where its session ends
    name_id: str = ""  # SAML, with what qualifies the name
    name_format: str = ""
    name_qualifier: str = ""
    own_qualifier: str = ""

    def sealed(self) -> str:
        """Return it as it is kept."""
        return encrypt(json.dumps(asdict(self)))

    @classmethod
    def opened(cls, sealed: str) -> LogoutHint:
        """Return what was kept."""
        return cls(**json.loads(decrypt(sealed)))


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified answer of a provider. `received` is for the owner's test: names and values as they arrived."""

    issuer: str
    subject: str
    email: str | None = None
    is_email_verified: bool = False
    first_name: str = ""
    last_name: str = ""
    session: str | None = None
    groups: tuple[str, ...] = ()
    logout_hint: LogoutHint | None = None
    received: tuple[tuple[str, str], ...] = ()


class SsoFailed(Conflict):
    """A wrong, forged, late or repeated answer. `reason` is for the log and for an owner's test, never for visitors."""

    code = "sso_failed"

    def __init__(self, reason: str) -> None:
        super().__init__("Signing in did not work")
        self.reason = reason


class SsoRefused(Conflict):
    """The identity is proven, and is let in nowhere: nobody knows it, or whom it belongs to may not enter."""

    code = "sso_refused"


class IdentityTaken(SsoRefused):
    """The identity opens the door for somebody else already."""

    def __init__(self) -> None:
        super().__init__("This identity is connected to another user")
