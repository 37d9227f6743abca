from __future__ import annotations

from http import HTTPStatus

from app.identity.models import UserStatus
from app.identity.permission_rules.models import RuledKind
from app.identity.permissions import BSS_WITHOUT_SETUP, Permission
from app.identity.services import deactivate_user
from tenants.context import scope
from tests.domain.identity.conftest import OPERATOR
from tests.factories.world import MONDAY_NOON
from tests.web.conftest import signed_in_browser
from tests.web.permission_rules.conftest import hidden
from tests.web.roles.conftest import make_role

__all__ = ["hidden"]


def test_who_may_not_see_invoices_sees_none_in_menu_search_and_account(client, world, sign_in, hire, hidden) -> None:
    """BC-F10: no invoice menu, search hit, tab or history; no page answers. By API: tests/web/api/test_rights.py."""
    without = make_role(world, "No papers", *(BSS_WITHOUT_SETUP - {Permission.BSS_OPEN, Permission.BSS_BILLING_VIEW}))
    with_it = make_role(world, "Papers", *(BSS_WITHOUT_SETUP - {Permission.BSS_OPEN}))
    account = world.direct.id

    def places(role: str) -> list[bool]:
        sign_in(hire(role))
        home = client.get("/bss/accounts").text
        tabs = client.get(f"/bss/accounts/{account}").text
        return [
            'href="/bss/invoices"' in home,
            f'href="/bss/accounts/{account}/billing"' in tabs,
            'href="/bss/invoices/INV-VERBORGEN"' in client.get("/bss/search?q=VERBORGEN").text,
            client.get(f"/bss/invoices/{hidden.quoted[RuledKind.INVOICE]}").status_code == HTTPStatus.OK,
            client.get("/bss/invoices").status_code == HTTPStatus.OK,
            client.get("/bss/invoices?format=csv").status_code == HTTPStatus.OK,
            client.get(f"/bss/accounts/{account}/billing").status_code == HTTPStatus.OK,
        ]

    assert places(with_it) == [True] * 7
    assert places(without) == [False] * 7


def test_a_disabled_colleague_is_out_with_the_next_request(client, world, sign_in, hire) -> None:
    """BC-F8: Disabling a user ends their open session on the next request."""
    clerk = hire("sales")
    signed_in_browser(client, world, clerk)
    before = client.get("/bss/orders").status_code
    with scope(world.scope):
        gone = deactivate_user(clerk.id, actor=OPERATOR, at=MONDAY_NOON).status

    after = client.get("/bss/orders")

    assert (before, gone) == (HTTPStatus.OK, UserStatus.INACTIVE)
    assert (after.status_code, "/bss/login" in after.headers["Location"]) == (HTTPStatus.SEE_OTHER, True)
