"""A plan opens a storefront, once, and switches keep it (RS-09, RS-10)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from app.accounts.queries import list_customers
from app.audit.models import AuditEvent
from app.audit.services import SYSTEM
from app.catalogue.models import BillingCycle, Product, Term
from app.core.db import BoundSession
from app.core.ids import new_id
from app.identity.models import SignInName, User, UserStatus
from app.notifications.models import OutboundMail
from app.notifications.services import MailTemplate
from app.pricing.models import MarkupLevel, MarkupRule
from app.resellers.aliases import hold_alias
from app.resellers.errors import AliasLost, PlanNotLive
from app.resellers.plans import Edition
from app.resellers.storefronts import SwitchedPlan, find_storefront, open_storefront, set_state, switch_plan
from app.subscriptions.models import Subscription, SubscriptionStatus, SyncStatus
from tenants.context import scope
from tenants.models import Address, AddressState, StorefrontState
from tenants.settings import storefront_settings
from tests.domain.resellers.conftest import live_plan_of, plan_item, subscription_of
from tests.factories.world import MONDAY_NOON, World


@pytest.fixture
def bought(world: World, plans: Sequence[Product]) -> Subscription:
    """Basic Resale has bought Free with the alias sunrise; its storefront is not open yet."""
    with scope(world.scope):
        item = plan_item(world.basic, plans[0], "sunrise", placed_by_id=world.bss_user.id)
        hold_alias(item.id, "sunrise", reseller_id=world.basic.id, at=MONDAY_NOON)
        return subscription_of(item, plans[0])


def mails(session: BoundSession, template: MailTemplate) -> list[OutboundMail]:
    return list(session.scalars(select(OutboundMail).where(OutboundMail.template == template.value)).all())


def test_a_plan_opens_the_storefront_under_its_alias(world: World, bought: Subscription, session: BoundSession) -> None:
    """RS-F9 (partly), RS-F13 (partly): the plan's storefront is live, its alias answers, its subscription is Active."""
    with scope(world.scope):
        storefront = open_storefront(bought.id, at=MONDAY_NOON)
        address = session.scalars(select(Address).where(Address.alias == "sunrise")).one()

    assert (storefront.state, storefront.edition) == (StorefrontState.LIVE, "free")
    assert (address.state, address.storefront_id, address.held_until) == (AddressState.LIVE, storefront.id, None)
    assert (bought.status, bought.sync_status) == (SubscriptionStatus.ACTIVE, SyncStatus.SYNCHRONISED)
    assert (world.basic.account.edition, world.basic.account.storefront_since) == ("free", MONDAY_NOON)


def test_the_storefront_starts_with_the_resellers_name_and_zone(world: World, bought: Subscription) -> None:
    with scope(world.scope):
        storefront = open_storefront(bought.id, at=MONDAY_NOON)
    with scope(world.basic.scope):
        settings = storefront_settings(storefront.id)

    assert (settings.company_name, settings.time_zone) == ("Basic Resale", "Europe/Athens")
    assert settings.contact_email == world.basic.account.email


def test_the_resellers_people_are_admitted_to_its_realm(
    world: World, bought: Subscription, session: BoundSession
) -> None:
    with scope(world.scope):
        storefront = open_storefront(bought.id, at=MONDAY_NOON)
    with scope(world.scope.in_realm(storefront.id)):
        names = session.scalars(select(SignInName)).all()

    assert [(name.user_id, name.credential_realm_id) for name in names] == [(world.basic.admin.id, world.root.id)]


def test_customers_made_before_the_upgrade_are_there(world: World, bought: Subscription) -> None:
    """RS-F3 (partly): a customer of a Basic reseller is in My Customers right after the upgrade."""
    with scope(world.scope):
        open_storefront(bought.id, at=MONDAY_NOON)
    with scope(world.basic.scope):
        found = [customer.name for customer in list_customers(world.basic.id)]

    assert found == ["Basic Customer 1"]


def test_the_primary_contact_is_welcomed_with_the_address(
    world: World, bought: Subscription, session: BoundSession
) -> None:
    """RS-F24 (partly): the welcome mail goes to the primary contact and contains the storefront's URL."""
    with scope(world.scope):
        open_storefront(bought.id, at=MONDAY_NOON)
        sent = mails(session, MailTemplate.STOREFRONT_WELCOME)

    assert [mail.to_email for mail in sent] == [world.basic.admin.email]
    assert sent[0].sender_reseller_id is None
    assert sent[0].fields["storefront_url"].endswith("://cloud.nordwind.example/sunrise/")
    assert sent[0].fields["contact_first_name"] == "Rhea"


def test_without_a_primary_contact_all_admins_are_welcomed(
    world: World, bought: Subscription, session: BoundSession
) -> None:
    with scope(world.scope):
        session.get_one(User, (world.id, world.basic.admin.id)).is_primary_contact = False
        session.flush()
        open_storefront(bought.id, at=MONDAY_NOON)
        sent = mails(session, MailTemplate.STOREFRONT_WELCOME)

    assert [mail.to_email for mail in sent] == [world.basic.admin.email]


def test_with_nobody_to_write_to_the_plan_opens_and_the_operator_is_warned(
    world: World, bought: Subscription, session: BoundSession
) -> None:
    with scope(world.scope):
        session.get_one(User, (world.id, world.basic.admin.id)).status = UserStatus.INACTIVE
        session.flush()
        storefront = open_storefront(bought.id, at=MONDAY_NOON)
        warned = session.scalars(
            select(AuditEvent.target_id).where(AuditEvent.action == "mail.nobody_to_write_to")
        ).all()
        sent = mails(session, MailTemplate.STOREFRONT_WELCOME)

    assert (storefront.state, sent, warned) == (StorefrontState.LIVE, [], [world.basic.id])


