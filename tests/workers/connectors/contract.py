"""What connectors promise. A new one subclasses ConnectorContract and the contracts of what it can do beside.

The subclass gives a fixture `stage`: the connector under test and its vendor, which can be made to fail. `AnyContract`
is all that holds where people provision; `FullContract` is for vendors with accounts, pre-checks, keys and suspensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol
from uuid import UUID

import pytest

from workers.connectors.base import (
    AccountPicture,
    AddOnAction,
    AddOnPicture,
    Characteristic,
    Connector,
    ConnectorRejected,
    ConnectorUnavailable,
    InvalidVendorResponse,
    ListsServices,
    NotOffered,
    ProvisioningRequest,
    ReadsServices,
    RequestKind,
    Suspends,
    TakesFutureRequests,
    carry_out,
)

BAKERY = AccountPicture(code="AC-1001", name="Bakery Nord", email="it@bakery.example", country="DE")


@dataclass(frozen=True, slots=True)
class AtVendor:
    """A service as the vendor has it."""

    status: str
    quantity: int
    product_code: str
    add_ons: int


class Stage(Protocol):
    """A connector, and what the tests must be able to see and do at its vendor."""

    @property
    def connector(self) -> Connector: ...

    @property
    def refusal(self) -> str:
        """What the vendor says after `reject_next`."""
        ...

    @property
    def refusal_code(self) -> str: ...

    def services(self) -> Mapping[str, AtVendor]:
        """The vendor's services by reference."""
        ...

    def accounts(self) -> int:
        """How many accounts the vendor knows."""
        ...

    def fail_next(self) -> None:
        """Be down for one changing call."""
        ...

    def reject_next(self) -> None:
        """Refuse one changing call, or one pre-check."""
        ...

    def time_out_after_next(self) -> None:
        """Do the work of one call and lose the answer."""
        ...

    def garble_next(self) -> None:
        """Do the work of one call and answer nonsense."""
        ...


def a_request(account: AccountPicture) -> ProvisioningRequest:
    """Five seats of a service with an archive."""
    return ProvisioningRequest(
        task_id=UUID("01890000-0000-7000-8000-000000000001"),
        distributor_id=UUID("01890000-0000-7000-8000-000000000002"),
        kind=RequestKind.CREATE,
        service_type="workplace",
        product_code="WP-START",
        product_name="Workplace Start",
        quantity=5,
        term="P1M",
        billing_cycle="monthly",
        currency="EUR",
        account=account,
        characteristics=(
            Characteristic(id="domain", name="Domain name", value="bakery.example"),
            Characteristic(id="storage_gb", name="Storage (GB)", value="50", is_quantity_linked=True),
        ),
        add_ons=(
            AddOnPicture(product_code="WP-ARCHIVE", product_name="Mail Archive", quantity=1, action=AddOnAction.CREATE),
        ),
    )


def later(request: ProvisioningRequest, kind: RequestKind, reference: str) -> ProvisioningRequest:
    """The same service in a later request."""
    add_ons = tuple(replace(add_on, action=AddOnAction.NONE) for add_on in request.add_ons)
    return replace(request, kind=kind, vendor_reference=reference, add_ons=add_ons)


