"""What `make up` runs, in order: each part a name, how it is started and how we know that it is ready."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import requests

from app.local import (
    demo_file,
    environment,
    given,
    postgres,
    processes,
    services,
    state,
    supervisor,
    surroundings,
)
from app.local.demo_file import Addresses
from app.local.places import CHECKOUT, Places
from app.local.services import Backing
from app.local.state import State
from app.local.supervisor import Server, Task

PLATFORM_HOST = "platform.localhost"


@dataclass(frozen=True, slots=True)
class Installation:
    """One running demo: its places, what it generated, its database and queue, its port."""

    home: Places
    known: State
    backing: Backing
    port: int
    surrounding: Mapping[str, str]
    is_given: bool  # database and queue belong to somebody else

    @property
    def variables(self) -> dict[str, str]:
        """Return the environment of migrations and seed."""
        own = environment.for_installation(self.home, self.known, self.backing, port=self.port)
        return {**self.surrounding, **own, "PYTHONUNBUFFERED": "1"}

    @property
    def addresses(self) -> Addresses:
        return Addresses(
            port=self.port,
            mail_url=f"http://127.0.0.1:{self.known.mail_port}/",
            vendor_url=f"http://127.0.0.1:{self.known.vendor_port}/",
            database_url_owner=self.backing.databases.owner,
            database_url_app=self.backing.databases.app,
            redis_url=self.backing.redis_url,
        )

    def parts(self) -> list[Server | Task]:
        backing: list[Server | Task] = [self._given_backing()] if self.is_given else [self._postgres(), self._valkey()]
        return [
            *backing,
            self._mail_catcher(),
            self._demo_vendor(),
            Task("Migrations", self._migrate),
            Task("Demo data", self._seed),
            self._web(),
            self._workers(),
        ]

    def _given_backing(self) -> Task:
        return Task("Given database and queue", lambda: given.require_usable(self.backing))

    def _postgres(self) -> Server:
        return Server(
            "PostgreSQL",
            lambda: services.start_postgres(self.home, self.known, settings=postgres.DURABLE),
            self.home.logs / "postgres.log",
            end_with=postgres.STOP_SIGNAL,
        )

    def _valkey(self) -> Server:
        return Server(
            "Valkey",
            lambda: services.start_valkey(self.home, self.known, durable=True),
            self.home.logs / "valkey.log",
        )

    def _mail_catcher(self) -> Server:
        ports = ("--smtp-port", str(self.known.smtp_port), "--port", str(self.known.mail_port))
        return self._server(
            "Mail catcher",
            ["-m", "app.local.mail_catcher", *ports, "--data", str(self.home.mail)],
            _listens(self.known.smtp_port, self.known.mail_port),
        )

    def _demo_vendor(self) -> Server:
        return self._server(
            "Demo vendor",
            ["-m", "app.local.demo_vendor", "--port", str(self.known.vendor_port), "--data", str(self.home.vendor)],
            _listens(self.known.vendor_port),
        )

    def _web(self) -> Server:
        argv = ["-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.port)]
        argv += ["--workers", str(cores()), "--blocking-threads", "1", "--no-ws", "--respawn-failed-workers"]
        return self._server("Web", [*argv, "wsgi:app"], _answers(self.port, PLATFORM_HOST))

    def _workers(self) -> Server:
        # They listen nowhere; whoever lives that long has imported the application and reached the queue.
        return self._server("Workers", ["-m", "workers"], lambda: True, settle_seconds=2)

    def _server(
        self, name: str, arguments: Sequence[str], is_ready: Callable[[], bool], *, settle_seconds: float = 0
    ) -> Server:
        """Describe a Python program of ours that does not become the owner of the tables."""
        log = self.home.logs / f"{name.lower().replace(' ', '-')}.log"

        def launch() -> subprocess.Popen[bytes]:
            variables = environment.without_owner(self.variables)
            return processes.start([sys.executable, *arguments], environment=variables, log=log, directory=CHECKOUT)

        return Server(name, launch, log, is_ready, settle_seconds=settle_seconds)

    def _flask(self, name: str, *command: str) -> None:
        supervisor.run_to_end(
            [sys.executable, "-m", "flask", "--app", "wsgi", *command],
            name=name,
            environment=self.variables,
            directory=CHECKOUT,
            log=self.home.logs / f"{command[0]}.log",
        )

    def _migrate(self) -> None:
        if self.is_given and given.is_in_use(self.backing.databases.owner):
            given.require_migrated(self.backing.databases.owner)
            return
        self._flask("The migration", "db", "upgrade")

    def _seed(self) -> None:
        self.home.media.mkdir(parents=True, exist_ok=True)
        self._flask("The seed", "seed")
        demo_file.complete(self.home.demo, self.addresses)


def installation(home: Places, port: int, surrounding: Mapping[str, str]) -> Installation:
    """Return what is to be run with these surroundings; raises Unsuitable."""
    known = state.load_or_generate(home.state)
    backing = environment.given_backing(surrounding)
    if backing is None:
        return Installation(home, known, services.embedded_backing(known), port, surrounding, is_given=False)
    backing = given.with_roles(backing, surrounding, password=known.database_password)
    return Installation(home, known, backing, port, surrounding, is_given=True)


def require_ports(wanted: Installation) -> None:
    """Raise Unsuitable for the first port that somebody else took."""
    surroundings.require_free_port(
        wanted.port, purpose="web", remedy=f"take another, as in make up PORT={wanted.port + 1}"
    )
    known = wanted.known
    kept = {"mail catcher": known.smtp_port, "mail page": known.mail_port, "demo vendor": known.vendor_port}
    if not wanted.is_given:
        kept |= {"PostgreSQL": known.postgres_port, "Valkey": known.redis_port}
    for purpose, port in kept.items():
        surroundings.require_free_port(port, purpose=purpose, remedy="end that program, or begin anew with make reset")


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _listens(*ports: int) -> Callable[[], bool]:
    return lambda: all(surroundings.is_listening(port) for port in ports)


def _answers(port: int, host: str) -> Callable[[], bool]:
    """Ask the application itself: the server listens before the application behind it stands."""

    def ask() -> bool:
        try:
            answer = requests.get(f"http://127.0.0.1:{port}/readyz", headers={"Host": f"{host}:{port}"}, timeout=10)
        except requests.RequestException:
            return False
        return answer.ok

    return ask
