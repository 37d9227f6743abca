"""A real Open Service Broker for tests, made with the third-party library openbrokerapi and served on loopback."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

from flask import Flask, Response, request
from openbrokerapi import errors
from openbrokerapi.api import get_blueprint
from openbrokerapi.auth import BrokerCredentials
from openbrokerapi.catalog import Schemas, ServicePlan
from openbrokerapi.service_broker import (
    DeprovisionDetails,
    DeprovisionServiceSpec,
    GetInstanceDetailsSpec,
    LastOperation,
    OperationState,
    ProvisionDetails,
    ProvisionedServiceSpec,
    ProvisionState,
    Service,
    ServiceBroker,
    UpdateDetails,
    UpdateServiceSpec,
)
from werkzeug.serving import make_server

from workers.connectors.base import ServiceManagerSettings

USER, PASSWORD = "galleria-tests", "broker-password-7c1d"
REFUSAL = "The broker refuses this"
CHANGING = frozenset({"PUT", "PATCH", "DELETE"})
ONE_ONLY = Schemas(
    {
        "create": {
            "parameters": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"domain": {}, "storage_gb": {}},
            }
        }
    }
)


@dataclass
class Instance:
    """A service instance as the broker has it."""

    service_id: str
    plan_id: str
    parameters: dict[str, Any]
    status: str = "Active"


@dataclass
class Seen:
    """One request that reached the broker."""

    method: str
    path: str
    arguments: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Broker(ServiceBroker):
    """Keeps its instances in memory; `is_slow` accepts work and finishes it when told."""

    is_slow: bool = False
    is_retrievable: bool = True
    instances: dict[str, Instance] = field(default_factory=dict)
    canceled: dict[str, Instance] = field(default_factory=dict)
    works: dict[str, tuple[str, Any, Any]] = field(default_factory=dict)  # by instance: operation, what to do, state
    operations: int = 0
    refusing: int = 0
    seen: list[Seen] = field(default_factory=list)

    def catalog(self) -> list[Service]:
        plans = [
            ServicePlan("WP-START", "start", "Five mailboxes and more", maximum_polling_duration=86_400),
            ServicePlan("WP-TEAM", "team", "With an office", plan_updateable=False),
            ServicePlan("WP-ONE", "one", "Exactly one", schemas=ONE_ONLY),
        ]
        backup = ServicePlan("BK", "start", "A second plan of this name")
        return [
            Service("svc-workplace", "workplace", "Workplaces", False, plans, plan_updateable=True,
                    instances_retrievable=self.is_retrievable),
            Service("svc-backup", "backup", "Backups", False, [backup], instances_retrievable=self.is_retrievable),
        ]  # fmt: skip

    def provision(
        self,
        instance_id: str,
        details: ProvisionDetails,
        async_allowed: bool,  # noqa: FBT001 - the library calls it so
        **kwargs: Any,
    ) -> ProvisionedServiceSpec:
        self._object(async_allowed=async_allowed)
        wanted = Instance(details.service_id, details.plan_id, details.parameters or {})
        if instance_id in self.works:
            return ProvisionedServiceSpec(ProvisionState.IS_ASYNC, operation=self.works[instance_id][0])
        if instance_id in self.instances:
            if self.instances[instance_id] != wanted:
                raise errors.ErrInstanceAlreadyExists
            return ProvisionedServiceSpec(ProvisionState.IDENTICAL_ALREADY_EXISTS)
        if self.is_slow:
            operation = self._accept(instance_id, lambda: self.instances.__setitem__(instance_id, wanted))
            return ProvisionedServiceSpec(ProvisionState.IS_ASYNC, operation=operation)
        self.instances[instance_id] = wanted
        return ProvisionedServiceSpec(dashboard_url=f"https://dashboard.example/{instance_id}")

    def update(
        self,
        instance_id: str,
        details: UpdateDetails,
        async_allowed: bool,  # noqa: FBT001 - the library calls it so
        **kwargs: Any,
    ) -> UpdateServiceSpec:
        self._object(async_allowed=async_allowed)
        instance = self.instances.get(instance_id)
        if instance is None:
            raise errors.ErrInvalidParameters("There is no such instance")
        if instance_id in self.works:
            raise errors.ErrConcurrentInstanceAccess

        def work() -> None:
            instance.plan_id = details.plan_id or instance.plan_id
            instance.parameters = {**instance.parameters, **(details.parameters or {})}

        if self.is_slow:
            return UpdateServiceSpec(is_async=True, operation=self._accept(instance_id, work))
        work()
        return UpdateServiceSpec(is_async=False)

    def deprovision(
        self,
        instance_id: str,
        details: DeprovisionDetails,
        async_allowed: bool,  # noqa: FBT001 - the library calls it so
        **kwargs: Any,
    ) -> DeprovisionServiceSpec:
        self._object(async_allowed=async_allowed)
        instance = self.instances.get(instance_id)
        if instance is None:
            self.works.pop(instance_id, None)
            raise errors.ErrInstanceDoesNotExist

        def work() -> None:
            instance.status = "Canceled"
            self.canceled[instance_id] = self.instances.pop(instance_id)

        if self.is_slow:
            return DeprovisionServiceSpec(is_async=True, operation=self._accept(instance_id, work))
        work()
        return DeprovisionServiceSpec(is_async=False)

    def last_operation(self, instance_id: str, operation_data: str | None = None, **kwargs: Any) -> LastOperation:
        if instance_id not in self.works:
            if instance_id not in self.instances:
                raise errors.ErrInstanceDoesNotExist
            return LastOperation(OperationState.SUCCEEDED, "Done")
        operation, _, state = self.works[instance_id]
        if operation_data != operation:
            raise errors.ErrBadRequest("Another operation")
        if state is not OperationState.IN_PROGRESS:
            del self.works[instance_id]
        return LastOperation(state, {OperationState.FAILED: "No room in the data centre"}.get(state, "At work"))

    def get_instance(self, instance_id: str, **kwargs: Any) -> GetInstanceDetailsSpec:
        if instance_id not in self.instances:
            raise errors.ErrInstanceDoesNotExist
        found = self.instances[instance_id]
        return GetInstanceDetailsSpec(found.service_id, found.plan_id, parameters=found.parameters)

    def finish(self, *, well: bool = True) -> None:
        """Finish all accepted work."""
        for instance_id, (operation, work, _) in list(self.works.items()):
            if well:
                work()
            self.works[instance_id] = (operation, None, OperationState.SUCCEEDED if well else OperationState.FAILED)

    def _accept(self, instance_id: str, work: Any) -> str:
        self.operations += 1
        operation = f"operation {self.operations}/ä"  # anything may stand in it
        self.works[instance_id] = (operation, work, OperationState.IN_PROGRESS)
        return operation

    def _object(self, *, async_allowed: bool) -> None:
        if self.refusing:
            self.refusing -= 1
            raise errors.ErrInvalidParameters(REFUSAL)
        if self.is_slow and not async_allowed:
            raise errors.ErrAsyncRequired


@dataclass
class RunningBroker:
    """A broker and its address; `trouble` befalls the next changing call."""

    broker: Broker
    url: str = ""
    trouble: str | None = None
    is_down: bool = False

    @property
    def target(self) -> str:
        """For the list of allowed private targets."""
        return self.url.removeprefix("http://")

    @property
    def settings(self) -> ServiceManagerSettings:
        """As it would be registered."""
        return ServiceManagerSettings(
            kind="open_service_broker", base_url=self.url, application_id=USER, api_key=PASSWORD, timeout_seconds=5
        )

    @property
    def calls(self) -> list[str]:
        """What was asked, in order."""
        return [f"{each.method} {each.path.rpartition('/')[2]}" for each in self.broker.seen]


@contextmanager
def running_broker(*, is_slow: bool = False, is_retrievable: bool = True) -> Iterator[RunningBroker]:
    """Serve a broker from a thread of this process."""
    running = RunningBroker(Broker(is_slow=is_slow, is_retrievable=is_retrievable))
    app = Flask(__name__)
    log = logging.getLogger("tests.broker")
    log.disabled = True
    app.register_blueprint(get_blueprint(running.broker, BrokerCredentials(USER, PASSWORD), log))
    lost: list[str] = []

    @app.before_request
    def suffer() -> Response | None:
        running.broker.seen.append(
            Seen(request.method, request.path, dict(request.args), dict(request.headers), request.get_json(silent=True))
        )
        if running.is_down:
            return Response(status=503)
        if request.method not in CHANGING or running.trouble is None:
            return None
        trouble, running.trouble = running.trouble, None
        if trouble == "fail":
            return Response(status=503)
        lost.append(trouble)
        return None

    @app.after_request
    def spoil(response: Response) -> Response:
        wire: socket.socket = request.environ["werkzeug.socket"]
        trouble = lost.pop() if lost else None
        if trouble == "garble":
            response.set_data(b'{"dashboard')
        if trouble == "lose":
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)
        if trouble == "twice":
            head = f"HTTP/1.1 {response.status}\r\n{response.headers}".encode("latin-1")
            response.call_on_close(lambda: _send(wire, head + response.get_data()))
        return response

    server = make_server("127.0.0.1", 0, app, threaded=True)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    running.url = f"http://127.0.0.1:{server.port}"
    try:
        yield running
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _send(wire: socket.socket, text: bytes) -> None:
    with suppress(OSError):  # the caller has what it needs and may be gone
        wire.sendall(text)