class AnyContract:
    """What holds for every connector, one that leaves the work to people among them."""

    @pytest.fixture
    def connector(self, stage: Stage) -> Connector:
        return stage.connector

    @pytest.fixture
    def request_(self, connector: Connector) -> ProvisioningRequest:
        """A request to create, of an account that the vendor knows."""
        known = connector.synchronise_account(BAKERY, idempotency_key="account-1")
        return a_request(replace(BAKERY, vendor_reference=known.reference or None))

    def test_nothing_is_found_under_an_unknown_key(self, connector: Connector) -> None:
        assert connector.find("task-never-sent") is None

    def test_request_handed_to_the_wrong_method_is_refused(
        self, connector: Connector, request_: ProvisioningRequest
    ) -> None:
        with pytest.raises(ValueError, match="to create, not to cancel"):
            connector.cancel(request_, idempotency_key="task-1")

    def test_suspension_is_offered_or_refused_by_name(
        self, connector: Connector, request_: ProvisioningRequest
    ) -> None:
        """CB-22: a vendor that cannot suspend is not asked to."""
        if isinstance(connector, Suspends):
            assert {"suspend", "activate"} <= set(dir(connector))
            return
        with pytest.raises(NotOffered, match="does not offer suspending"):
            carry_out(connector, later(request_, RequestKind.SUSPEND, "any"), idempotency_key="task-1")

    def test_a_later_day_is_taken_or_refused_by_name(self, connector: Connector, request_: ProvisioningRequest) -> None:
        """CB-24: a vendor that keeps no days is not told of any."""
        if isinstance(connector, TakesFutureRequests):
            assert {"schedule", "withdraw"} <= set(dir(connector))
            return
        day, update = date(2030, 1, 1), later(request_, RequestKind.UPDATE, "any")
        ahead = replace(update, kind=RequestKind.SCHEDULE, effective_on=day)
        with pytest.raises(NotOffered, match="does not offer changes of a later day"):
            carry_out(connector, ahead, idempotency_key="task-1")