def test_opening_twice_creates_nothing_twice(world: World, bought: Subscription, session: BoundSession) -> None:
    with scope(world.scope):
        first = open_storefront(bought.id, at=MONDAY_NOON)
        second = open_storefront(bought.id, at=MONDAY_NOON)
        addresses = session.scalar(select(func.count()).select_from(Address).where(Address.storefront_id == first.id))
        sent = mails(session, MailTemplate.STOREFRONT_WELCOME)

    assert (first.id, addresses, len(sent)) == (second.id, 1, 1)


def test_without_its_alias_nothing_is_opened(world: World, plans: Sequence[Product], session: BoundSession) -> None:
    with scope(world.scope):
        item = plan_item(world.basic, plans[0], "sunrise", placed_by_id=world.bss_user.id)
        subscription = subscription_of(item, plans[0])
        with session.begin_nested(), pytest.raises(AliasLost):
            open_storefront(subscription.id, at=MONDAY_NOON)

    assert subscription.status is SubscriptionStatus.PENDING_ACTIVATION
    assert world.basic.account.edition == "basic"


def test_a_canceled_plan_opens_nothing(world: World, bought: Subscription) -> None:
    with scope(world.scope):
        bought.status = SubscriptionStatus.CANCELED
        with pytest.raises(PlanNotLive):
            open_storefront(bought.id, at=MONDAY_NOON)
        assert find_storefront(world.basic.id) is None


def test_upgrading_keeps_alias_markups_and_users(world: World, plans: Sequence[Product], session: BoundSession) -> None:
    """RS-F27: Free to Standard keeps alias, markups and users."""
    free, standard = plans
    with scope(world.cloudia.scope):
        session.add(
            MarkupRule(
                reseller_id=world.cloudia.id, level=MarkupLevel.DEFAULT, percent=Decimal(15), created_at=MONDAY_NOON
            )
        )
        session.flush()
    with scope(world.scope):
        subscription = live_plan_of(world.cloudia, free)
        switched = SwitchedPlan(
            Edition.STANDARD, standard.id, standard.name, Term.P1Y, BillingCycle.ANNUAL, Decimal(490), None, "cost",
            date(2026, 3, 2),
        )  # fmt: skip
        switch_plan(subscription.id, switched, actor=SYSTEM, at=MONDAY_NOON)
        switch_plan(subscription.id, switched, actor=SYSTEM, at=MONDAY_NOON)
        storefront = find_storefront(world.cloudia.id)
        aliases = session.scalars(select(Address.alias).where(Address.reseller_id == world.cloudia.id)).all()
        sent = mails(session, MailTemplate.PLAN_CHANGED)
    assert storefront is not None
    assert world.cloudia.storefront is not None
    with scope(world.cloudia.scope):
        markups = session.scalars(select(MarkupRule.percent)).all()
    with scope(world.scope.in_realm(storefront.id)):
        people = set(session.scalars(select(SignInName.user_id)).all())

    assert (storefront.id, storefront.edition, storefront.state) == (
        world.cloudia.storefront.id,
        "standard",
        StorefrontState.LIVE,
    )
    assert (aliases, markups) == (["cloudia"], [Decimal(15)])
    assert people == {world.cloudia.admin.id, world.cloudia.buyers[0].id}
    assert (subscription.plan_edition, subscription.product_id, world.cloudia.account.edition) == (
        "standard",
        standard.id,
        "standard",
    )
    assert [(mail.fields["plan_from"], mail.fields["plan_to"]) for mail in sent] == [("Free", "Standard")]


def test_a_storefront_goes_only_where_its_state_leads(world: World) -> None:
    with scope(world.scope):
        storefront = find_storefront(world.tech.id)
        assert storefront is not None
        with pytest.raises(ValueError, match="does not go from live to purged"):
            set_state(storefront, StorefrontState.PURGED, actor=SYSTEM, at=MONDAY_NOON)
        set_state(storefront, StorefrontState.CLOSED, actor=SYSTEM, at=MONDAY_NOON)

    assert storefront.state is StorefrontState.CLOSED


def test_a_reseller_that_comes_back_gets_its_old_alias_again(
    world: World, plans: Sequence[Product], session: BoundSession
) -> None:
    with scope(world.scope):
        storefront = find_storefront(world.cloudia.id)
        assert storefront is not None
        set_state(storefront, StorefrontState.CLOSED, actor=SYSTEM, at=MONDAY_NOON)
        session.scalars(select(Address).where(Address.alias == "cloudia")).one().state = AddressState.RETAINED
        session.flush()
        item = plan_item(world.cloudia, plans[1], "cloudia", placed_by_id=world.bss_user.id)
        hold_alias(item.id, "cloudia", reseller_id=world.cloudia.id, at=MONDAY_NOON)
        again = open_storefront(subscription_of(item, plans[1]).id, at=MONDAY_NOON)
        states = session.scalars(select(Address.state).where(Address.alias == "cloudia")).all()

    assert (again.id, again.state, again.edition) == (storefront.id, StorefrontState.LIVE, "standard")
    assert states == [AddressState.LIVE]


def test_a_hold_of_somebody_else_is_never_opened(world: World, bought: Subscription, session: BoundSession) -> None:
    with scope(world.scope):
        session.scalars(select(Address).where(Address.alias == "sunrise")).one().held_for_item_id = new_id()
        session.flush()
        with session.begin_nested(), pytest.raises(AliasLost):
            open_storefront(bought.id, at=MONDAY_NOON)
        state = session.scalars(select(Address.state).where(Address.alias == "sunrise")).one()

    assert state is AddressState.HELD
