"""The storefront's own customers: nobody else's, and not its owner."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from flask import Response, url_for

from app.access import current_address
from app.accounts.models import Account
from app.accounts.queries import (
    CUSTOMER_PROPERTIES,
    AccountFilter,
    AccountKind,
    count_accounts,
    list_accounts,
)
from app.accounts.services import create_account, create_end_customer
from app.api.accounts.changing import change_account
from app.api.accounts.schemas import CustomerOut, CustomerPatch, NewCustomerIn
from app.api.answers import answered
from app.api.blueprints import storefront_bp as bp
from app.api.bodies import read_body
from app.api.buyers import customer_here
from app.api.callers import acting, needs
from app.api.lists import listed_by
from app.api.once import Made, once
from app.api.operations import answers, writes
from app.api.schemas import Listed
from app.core.clock import utc_now
from app.identity.api_clients.models import ApiScope
from app.pricing.buyers import root_visitor
from tenants.days import distributors_day

Customers = Listed[CustomerOut]


@bp.get("/customers")
@needs(ApiScope.ACCOUNTS_READ)
@answers(Customers, lists=CUSTOMER_PROPERTIES)
def customers() -> Response:
    """List the storefront's customers."""
    reseller_id = current_address().reseller_id
    wanted = AccountFilter(reseller_id=reseller_id, kind=None if reseller_id else AccountKind.DIRECT)
    return listed_by(Customers, CustomerOut.of, CUSTOMER_PROPERTIES, list_accounts, count_accounts, wanted)


@bp.get("/customers/<uuid:customer_id>")
@needs(ApiScope.ACCOUNTS_READ)
@answers(CustomerOut, refuses=(HTTPStatus.NOT_FOUND,))
def customer(customer_id: UUID) -> Response:
    """Return one customer of the storefront."""
    return answered(CustomerOut.of(customer_here(customer_id)))


@bp.post("/customers")
@needs(ApiScope.ACCOUNTS_WRITE)
@writes(CustomerOut, HTTPStatus.CREATED, body=NewCustomerIn)
def create_customer() -> Response:
    """Open an account for a customer of the storefront."""
    new, at = read_body(NewCustomerIn), utc_now()

    def make() -> Made:
        made = _opened(new)
        return Made(CustomerOut.of(made), HTTPStatus.CREATED, url_for(".customer", customer_id=made.id))

    def _opened(new: NewCustomerIn) -> Account:
        reseller_id = current_address().reseller_id
        if reseller_id is not None:
            return create_end_customer(reseller_id, new.to_customer(), actor=acting(), at=at)
        return create_account(new.to_account(root_visitor(distributors_day(at)).currency), actor=acting(), at=at)

    return once(new, make, at=at)


@bp.patch("/customers/<uuid:customer_id>")
@needs(ApiScope.ACCOUNTS_WRITE)
@writes(CustomerOut, body=CustomerPatch, refuses=(HTTPStatus.NOT_FOUND,))
def patch_customer(customer_id: UUID) -> Response:
    """Change what is known of a customer, or whether its orders wait for approval."""
    new, at = read_body(CustomerPatch), utc_now()

    def make() -> Made:
        change_account(customer_here(customer_id), new, actor=acting(), at=at)
        return Made(CustomerOut.of(customer_here(customer_id)))

    return once(new, make, at=at)
