"""All accounts of the distributor."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from flask import Response, url_for

from app.accounts.queries import ACCOUNT_PROPERTIES, AccountFilter, count_accounts, get_account, list_accounts
from app.accounts.services import create_account
from app.api.accounts.changing import change_account
from app.api.accounts.schemas import AccountOut, AccountPatch, NewAccountIn
from app.api.answers import answered
from app.api.blueprints import bss_bp as bp
from app.api.bodies import read_body
from app.api.callers import acting, needs
from app.api.lists import listed_by
from app.api.once import Made, once
from app.api.operations import answers, writes
from app.api.schemas import Listed
from app.core.clock import utc_now
from app.identity.api_clients.models import ApiScope

Accounts = Listed[AccountOut]


@bp.get("/accounts")
@needs(ApiScope.ACCOUNTS_READ)
@answers(Accounts, lists=ACCOUNT_PROPERTIES)
def accounts() -> Response:
    """List all accounts: direct customers, resellers, and their customers."""
    return listed_by(Accounts, AccountOut.of, ACCOUNT_PROPERTIES, list_accounts, count_accounts, AccountFilter())


@bp.get("/accounts/<uuid:account_id>")
@needs(ApiScope.ACCOUNTS_READ)
@answers(AccountOut, refuses=(HTTPStatus.NOT_FOUND,))
def account(account_id: UUID) -> Response:
    """Return one account."""
    return answered(AccountOut.of(get_account(account_id)))


@bp.post("/accounts")
@needs(ApiScope.ACCOUNTS_WRITE)
@writes(AccountOut, HTTPStatus.CREATED, body=NewAccountIn)
def open_account() -> Response:
    """Open an account for a direct customer."""
    new, at = read_body(NewAccountIn), utc_now()

    def make() -> Made:
        made = create_account(new.to_account(), actor=acting(), at=at)
        return Made(AccountOut.of(made), HTTPStatus.CREATED, url_for(".account", account_id=made.id))

    return once(new, make, at=at)


@bp.patch("/accounts/<uuid:account_id>")
@needs(ApiScope.ACCOUNTS_WRITE)
@writes(AccountOut, body=AccountPatch, refuses=(HTTPStatus.NOT_FOUND,))
def patch_account(account_id: UUID) -> Response:
    """Change what is known of an account, or whether it may order."""
    new, at = read_body(AccountPatch), utc_now()

    def make() -> Made:
        change_account(get_account(account_id), new, actor=acting(), at=at)
        return Made(AccountOut.of(get_account(account_id)))

    return once(new, make, at=at)