class ConnectorContract(AnyContract):
    """What every connector that provisions by machine must do."""

    def test_service_is_created_as_pictured(
        self, stage: Stage, connector: Connector, request_: ProvisioningRequest
    ) -> None:
        """CB-F67 (partly): Code 0 gives the external id."""
        made = connector.create(request_, idempotency_key="task-1")

        assert made.name == "Workplace Start"
        assert not made.needs_person
        assert stage.services() == {made.reference: AtVendor("Active", 5, "WP-START", 1)}

    def test_same_key_makes_one_service_and_answers_alike(
        self, stage: Stage, connector: Connector, request_: ProvisioningRequest
    ) -> None:
        """CB-F69 (partly), CB-F72 (partly): one service, however often the same work is asked for."""
        answers = {connector.create(request_, idempotency_key="task-1") for _ in range(3)}

        assert len(answers) == 1
        assert len(stage.services()) == 1

    def test_another_key_makes_another_service(
        self, stage: Stage, connector: Connector, request_: ProvisioningRequest
    ) -> None:
        first = connector.create(request_, idempotency_key="task-1")
        second = connector.create(request_, idempotency_key="task-2")

        assert set(stage.services()) == {first.reference, second.reference}
        assert len(stage.services()) == 2

    def test_service_is_what_the_last_picture_says(
        self, stage: Stage, connector: Connector, request_: ProvisioningRequest
    ) -> None:
        made = connector.create(request_, idempotency_key="task-1")
        update = later(request_, RequestKind.UPDATE, made.reference)
        grown = replace(update, quantity=8, product_code="WP-TEAM", product_name="Workplace Team", add_ons=())

        answer = connector.update(grown, idempotency_key="task-2")

        assert answer.reference == made.reference
        assert stage.services() == {made.reference: AtVendor("Active", 8, "WP-TEAM", 0)}

    def test_canceled_add_on_is_gone(self, stage: Stage, connector: Connector, request_: ProvisioningRequest) -> None:
        made = connector.create(request_, idempotency_key="task-1")
        (archive,) = request_.add_ons
        update = later(request_, RequestKind.UPDATE, made.reference)
        update = replace(update, add_ons=(replace(archive, action=AddOnAction.CANCEL),))

        connector.update(update, idempotency_key="task-2")

        assert stage.services()[made.reference].add_ons == 0

    def test_canceled_service_cannot_be_changed(
        self, stage: Stage, connector: Connector, request_: ProvisioningRequest
    ) -> None:
        reference = connector.create(request_, idempotency_key="task-1").reference
        connector.cancel(later(request_, RequestKind.CANCEL, reference), idempotency_key="task-2")

        with pytest.raises(ConnectorRejected):
            connector.update(later(request_, RequestKind.UPDATE, reference), idempotency_key="task-3")

        assert stage.services()[reference].status == "Canceled"

    def test_unknown_service_is_refused(
        self, stage: Stage, connector: Connector, request_: ProvisioningRequest
    ) -> None:
        with pytest.raises(ConnectorRejected) as refused:
            connector.update(later(request_, RequestKind.UPDATE, "no-such-service"), idempotency_key="task-1")

        assert refused.value.reason
        assert stage.services() == {}

    def test_check_makes_nothing(self, stage: Stage, connector: Connector, request_: ProvisioningRequest) -> None:
        connector.check(request_)
        assert stage.services() == {}

        reference = connector.create(request_, idempotency_key="task-1").reference
        connector.check(replace(later(request_, RequestKind.UPDATE, reference), quantity=9))
        connector.check(later(request_, RequestKind.CANCEL, reference))
        assert stage.services() == {reference: AtVendor("Active", 5, "WP-START", 1)}

    def test_vendor_that_is_down_is_unavailable_and_can_be_asked_again(
        self, stage: Stage, connector: Connector, request_: ProvisioningRequest
    ) -> None:
        """CB-F68 (partly): a 503 is a reason to try again."""
        stage.fail_next()
        with pytest.raises(ConnectorUnavailable):
            connector.create(request_, idempotency_key="task-1")
        assert stage.services() == {}

        made = connector.create(request_, idempotency_key="task-1")
        assert set(stage.services()) == {made.reference}

    def test_refusal_carries_the_vendors_code_and_message(
        self, stage: Stage, connector: Connector, request_: ProvisioningRequest
    ) -> None:
        """CB-F67 (partly), CB-F68 (partly): Code ≠ 0 is a rejection with the vendor's message."""
        stage.reject_next()
        with pytest.raises(ConnectorRejected) as refused:
            connector.create(request_, idempotency_key="task-1")

        assert (refused.value.code, refused.value.reason) == (stage.refusal_code, stage.refusal)
        assert not isinstance(refused.value, InvalidVendorResponse)
        assert stage.services() == {}

    def test_retry_after_repair_makes_exactly_one_service(
        self, stage: Stage, connector: Connector, request_: ProvisioningRequest
    ) -> None:
        """CB-F69 (partly): a refusal leaves the key free, also for a request that was repaired."""
        stage.reject_next()
        with pytest.raises(ConnectorRejected):
            connector.create(request_, idempotency_key="task-1")

        repaired = replace(request_, characteristics=())
        made = connector.create(repaired, idempotency_key="task-1")
        assert set(stage.services()) == {made.reference}

    def test_lost_answer_then_retry_makes_exactly_one_service(
        self, stage: Stage, connector: Connector, request_: ProvisioningRequest
    ) -> None:
        """CB-F69 (partly), CB-F72 (partly): the vendor acted, the answer was lost, the retry finds the service."""
        stage.time_out_after_next()
        with pytest.raises(ConnectorUnavailable):
            connector.create(request_, idempotency_key="task-1")

        found = connector.find("task-1")
        made = connector.create(request_, idempotency_key="task-1")

        assert found is not None
        assert found.reference == made.reference
        assert set(stage.services()) == {made.reference}

    def test_nonsense_is_a_rejection_and_a_retry_makes_no_second_service(
        self, stage: Stage, connector: Connector, request_: ProvisioningRequest
    ) -> None:
        stage.garble_next()
        with pytest.raises(InvalidVendorResponse, match="Invalid response") as refused:
            connector.create(request_, idempotency_key="task-1")

        assert isinstance(refused.value, ConnectorRejected)
        made = connector.create(request_, idempotency_key="task-1")
        assert set(stage.services()) == {made.reference}

    @pytest.mark.parametrize("key", ["", "a b", "a\r\nX-Other: 1", "../services", "ключ", "k" * 201])
    def test_unsafe_key_never_reaches_the_vendor(
        self, stage: Stage, connector: Connector, request_: ProvisioningRequest, key: str
    ) -> None:
        with pytest.raises(ValueError, match="idempotency key"):
            connector.create(request_, idempotency_key=key)
        with pytest.raises(ValueError, match="idempotency key"):
            connector.find(key)

        assert stage.services() == {}

    def test_canceled_service_is_canceled_again_without_trouble(
        self, stage: Stage, connector: Connector, request_: ProvisioningRequest
    ) -> None:
        """CB-F72 (partly): a cancellation whose answer was lost may be repeated."""
        reference = connector.create(request_, idempotency_key="task-1").reference
        for _ in range(2):
            again = connector.cancel(later(request_, RequestKind.CANCEL, reference), idempotency_key="task-2")

        assert again.reference == reference
        assert stage.services()[reference].status == "Canceled"


