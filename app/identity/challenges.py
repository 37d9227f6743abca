"""Between a right password and a session: a code, a new password, or an app to be set up (SF-12, SF-13, BC-02).

A challenge is a row named by the digest of a secret the browser holds. Ten minutes, five wrong codes; an exhausted one
counts as a wrong password, so that codes cannot be guessed behind a known password. Wrong codes are remembered for a day:
whoever starts anew after the fourth one goes on with the fifth.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select

from app.core.db import session
from app.core.secrets import digest, new_token
from app.identity.companies.queries import takes_password
from app.identity.entering import Challenged, SignedIn, Visit, enter
from app.identity.errors import ChallengeEnded, TooSoon
from app.identity.locking import count_wrong_try, forget_wrong_tries, lock_credential
from app.identity.models import Credential, SignInChallenge, SignInName, SignInStep, UserStatus
from app.identity.realms import open_realm
from app.identity.rules import first_step, last_step
from app.identity.second_factor import (
    code_digest,
    has_app,
    is_app_code,
    is_code,
    mail_sign_in_code,
    new_mail_code,
)
from tenants.context import current_scope

VALID_FOR = timedelta(minutes=10)
WRONG_CODES = 5
RESEND_AFTER = timedelta(seconds=60)
MOST_RESENDS = 3
REMEMBERED_FOR = timedelta(days=1)


def proceed(name: SignInName, credential: Credential, visit: Visit, *, is_remembered: bool) -> SignedIn | Challenged:
    """Let somebody in whose password was right, or ask for what is missing."""
    step = first_step(name, credential, visit.device, at=visit.at)
    if step is None:
        forget_wrong_tries(credential)
        return enter(name, visit, is_remembered=is_remembered)
    secret = new_token()
    with open_realm(name.realm_id):
        wrong_tries = _take_wrong_tries(name, at=visit.at)
        challenge = SignInChallenge(
            realm_id=name.realm_id,
            token_digest=digest(secret),
            sign_in_name_id=name.id,
            user_id=name.user_id,
            step=step,
            is_remembered=is_remembered,
            codes_sent=0,
            wrong_tries=wrong_tries,
            valid_until=visit.at + VALID_FOR,
            created_at=visit.at,
        )
        session.add(challenge)
        session.flush()
    if step is SignInStep.MAIL_CODE:
        _mail_code(challenge, name, at=visit.at)
    return Challenged(secret, step)


def _take_wrong_tries(name: SignInName, *, at: datetime) -> int:
    """End the person's earlier challenges in the realm; return how many wrong codes of a day count on in the next one.

    Those of an exhausted challenge do not: they have counted as a wrong password.
    """
    earlier = session.scalars(
        delete(SignInChallenge)
        .where(
            SignInChallenge.distributor_id == name.distributor_id,
            SignInChallenge.realm_id == name.realm_id,
            SignInChallenge.user_id == name.user_id,
        )
        .returning(SignInChallenge)
    ).all()
    counted = sum(
        each.wrong_tries for each in earlier if each.wrong_tries < WRONG_CODES and at - each.created_at < REMEMBERED_FOR
    )
    return min(counted, WRONG_CODES - 1)


def find_step(realm_id: UUID, token: str, *, at: datetime) -> SignInStep:
    """Return what a challenge asks for; raises ChallengeEnded."""
    return _lock(realm_id, token, at=at)[0].step


def name_of(realm_id: UUID, token: str, *, at: datetime) -> SignInName:
    """Return whose challenge it is, for the page that asks; raises ChallengeEnded."""
    return _lock(realm_id, token, at=at)[1]


def answer_code(realm_id: UUID, token: str, code: str, visit: Visit, *, trust: bool) -> SignedIn | Challenged | None:
    """Take a code of the app, of the mail, or a recovery code: a session, the next question, or None for a wrong one.

    Raises ChallengeEnded after five wrong ones. The caller commits in every case but that of another error.
    """
    challenge, name = _lock(realm_id, token, at=visit.at)
    if challenge.step is SignInStep.APP_CODE:
        is_right = is_app_code(name.credential_realm_id, name.user_id, code, at=visit.at)
    elif challenge.step is SignInStep.MAIL_CODE:
        is_right = is_code(challenge.code_digest, challenge.id, code)
    else:
        raise ChallengeEnded
    if not is_right:
        with open_realm(realm_id):
            challenge.wrong_tries += 1
            session.flush()
        if challenge.wrong_tries >= WRONG_CODES:
            count_wrong_try(_credential(name), name, realm_id, at=visit.at, address=visit.address)
        return None
    return _advance(challenge, name, token, visit, trust=trust)


def answer_set_up(realm_id: UUID, token: str, visit: Visit) -> SignedIn | Challenged:
    """Go on after the app was set up in the middle of a sign-in; raises ChallengeEnded where there is none."""
    challenge, name = _lock(realm_id, token, at=visit.at)
    if challenge.step is not SignInStep.SET_UP_APP or not has_app(name.credential_realm_id, name.user_id):
        raise ChallengeEnded
    return _advance(challenge, name, token, visit, trust=False)


def answer_new_password(realm_id: UUID, token: str, visit: Visit) -> SignedIn | Challenged:
    """Go on after the expired password was replaced; raises ChallengeEnded."""
    challenge, name = _lock(realm_id, token, at=visit.at)
    if challenge.step is not SignInStep.NEW_PASSWORD:
        raise ChallengeEnded
    return _advance(challenge, name, token, visit, trust=False)


def send_again(realm_id: UUID, token: str, *, at: datetime) -> None:
    """Mail another code: after a minute, three times at most. Raises TooSoon, ChallengeEnded."""
    challenge, name = _lock(realm_id, token, at=at)
    if challenge.step is not SignInStep.MAIL_CODE:
        raise ChallengeEnded
    sent_at = challenge.code_sent_at
    if challenge.codes_sent > MOST_RESENDS or (sent_at is not None and at - sent_at < RESEND_AFTER):
        raise TooSoon
    _mail_code(challenge, name, at=at)


def _advance(
    challenge: SignInChallenge, name: SignInName, token: str, visit: Visit, *, trust: bool
) -> SignedIn | Challenged:
    credential = _credential(name)
    following = None if challenge.step is SignInStep.NEW_PASSWORD else last_step(name, credential, at=visit.at)
    with open_realm(challenge.realm_id):
        if following is not None:
            challenge.step, challenge.code_digest = following, None
            challenge.valid_until = visit.at + VALID_FOR
            session.flush()
            return Challenged(token, following)
        session.delete(challenge)
        session.flush()
    forget_wrong_tries(credential)
    return enter(name, visit, is_remembered=challenge.is_remembered, trust=trust)


def _lock(realm_id: UUID, token: str, *, at: datetime) -> tuple[SignInChallenge, SignInName]:
    with open_realm(realm_id):
        challenge = session.scalar(
            select(SignInChallenge)
            .where(
                SignInChallenge.distributor_id == current_scope().distributor_id,
                SignInChallenge.realm_id == realm_id,
                SignInChallenge.token_digest == digest(token),
                SignInChallenge.valid_until > at,
                SignInChallenge.wrong_tries < WRONG_CODES,
            )
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        name = None if challenge is None else _person_of(challenge)
    if challenge is None or name is None or not takes_password(name):
        raise ChallengeEnded
    if _credential(name).is_locked(at):
        raise ChallengeEnded
    return challenge, name


def _person_of(challenge: SignInChallenge) -> SignInName | None:
    return session.scalar(
        select(SignInName).where(
            SignInName.distributor_id == challenge.distributor_id,
            SignInName.id == challenge.sign_in_name_id,
            SignInName.status == UserStatus.ACTIVE,
        )
    )


def _credential(name: SignInName) -> Credential:
    found = lock_credential(name)
    if found is None:
        raise ChallengeEnded
    return found


def _mail_code(challenge: SignInChallenge, name: SignInName, *, at: datetime) -> None:
    code = new_mail_code()
    with open_realm(challenge.realm_id):
        challenge.code_digest = code_digest(challenge.id, code)
        challenge.code_sent_at, challenge.codes_sent = at, challenge.codes_sent + 1
        session.flush()
    mail_sign_in_code(name, code, valid_for=VALID_FOR, at=at)
