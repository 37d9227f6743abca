"""Who sees what in the demo's back office, and a customer company that brings its own identity provider."""

from __future__ import annotations

from app.core.clock import utc_now
from app.core.db import session, unit_of_work
from app.identity.companies.domains import add_domain
from app.identity.companies.queries import Company
from app.identity.permission_rules.models import RecordAccess, RuledKind
from app.identity.permission_rules.records import set_rule
from app.identity.permission_rules.services import Holder, RuleDetails, create_rule
from app.identity.providers.services import ProviderDetails, save_oidc_provider
from app.seed.companies import actor_of
from app.seed.stage import Stage
from tenants.context import direct_customer_scope, scope

KEY_ACCOUNTS = "Key accounts"


def lay_down_access(stage: Stage) -> None:
    """Keep the direct customer to the people of its rule, and let it prepare a sign-in of its own."""
    _keep_key_accounts(stage)
    _prepare_company_sign_in(stage)


def _keep_key_accounts(stage: Stage) -> None:
    """Staff but the read-only one may open it; who reads only sees all other accounts."""
    at, kinds = utc_now(), frozenset({RuledKind.ACCOUNT})
    grants = tuple(
        (Holder(user_id=stage.users[person.email]), RecordAccess.EDIT)
        for person, role in stage.cast.staff
        if role not in ("administrator", "read_only")
    )
    if not grants:
        return
    with scope(stage.scope), unit_of_work():
        rule = create_rule(RuleDetails(KEY_ACCOUNTS, kinds, grants), actor=stage.manager, at=at)
        account_id = stage.accounts[stage.cast.direct.name]
        set_rule(RuledKind.ACCOUNT, [account_id], rule.id, actor=stage.manager, at=at)


def _prepare_company_sign_in(stage: Stage) -> None:
    """A provider that nobody has tested yet, and a domain whose record is still to be found."""
    direct = stage.cast.direct
    account_id = stage.accounts[direct.name]
    company, at = Company(stage.root_id, account_id), utc_now()
    domain = direct.person.email.partition("@")[2]
    with scope(direct_customer_scope(stage.distributor_id, account_id)):
        actor = actor_of(stage, direct.person)
        session.rollback()
        with unit_of_work():
            add_domain(company, domain, actor=actor, at=at)
            details = ProviderDetails(
                name=f"{direct.name} login", issuer=f"https://login.{domain}", client_id="galleria",
                client_secret="set-at-the-provider",  # noqa: S106 - of a provider that is made up
            )  # fmt: skip
            save_oidc_provider(stage.root_id, None, details, account_id=account_id, actor=actor, at=at)