class AccountsContract:
    """For vendors that must know an account first."""

    def test_account_becomes_known_once(self, stage: Stage, connector: Connector) -> None:
        first = connector.synchronise_account(BAKERY, idempotency_key="account-1")
        again = connector.synchronise_account(BAKERY, idempotency_key="account-1")
        renamed = replace(BAKERY, name="Bakery Nord & Sons", vendor_reference=first.reference)
        changed = connector.synchronise_account(renamed, idempotency_key="account-2")

        assert first.reference
        assert again == first
        assert changed.reference == first.reference
        assert stage.accounts() == 1

    def test_account_comes_first(self, stage: Stage, connector: Connector) -> None:
        with pytest.raises(ConnectorRejected, match="Bakery Nord"):
            connector.create(a_request(BAKERY), idempotency_key="task-1")

        assert stage.services() == {}

    def test_check_finds_what_the_call_would_find(self, stage: Stage, connector: Connector) -> None:
        with pytest.raises(ConnectorRejected):
            connector.check(a_request(BAKERY))

        assert stage.services() == {}


class ChecksContract:
    """For vendors that answer pre-checks."""

    def test_failing_check_says_why_and_makes_nothing(
        self, stage: Stage, connector: Connector, request_: ProvisioningRequest
    ) -> None:
        """CB-F71 (partly): the pre-check's message is at hand."""
        stage.reject_next()
        with pytest.raises(ConnectorRejected) as refused:
            connector.check(request_)

        assert refused.value.reason == stage.refusal
        assert stage.services() == {}


class KeysContract:
    """For vendors that keep the idempotency keys of changes, too."""

    def test_key_of_another_request_is_refused_and_changes_nothing(
        self, stage: Stage, connector: Connector, request_: ProvisioningRequest
    ) -> None:
        made = connector.create(request_, idempotency_key="task-1")
        update = replace(later(request_, RequestKind.UPDATE, made.reference), quantity=8)

        with pytest.raises(ConnectorRejected):
            connector.update(update, idempotency_key="task-1")

        assert stage.services()[made.reference].quantity == 5

    def test_lost_answer_to_a_change_is_found_too(
        self, stage: Stage, connector: Connector, request_: ProvisioningRequest
    ) -> None:
        reference = connector.create(request_, idempotency_key="task-1").reference
        update = replace(later(request_, RequestKind.UPDATE, reference), quantity=8)
        stage.time_out_after_next()
        with pytest.raises(ConnectorUnavailable):
            connector.update(update, idempotency_key="task-2")

        found = connector.find("task-2")
        again = connector.update(update, idempotency_key="task-2")

        assert found is not None
        assert (found.reference, again.reference) == (reference, reference)
        assert stage.services()[reference].quantity == 8


class SuspendsContract:
    """For connectors that keep Suspends."""

    def test_service_is_suspended_activated_and_canceled(
        self, stage: Stage, connector: Connector, request_: ProvisioningRequest
    ) -> None:
        reference = connector.create(request_, idempotency_key="task-1").reference
        seen = []
        for kind in (RequestKind.SUSPEND, RequestKind.ACTIVATE, RequestKind.CANCEL):
            answer = carry_out(connector, later(request_, kind, reference), idempotency_key=f"task-{kind}")
            seen.append((answer.reference, stage.services()[reference].status))

        assert seen == [(reference, "Suspended"), (reference, "Active"), (reference, "Canceled")]


