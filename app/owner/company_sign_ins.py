"""Settings → Company sign-in for the owner of a storefront: which companies use their own, and the switch (GO-14)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required
from app.accounts.company_sign_ins import count_companies, list_companies
from app.accounts.queries import get_account
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.identity.companies.queries import Company, is_allowed
from app.identity.companies.services import allow_companies, block_company
from app.owner.scopes import Rights, acting, frame_of, owner_of_request
from app.web.pages import page
from app.web.pagination import Page, requested_page
from app.web.surfaces import Surface

Added = tuple[str, str, tuple[str, ...], Callable[..., ResponseReturnValue]]


def company_sign_in_pages(blueprint: Blueprint, *, surface: Surface, rights: Rights) -> None:
    """Add the pages to a blueprint of the owner's scope."""
    for path, endpoint, methods, answer in PAGES:
        right = rights.view if endpoint == "index" else rights.edit
        view = functools.wraps(answer)(functools.partial(answer, surface))
        blueprint.add_url_rule(path, endpoint, permission_required(right)(view), methods=methods)


def show_list(surface: Surface) -> ResponseReturnValue:
    """Show the companies that have set something up, and the switch of all."""
    realm_id, wanted = owner_of_request().storefront_id, requested_page()
    found = list_companies(realm_id, limit=wanted.size, offset=wanted.offset)
    return page(
        "manage/company_sign_ins/index.html",
        title="Company sign-in",
        frame=frame_of(surface),
        found=Page(found, count_companies(realm_id), wanted.number, wanted.size),
        is_on=is_allowed(realm_id),
    )


def switch(surface: Surface) -> ResponseReturnValue:  # noqa: ARG001 - as all pages here
    """Let companies use their own sign-in, or none of them."""
    owner = owner_of_request()
    is_on = not is_allowed(owner.storefront_id)
    with unit_of_work():
        allow_companies(owner.storefront_id, is_on=is_on, reseller_id=owner.reseller_id, actor=acting(), at=utc_now())
    words = "may use their own sign-in." if is_on else "sign in with passwords. What they have set up stays."
    flash(f"Companies {words}", "success")
    return redirect(url_for(".index"), code=303)


def block(surface: Surface, account_id: UUID) -> ResponseReturnValue:  # noqa: ARG001 - as all pages here
    """Switch one company's own sign-in off."""
    return _block(account_id, is_blocked=True)


def unblock(surface: Surface, account_id: UUID) -> ResponseReturnValue:  # noqa: ARG001 - as all pages here
    """Let one company use its own sign-in again."""
    return _block(account_id, is_blocked=False)


def _block(account_id: UUID, *, is_blocked: bool) -> ResponseReturnValue:
    account = get_account(account_id)
    company = Company(owner_of_request().storefront_id, account.id)
    with unit_of_work():
        block_company(company, is_blocked=is_blocked, actor=acting(), at=utc_now())
    words = "signs in with passwords. Its administrators are told." if is_blocked else "may use its own sign-in."
    flash(f"{account.name} {words}", "success")
    return redirect(url_for(".index"), code=303)


PAGES: tuple[Added, ...] = (
    ("", "index", ("GET",), show_list),
    ("/switch", "switch", ("POST",), switch),
    ("/<uuid:account_id>/block", "block", ("POST",), block),
    ("/<uuid:account_id>/unblock", "unblock", ("POST",), unblock),
)
