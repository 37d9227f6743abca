"""The back office's list of subscriptions: wholesale side only."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from http import HTTPStatus

from app.accounts.models import Account
from app.catalogue.models import BillingCycle, Term
from app.core.db import BoundSession
from app.core.ids import new_id
from app.subscriptions.models import Subscription, SubscriptionCost, SubscriptionStatus
from tenants.context import distributor_scope, scope
from tests.factories.world import MONDAY_NOON, World
from tests.web.conftest import SignIn


def add(session: BoundSession, world: World, account: Account, code: str, name: str) -> None:
    with scope(distributor_scope(world.id)):
        subscription = Subscription(
            id=new_id(),
            reseller_id=account.reseller_id,
            account_id=account.id,
            code=code,
            payer_id=account.reseller_id or account.id,
            product_id=world.seats.id,
            friendly_name=name,
            quantity=10,
            term=Term.P1M,
            cycle=BillingCycle.MONTHLY,
            unit_price=Decimal("77.77"),  # the sell price: nobody here may see it
            currency="EUR",
            status=SubscriptionStatus.ACTIVE,
            starts_on=date(2026, 3, 2),
            created_at=MONDAY_NOON,
        )
        session.add(subscription)
        session.flush()
        session.add(
            SubscriptionCost(
                reseller_id=account.reseller_id,
                account_id=account.reseller_id or account.id,
                subscription_id=subscription.id,
                unit_cost=Decimal("10.1234"),
                currency="EUR",
                rule="cost",
            )
        )
        session.commit()


def test_the_list_shows_what_payers_pay_and_no_sell_price(sign_in: SignIn, world: World, session: BoundSession) -> None:
    """Decisions section 8: BSS shows the wholesale side only, in the page and in its export."""
    add(session, world, world.tech.customers[0], "SUB-T00001", "Office mail")
    add(session, world, world.direct, "SUB-T00002", "Own mail")
    bss = sign_in(world.bss_user)

    page = bss.get("/bss/subscriptions")
    csv = bss.get("/bss/subscriptions?export=csv").text

    assert page.status_code == HTTPStatus.OK
    for text in (page.text, csv):
        assert "10.1234" in text
        assert "77.77" not in text
        assert "Tech Solutions" in text  # who pays
    narrowed = bss.get("/bss/subscriptions?q=own+mail").text
    assert "SUB-T00002" in narrowed
    assert "SUB-T00001" not in narrowed
    assert "SUB-T00001" not in bss.get("/bss/subscriptions?status=canceled").text


def test_only_back_office_people_open_it(sign_in: SignIn, world: World) -> None:
    """BC-04: storefront users have no back office."""
    assert sign_in(world.direct_buyer).get("/bss/subscriptions").status_code == HTTPStatus.SEE_OTHER
