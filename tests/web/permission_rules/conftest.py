"""A customer with one record of every kind, all under names that would be noticed, and people whom rules let in or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import update

from app.accounts.models import Account
from app.audit.services import SYSTEM, Actor, record
from app.billing.models import Invoice, InvoiceLine
from app.core.clock import utc_now
from app.core.db import BoundSession, unit_of_work
from app.core.ids import new_id
from app.identity.models import User
from app.identity.permission_rules.models import RecordAccess, RuledKind
from app.identity.permission_rules.records import set_rule
from app.identity.permission_rules.services import Holder, RuleDetails, create_rule
from app.identity.permissions import BSS, Permission
from app.orders.models import Order
from app.orders.offers.models import Offer
from app.provisioning.models import ProvisioningTask, TaskKind, TaskStatus
from app.subscriptions.models import Asset, Subscription
from tenants.context import scope
from tests.factories.execution import Wanted, make_order
from tests.factories.subscriptions import make_running
from tests.factories.world import MONDAY, MONDAY_NOON, World
from tests.web.roles.conftest import Hire, hire, make_role

__all__ = ["hire"]

CANARY = "Verborgen"
ALL_BUT_RECORDS = BSS - {Permission.BSS_OPEN, Permission.BSS_RECORDS_ALL}


@dataclass
class Hidden:
    """What a customer has: addresses' ids and texts by kind, and the words that would betray it."""

    account: Account
    ids: dict[RuledKind, UUID] = field(default_factory=dict)
    quoted: dict[RuledKind, str] = field(default_factory=dict)
    task_id: UUID | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """Texts that stand on no page of somebody who does not see the customer."""
        return (CANARY, str(self.account.id), *self.quoted.values())


OPERATOR = Actor(None, "Operator")


def grant(person: User, access: RecordAccess = RecordAccess.READ) -> tuple[Holder, RecordAccess]:
    """Let a person in."""
    return Holder(user_id=person.id), access


def make_rule(
    world: World, name: str, *grants: tuple[Holder, RecordAccess], kinds: frozenset[RuledKind] = frozenset(RuledKind)
) -> UUID:
    """Make a rule by the service; at least one stranger is in it."""
    with scope(world.scope):
        given = grants or ((Holder(user_id=world.bss_user.id), RecordAccess.FULL),)
        return create_rule(RuleDetails(name, kinds, given), actor=SYSTEM, at=MONDAY_NOON).id


@pytest.fixture
def clerk(world: World, hire: Hire) -> User:
    """Somebody with every right but the one to see all records."""
    return hire(make_role(world, "All but all records", *ALL_BUT_RECORDS), first_name="Clara")


@pytest.fixture
def hidden(session: BoundSession, world: World) -> Hidden:
    """The direct customer with an order, an offer, a subscription, an asset, an invoice and a failed task."""
    account, at = world.direct, utc_now()
    with scope(world.scope):
        account.name, account.code = f"{CANARY} AG", "AC-VERBORGEN"
        account.email = "office@verborgen.example"
        world.direct_buyer.last_name, world.direct_buyer.email = CANARY, "x@verborgen.example"
        session.commit()
    found = Hidden(account)
    placed = make_order(session, world, account, world.direct_buyer, [Wanted(world.seats, quantity=2)], at=at)
    running = make_running(
        session, world, account, world.seats, friendly_name=f"{CANARY} seats", order_item_id=placed.items[0].id
    )
    with scope(world.scope):
        order = session.get_one(Order, (world.id, placed.order.id))
        order.name, order.number = f"{CANARY} order", "SO-2026-VERBORGEN"
        asset, offer, invoice = (_asset(world, account, at), _offer(world, account, at), _invoice(account, at))
        session.add_all((asset, offer, invoice))
        session.flush()
        session.add(_line(account, invoice))
        task = ProvisioningTask(
            kind=TaskKind.CREATE, subject_id=running.id, order_id=placed.order.id, request={"name": CANARY},
            status=TaskStatus.FAILED, message=f"{CANARY} refused", next_attempt_at=at, created_at=at,
        )  # fmt: skip
        session.add(task)
        record(
            "account.changed", actor=SYSTEM, at=at, target_kind="account", target_id=account.id,
            before={"name": "x"}, after={"name": CANARY},
        )  # fmt: skip
        session.execute(update(Subscription).where(Subscription.id == running.id).values(code="SUB-VERBORGEN"))
        session.commit()
        found.task_id = task.id
        found.ids = {
            RuledKind.ACCOUNT: account.id, RuledKind.ORDER: placed.order.id, RuledKind.OFFER: offer.id,
            RuledKind.SUBSCRIPTION: running.id, RuledKind.ASSET: asset.id, RuledKind.INVOICE: invoice.id,
        }  # fmt: skip
        found.quoted = {
            RuledKind.ACCOUNT: "AC-VERBORGEN", RuledKind.ORDER: "SO-2026-VERBORGEN", RuledKind.OFFER: "OF-VERBORGEN",
            RuledKind.SUBSCRIPTION: "SUB-VERBORGEN", RuledKind.ASSET: "AST-VERBORGEN", RuledKind.INVOICE: "INV-VERBORGEN",
        }  # fmt: skip
    return found


def _asset(world: World, account: Account, at: datetime) -> Asset:
    return Asset(
        id=new_id(), reseller_id=account.reseller_id, account_id=account.id, code="AST-VERBORGEN", payer_id=account.id,
        product_id=world.tool.id, name=f"{CANARY} tool", quantity=1, unit_price=Decimal(60), currency="EUR",
        status="active", created_at=at,
    )  # fmt: skip


def _offer(world: World, account: Account, at: datetime) -> Offer:
    return Offer(
        id=new_id(), number="OF-VERBORGEN", name=f"{CANARY} offer", account_id=account.id, payer_id=account.id,
        contact_email="x@verborgen.example", currency="EUR", owner_id=world.bss_user.id, valid_until=date(2030, 1, 1),
        created_at=at, updated_at=at,
    )  # fmt: skip


def _invoice(account: Account, at: datetime) -> Invoice:
    return Invoice(
        id=new_id(), reseller_id=account.reseller_id, account_id=account.id, number="INV-VERBORGEN", issued_on=MONDAY,
        due_on=MONDAY, currency="EUR", net_total=Decimal(20), tax_total=Decimal(0), total=Decimal(20),
        seller_name="Nordwind", buyer_name=f"{CANARY} AG", buyer_address="1 Main Street", created_at=at,
    )  # fmt: skip


def _line(account: Account, invoice: Invoice) -> InvoiceLine:
    return InvoiceLine(
        reseller_id=account.reseller_id, account_id=account.id, invoice_id=invoice.id, position=1,
        description=f"{CANARY} seats", quantity=2, unit_price=Decimal(10), net_amount=Decimal(20),
    )  # fmt: skip


def keep(world: World, kind: RuledKind, record_id: UUID, rule_id: UUID | None) -> None:
    """Give a record a rule by the service."""
    with scope(world.scope), unit_of_work():
        set_rule(kind, (record_id,), rule_id, actor=SYSTEM, at=MONDAY_NOON)
