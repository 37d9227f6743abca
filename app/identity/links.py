"""Links that work once: activation, password reset, hop. Only the digest of a link's secret is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, update

from app.core.db import session
from app.core.secrets import digest, new_token
from app.identity.errors import LinkNoLongerValid
from app.identity.models import SignInName, SingleUseToken, TokenPurpose
from app.identity.realms import Person, open_realm
from tenants.context import current_scope

LIFETIMES = {
    TokenPurpose.ACTIVATION: timedelta(hours=72),
    TokenPurpose.RESET: timedelta(minutes=60),
    TokenPurpose.HOP: timedelta(seconds=60),
}


@dataclass(frozen=True, slots=True)
class NewLink:
    """The secret of a link, known only now, and when it ends."""

    token: str
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class LinkHolder:
    """Whose link it is, with what the link carries."""

    token_id: UUID
    user_id: UUID
    name: SignInName
    is_valid: bool
    acting_account_id: UUID | None

    @property
    def person(self) -> Person:
        """Whose rows the holder may see once signed in."""
        return Person(self.name.kind, self.name.reseller_id, self.name.account_id)


def make_link(
    purpose: TokenPurpose, realm_id: UUID, user_id: UUID, *, at: datetime, acting_account_id: UUID | None = None
) -> NewLink:
    """Make a link of a realm and end the user's earlier ones of the same purpose."""
    token = new_token()
    valid_until = at + LIFETIMES[purpose]
    with open_realm(realm_id):
        end_links(realm_id, user_id, purpose, at=at)
        session.add(
            SingleUseToken(
                realm_id=realm_id,
                purpose=purpose,
                token_digest=digest(token),
                user_id=user_id,
                acting_account_id=acting_account_id,
                valid_until=valid_until,
                created_at=at,
            )
        )
    return NewLink(token, valid_until)


def end_links(realm_id: UUID, user_id: UUID, purpose: TokenPurpose, *, at: datetime) -> None:
    """Make the user's unused links of a purpose useless."""
    with open_realm(realm_id):
        session.execute(
            update(SingleUseToken)
            .where(
                SingleUseToken.distributor_id == current_scope().distributor_id,
                SingleUseToken.realm_id == realm_id,
                SingleUseToken.user_id == user_id,
                SingleUseToken.purpose == purpose,
                SingleUseToken.used_at.is_(None),
            )
            .values(used_at=at)
        )


def count_links(realm_id: UUID, user_id: UUID, purpose: TokenPurpose, *, since: datetime) -> int:
    """Return how many links of a purpose a user was sent since an instant."""
    with open_realm(realm_id):
        found = session.scalar(
            select(func.count())
            .select_from(SingleUseToken)
            .where(
                SingleUseToken.distributor_id == current_scope().distributor_id,
                SingleUseToken.realm_id == realm_id,
                SingleUseToken.user_id == user_id,
                SingleUseToken.purpose == purpose,
                SingleUseToken.created_at > since,
            )
        )
    return found or 0


def find_holder(purpose: TokenPurpose, realm_id: UUID, token: str, *, at: datetime) -> LinkHolder | None:
    """Return whose link it is, whether or not it still works; None for a secret that never was."""
    with open_realm(realm_id):
        row = session.execute(
            select(SingleUseToken, SignInName)
            .join(
                SignInName,
                (SignInName.distributor_id == SingleUseToken.distributor_id)
                & (SignInName.realm_id == SingleUseToken.realm_id)
                & (SignInName.user_id == SingleUseToken.user_id),
            )
            .where(
                SingleUseToken.distributor_id == current_scope().distributor_id,
                SingleUseToken.realm_id == realm_id,
                SingleUseToken.token_digest == digest(token),
                SingleUseToken.purpose == purpose,
            )
        ).one_or_none()
    if row is None:
        return None
    found, name = row
    is_valid = found.used_at is None and found.valid_until > at
    return LinkHolder(found.id, found.user_id, name, is_valid, found.acting_account_id)


def get_holder(purpose: TokenPurpose, realm_id: UUID, token: str, *, at: datetime) -> LinkHolder:
    """Return whose link it is; raises LinkNoLongerValid unless it works right now."""
    holder = find_holder(purpose, realm_id, token, at=at)
    if holder is None or not holder.is_valid:
        raise LinkNoLongerValid
    return holder


def use_link(purpose: TokenPurpose, realm_id: UUID, token: str, *, at: datetime) -> LinkHolder:
    """Spend a link; of two at once only one wins. Raises LinkNoLongerValid."""
    holder = get_holder(purpose, realm_id, token, at=at)
    with open_realm(realm_id):
        spent = session.execute(
            update(SingleUseToken)
            .where(
                SingleUseToken.distributor_id == current_scope().distributor_id,
                SingleUseToken.id == holder.token_id,
                SingleUseToken.used_at.is_(None),
            )
            .values(used_at=at)
            .returning(SingleUseToken.id)
        ).one_or_none()
    if spent is None:
        raise LinkNoLongerValid
    return holder
