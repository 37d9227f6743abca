"""What somebody shows once before an identity with their address opens the door: their password, or a mailed code (SF-14).

A code where a password would be of no use: passwords are off, for all or for their company, or they have none. It holds
for ten minutes, goes out again after one (three times), and five wrong ones end the trip. Wrong codes of one person add
up for a day, over all trips: who can make a provider name somebody's address does not guess the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from app.core.db import session
from app.identity.errors import TooSoon
from app.identity.models import SignInName
from app.identity.providers.identities import SsoFailed
from app.identity.providers.models import IdentityProvider, SsoRequest
from app.identity.providers.queries import is_password_of_use
from app.identity.providers.trips import WITH_CODES_KEPT_FOR
from app.identity.realms import open_realm
from app.identity.recovery import has_password
from app.identity.second_factor import code_digest, is_code, mail_sign_in_code, new_mail_code

WRONG_PROOFS = 5  # of one trip
WRONG_CODES_A_DAY = 10  # of one person
CODE_VALID_FOR = timedelta(minutes=10)
RESEND_AFTER = timedelta(seconds=60)
MOST_RESENDS = 3


@dataclass(frozen=True, slots=True)
class ProofNeeded:
    """The address is somebody's: something is asked for once, then the identity opens the door alone."""

    email: str
    provider_name: str
    is_code: bool  # that was mailed; else the password


def ask_for_proof(trip: SsoRequest, provider: IdentityProvider, name: SignInName, *, at: datetime) -> ProofNeeded:
    """Note whose proof a trip waits for, and mail the code where a password would be of no use; raises SsoFailed.

    Once: who comes back to a trip that waits already is asked for the same.
    """
    if trip.user_id == name.user_id:
        return proof_needed(trip, provider)
    with open_realm(trip.realm_id):
        trip.user_id = name.user_id
        session.flush()
    if not (is_password_of_use(name) and has_password(name)):
        _mail_code(trip, name, at=at)
    return proof_needed(trip, provider)


def proof_needed(trip: SsoRequest, provider: IdentityProvider) -> ProofNeeded:
    """Return what a trip waits for; raises SsoFailed where that is nothing, or was wrong too often."""
    if trip.user_id is None or trip.wrong_tries >= WRONG_PROOFS:
        raise SsoFailed("no proof was asked for")
    return ProofNeeded(trip.email or "", provider.name, trip.code_digest is not None)


def count_wrong_proof(trip: SsoRequest) -> None:
    """Note a wrong password or code."""
    with open_realm(trip.realm_id):
        trip.wrong_tries += 1
        session.flush()


def is_code_of(trip: SsoRequest, name: SignInName, code: str, *, at: datetime) -> bool:
    """Whether it is the code that was mailed last; raises SsoFailed where the person's codes were wrong too often."""
    _require_codes_left(trip, name, at=at)
    return is_code(trip.code_digest, trip.id, code)


def mail_code_again(trip: SsoRequest, name: SignInName, *, at: datetime) -> None:
    """Mail another code, the only one that counts from now on. Raises TooSoon, SsoFailed."""
    if trip.code_sent_at is None or trip.code_digest is None:
        raise SsoFailed("no code was asked for")
    if trip.codes_sent > MOST_RESENDS or at - trip.code_sent_at < RESEND_AFTER:
        raise TooSoon
    _mail_code(trip, name, at=at)


def _mail_code(trip: SsoRequest, name: SignInName, *, at: datetime) -> None:
    _require_codes_left(trip, name, at=at)
    code = new_mail_code()
    with open_realm(trip.realm_id):
        trip.code_digest = code_digest(trip.id, code)
        trip.code_sent_at, trip.codes_sent = at, trip.codes_sent + 1
        trip.valid_until = at + CODE_VALID_FOR
        session.flush()
    mail_sign_in_code(name, code, valid_for=CODE_VALID_FOR, at=at)


def _require_codes_left(trip: SsoRequest, name: SignInName, *, at: datetime) -> None:
    """Raise SsoFailed for somebody whose codes were wrong too often today; trips of one person wait for each other."""
    with open_realm(trip.realm_id):
        session.execute(
            select(SignInName.id)
            .where(SignInName.distributor_id == name.distributor_id, SignInName.id == name.id)
            .with_for_update()
        )
        wrong = session.scalar(
            select(func.sum(SsoRequest.wrong_tries)).where(
                SsoRequest.distributor_id == trip.distributor_id,
                SsoRequest.realm_id == trip.realm_id,
                SsoRequest.user_id == name.user_id,
                SsoRequest.codes_sent > 0,
                SsoRequest.created_at > at - WITH_CODES_KEPT_FOR,
            )
        )
    if (wrong or 0) >= WRONG_CODES_A_DAY:
        raise SsoFailed("codes were wrong too often today")
