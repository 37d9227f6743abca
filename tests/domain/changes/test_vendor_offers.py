"""What a vendor cannot do is not offered and not accepted (CB-22): a broker knows no suspensions."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from app.changes.errors import NotOffered
from app.changes.offers import idle_actions
from app.core.db import session as database
from app.core.db import unit_of_work
from app.provisioning.models import ProvisioningTask, ServiceManager
from app.subscriptions.machine import Action
from app.subscriptions.models import ChangeKind, SubscriptionStatus
from tenants.context import scope
from tests.domain.changes.conftest import on


@pytest.mark.parametrize(("kind", "is_offered"), [("service_manager", True), ("open_service_broker", False)])
def test_a_suspension_is_offered_where_the_vendor_can(desk, kind, is_offered):
    running = desk.running(is_provisioned=True)
    with scope(desk.world.scope), unit_of_work():
        database.execute(update(ServiceManager).values(kind=kind))
    with scope(desk.world.scope):
        assert (Action.SUSPEND not in idle_actions(desk.subscription(running))) is is_offered


def test_a_suspension_the_vendor_cannot_make_is_refused_and_nothing_is_asked(desk):
    running = desk.running(is_provisioned=True)
    with scope(desk.world.scope), unit_of_work():
        database.execute(update(ServiceManager).values(kind="open_service_broker"))
    with pytest.raises(NotOffered, match="does not offer to suspend"):
        desk.submit(running, ChangeKind.SUSPENSION, at=on(10))
    assert desk.subscription(running).status is SubscriptionStatus.ACTIVE
    assert desk.rows(ProvisioningTask) == []
