"""The last step of every way in: a session, a known browser, and what is remembered. Passwords, hops and providers end here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.audit.services import Actor, record
from app.identity.devices import note_device
from app.identity.models import SignInName, SignInStep, UserKind, UserType
from app.identity.remembered import remember
from app.identity.sessions import Voucher, start_session


@dataclass(frozen=True, slots=True)
class Visit:
    """Where somebody comes from. `device` is the secret of the browser, if it brought one."""

    at: datetime
    address: str | None
    browser: str | None
    device: str | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session; `token` is the cookie's secret and is known only now, as `device` and `remember` are."""

    token: str
    session_id: UUID
    user_id: UUID
    kind: UserKind
    type: UserType
    roles: tuple[str, ...]
    device: str | None = None  # the browser's own secret
    remember: str | None = None  # starts sessions for 30 days


@dataclass(frozen=True, slots=True)
class Challenged:
    """The password was right, and something else is asked for. `token` is known only now."""

    token: str
    step: SignInStep


def enter(
    name: SignInName,
    visit: Visit,
    *,
    acting_account_id: UUID | None = None,
    is_remembered: bool = False,
    trust: bool = False,
    voucher: Voucher | None = None,
) -> SignedIn:
    """Start a session of a sign-in name, note its browser, and remember it where that was wished for.

    `voucher` is of the provider through which the person came.
    """
    token, session_id = start_session(
        name,
        at=visit.at,
        address=visit.address,
        browser=visit.browser,
        acting_account_id=acting_account_id,
        voucher=voucher,
    )
    device = note_device(name, visit.device, trust=trust, at=visit.at, address=visit.address, browser=visit.browser)
    kept = remember(name, at=visit.at) if is_remembered else None
    record(
        "sign_in.succeeded",
        actor=Actor(name.user_id, name.full_name, reseller_id=name.reseller_id, address=visit.address),
        at=visit.at,
        target_kind="user",
        target_id=name.user_id,
    )
    return SignedIn(token, session_id, name.user_id, name.kind, name.type, tuple(name.roles), device, kept)
