from __future__ import annotations

from http import HTTPStatus

from app.identity.models import UserStatus
from app.identity.permissions import BSS_WITHOUT_SETUP, Permission
from app.identity.services import deactivate_user
from tenants.context import scope
from tests.domain.identity.conftest import OPERATOR
from tests.factories.world import MONDAY_NOON
from tests.web.conftest import signed_in_browser
from tests.web.roles.conftest import make_role


def test_who_may_not_see_invoices_sees_none_in_menu_search_and_account(client, world, sign_in, hire) -> None:
    """BC-F10 (partly): without invoices.view there is no invoice menu, search hit or account tab, and no page answers."""
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
            client.get("/bss/invoices").status_code == HTTPStatus.OK,
            client.get("/bss/invoices?format=csv").status_code == HTTPStatus.OK,
            client.get(f"/bss/accounts/{account}/billing").status_code == HTTPStatus.OK,
        ]

    assert places(with_it) == [True] * 5
    assert places(without) == [False] * 5


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
