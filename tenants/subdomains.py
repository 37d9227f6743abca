"""Whether a distributor's aliases answer as subdomains of its host too (decisions section 4)."""

from __future__ import annotations

from sqlalchemy import select

from app.core.db import session
from tenants.context import current_scope
from tenants.models import DIRECTORY_VERSION, Address, Distributor


def switch_alias_subdomains(*, is_on: bool) -> bool:
    """Let `{alias}.{host}` answer, or not; every process's address map follows. Returns whether anything changed.

    Needs the distributor's scope. DNS (a wildcard record) and the certificate are the distributor's own to arrange.
    """
    distributor = session.get_one(Distributor, current_scope().distributor_id)
    if distributor.has_alias_subdomains is is_on:
        return False
    distributor.has_alias_subdomains = is_on
    for address in session.scalars(
        select(Address).where(Address.distributor_id == distributor.id, Address.reseller_id.is_(None))
    ):
        address.version = session.scalar(select(DIRECTORY_VERSION.next_value())) or address.version
    session.flush()
    return True
