"""A whole installation for the journeys: its own database and queue, web server, workers, mail catcher, demo vendor."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests

from app.local import databases, processes, valkey
from app.local.mail_catcher.server import MailCatcher
from app.local.mail_catcher.store import CaughtMail
from app.local.surroundings import free_ports
from tests.fakes.demo_vendor import DemoVendor, demo_vendor_process

ROOT = Path(__file__).resolve().parents[2]
TXT_RECORDS = "txt-records.txt"
PATIENCE_SECONDS = 60
PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Installation:
    """Where everything is reached."""

    port: int
    mails: MailCatcher
    vendor: DemoVendor
    txt_records: Path  # stands in for DNS

    def address(self, host: str, path: str = "/") -> str:
        """Return an address as a person would type it."""
        return f"http://{host}:{self.port}{path}"

    def mail_to(self, recipient: str, subject: str) -> CaughtMail:
        """Wait for a mail with these words in its subject; fails with what came instead."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            came = self.mails.store.newest_first(to=recipient)
            for mail in came:
                if subject.lower() in mail.subject.lower():
                    return mail
            assert time.monotonic() < deadline, f"no mail “{subject}” for {recipient}, but {[m.subject for m in came]}"
            time.sleep(PAUSE_SECONDS)


@contextlib.contextmanager
def installed(directory: Path, template: str, *, reach: Sequence[str] = ()) -> Iterator[Installation]:
    """Run everything until the block ends. `template` is a migrated database nobody is connected to.

    `reach` are private targets (host:port) beside the installation's own that it may call.
    """
    owner_url = os.environ["DATABASE_URL"]
    name = f"journeys_{os.getpid()}"
    queue_url, _, number = os.environ["REDIS_URL"].rpartition("/")
    # The run's own queue is read by tests, and another pytest worker may have an installation, too: none takes another's jobs.
    beside = valkey.DATABASES // 2 + 7 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    own_queue = f"{queue_url}/{(int(number or 0) + beside) % valkey.DATABASES}"
    port = free_ports(1)[0]
    with contextlib.ExitStack() as stack:
        _clone(owner_url, name, template)
        stack.callback(databases.drop_database, owner_url, name)
        valkey.empty(own_queue)
        mails = stack.enter_context(MailCatcher(directory / "mails"))
        vendor = stack.enter_context(demo_vendor_process(directory / "vendor"))
        own_targets = (f"127.0.0.1:{mails.smtp_port}", vendor.target)
        environment = {
            **_environment(directory, name, own_queue, port, mails, vendor),
            "ALLOWED_PRIVATE_TARGETS": ",".join((*own_targets, *reach)),
        }
        _play(["-m", "tests.journeys.stage"], environment, directory / "stage.log")
        served = {key: value for key, value in environment.items() if key != "DATABASE_URL"}
        web = ["-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
        for log, argv in (
            ("web", [*web, "--workers", "1", "--blocking-threads", "1", "--no-ws", "wsgi:app"]),
            ("workers", ["-m", "workers"]),
        ):
            started = processes.start(
                [sys.executable, *argv], environment=served, log=directory / f"{log}.log", directory=ROOT
            )
            stack.callback(processes.stop, started)
        _wait_for_web(port, directory / "web.log")
        yield Installation(port, mails, vendor, directory / TXT_RECORDS)


def _clone(owner_url: str, name: str, template: str) -> None:
    databases.drop_database(owner_url, name)
    with databases.connect(databases.with_database(owner_url, "postgres")) as owner:
        owner.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')


def _environment(
    directory: Path, database: str, queue: str, port: int, mails: MailCatcher, vendor: DemoVendor
) -> Mapping[str, str]:
    """Return what every process of the installation is started with, as `make up` gives it."""
    urls = {
        key: databases.with_database(os.environ[key], database)
        for key in ("DATABASE_URL", "DATABASE_URL_APP", "DATABASE_URL_BULK", "DATABASE_URL_PLATFORM")
    }
    media = directory / "media"
    media.mkdir()
    return {
        **os.environ,
        **urls,
        "REDIS_URL": queue,
        "PUBLIC_SCHEME": "http",
        "PUBLIC_PORT": str(port),
        "MEDIA_PATH": str(media),
        "TXT_RECORDS_PATH": str(directory / TXT_RECORDS),
        "DEMO_SMTP_HOST": "127.0.0.1",
        "DEMO_SMTP_PORT": str(mails.smtp_port),
        "DEMO_VENDOR_URL": vendor.url,
    }


def _play(argv: list[str], environment: Mapping[str, str], log: Path) -> None:
    process = processes.start([sys.executable, *argv], environment=environment, log=log, directory=ROOT)
    try:
        assert process.wait(PATIENCE_SECONDS) == 0, processes.last_words(log)
    finally:
        processes.stop(process)


def _wait_for_web(port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        with contextlib.suppress(requests.ConnectionError):
            if requests.get(f"http://127.0.0.1:{port}/healthz", timeout=PATIENCE_SECONDS).ok:
                return
        assert time.monotonic() < deadline, processes.last_words(log)
        time.sleep(PAUSE_SECONDS)