class FutureRequestsContract:
    """For connectors that keep TakesFutureRequests."""

    TOMORROW, YESTERDAY = date(9999, 12, 31), date(2020, 1, 1)

    def _ahead(self, request: ProvisioningRequest, kind: RequestKind, reference: str, day: date) -> ProvisioningRequest:
        return replace(later(request, RequestKind.UPDATE, reference), kind=kind, quantity=9, effective_on=day)

    def test_what_is_scheduled_waits_for_its_day_and_is_forgotten_when_withdrawn(
        self, stage: Stage, connector: Connector, request_: ProvisioningRequest
    ) -> None:
        """CB-24: told at once, held by the vendor; withdrawn, it is as if nothing had been said."""
        reference = connector.create(request_, idempotency_key="task-1").reference
        schedule = self._ahead(request_, RequestKind.SCHEDULE, reference, self.TOMORROW)
        answers = {carry_out(connector, schedule, idempotency_key="task-2").reference for _ in range(2)}
        assert (answers, stage.services()[reference].quantity) == ({reference}, 5)
        withdraw = self._ahead(request_, RequestKind.WITHDRAW, reference, self.TOMORROW)
        carry_out(connector, withdraw, idempotency_key="task-3")
        with pytest.raises(ConnectorRejected):
            carry_out(connector, withdraw, idempotency_key="task-4")
        carry_out(connector, schedule, idempotency_key="task-5")
        assert stage.services()[reference].quantity == 5

    def test_a_day_that_has_come_is_now(
        self, stage: Stage, connector: Connector, request_: ProvisioningRequest
    ) -> None:
        reference = connector.create(request_, idempotency_key="task-1").reference
        schedule = self._ahead(request_, RequestKind.SCHEDULE, reference, self.YESTERDAY)
        carry_out(connector, schedule, idempotency_key="task-2")
        assert stage.services()[reference].quantity == 9


class ReadsContract:
    """For connectors that keep ReadsServices."""

    def test_service_is_read_as_the_vendor_has_it(
        self, stage: Stage, connector: ReadsServices, request_: ProvisioningRequest
    ) -> None:
        """GO-03: one service by its reference."""
        made = stage.connector.create(request_, idempotency_key="task-1")

        seen = connector.read_service(made.reference)

        assert seen is not None
        assert (seen.reference, seen.quantity, seen.is_active) == (made.reference, 5, True)
        assert "WP-START" in {seen.product_code, *seen.also_called}

    def test_canceled_or_unknown_service_is_not_there(
        self, stage: Stage, connector: ReadsServices, request_: ProvisioningRequest
    ) -> None:
        reference = stage.connector.create(request_, idempotency_key="task-1").reference
        stage.connector.cancel(later(request_, RequestKind.CANCEL, reference), idempotency_key="task-2")

        assert connector.read_service(reference) is None
        assert connector.read_service("svc-404") is None

    def test_reference_that_leads_elsewhere_is_refused(self, connector: ReadsServices) -> None:
        with pytest.raises(ConnectorRejected, match="cannot stand in an address"):
            connector.read_service("..")


class ListsContract:
    """For connectors that keep ListsServices."""

    def test_all_services_are_listed_once_over_all_pages(
        self, stage: Stage, connector: ListsServices, request_: ProvisioningRequest
    ) -> None:
        """GO-03: page by page, canceled ones left out."""
        made = [stage.connector.create(request_, idempotency_key=f"task-{n}").reference for n in range(1, 131)]
        stage.connector.cancel(later(request_, RequestKind.CANCEL, made[0]), idempotency_key="task-cancel")

        seen, following, pages = [], None, 0
        while pages == 0 or following:
            page = connector.list_services(following)
            seen += page.services
            following, pages = page.following, pages + 1

        assert [service.reference for service in seen] == made[1:]
        assert pages > 1
        first = seen[0]
        assert (first.product_code, first.quantity, first.is_active) == ("WP-START", 5, True)
        assert (first.account_code, first.account_email) == (BAKERY.code, BAKERY.email)
        assert first.account_reference == request_.account.vendor_reference


class FullContract(ConnectorContract, AccountsContract, ChecksContract, KeysContract, SuspendsContract):
    """All of it, as our own contract has it."""
