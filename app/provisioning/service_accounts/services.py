"""Keeping what buyers may read of service managers in step with the distributor's own rows. Needs its scope."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from app.accounts.models import Account
from app.core.db import session
from app.core.ids import new_id
from app.provisioning.models import ServiceManager
from app.provisioning.service_accounts.models import ServiceAccount, ServiceQuestions
from tenants.context import current_scope


def publish_questions(manager: ServiceManager) -> None:
    """Let storefronts read what a service manager asks of accounts; nothing where it asks nothing, or is switched off."""
    found = session.scalar(
        select(ServiceQuestions).where(
            ServiceQuestions.distributor_id == current_scope().distributor_id,
            ServiceQuestions.service_manager_id == manager.id,
        )
    )
    asks = bool(manager.account_options) or bool(manager.accepts_existing_accounts)
    if not (manager.is_active and manager.synchronises_accounts and asks):
        if found is not None:
            session.delete(found)
        return
    if found is None:
        found = ServiceQuestions(service_manager_id=manager.id)
        session.add(found)
    found.options, found.accepts_existing = list(manager.account_options), bool(manager.accepts_existing_accounts)


def mark_told(manager_id: UUID, account_id: UUID) -> None:
    """Remember that nobody has to be asked about an account any more."""
    account = session.get_one(Account, (current_scope().distributor_id, account_id))
    session.execute(
        insert(ServiceAccount)
        .values(
            distributor_id=account.distributor_id,
            id=new_id(),
            reseller_id=account.reseller_id,
            account_id=account_id,
            service_manager_id=manager_id,
        )
        .on_conflict_do_nothing()
    )


def ask_again(manager_id: UUID, account_id: UUID) -> None:
    """Ask at the next order again: the vendor does not take what was told."""
    session.execute(
        delete(ServiceAccount)
        .where(
            ServiceAccount.distributor_id == current_scope().distributor_id,
            ServiceAccount.service_manager_id == manager_id,
            ServiceAccount.account_id == account_id,
        )
        .execution_options(synchronize_session="fetch")
    )
