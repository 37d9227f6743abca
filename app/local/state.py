"""What an installation generates once and keeps: passwords, keys and ports, readable by its owner only."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from app.local import surroundings
from app.local.surroundings import Unsuitable


@dataclass(frozen=True, slots=True)
class State:
    """Ports are kept because the demo's data remembers the mail catcher's and the vendor's."""

    superuser_password: str
    database_password: str
    redis_password: str
    secret_key: str
    fernet_key: str
    metrics_token: str
    postgres_port: int
    redis_port: int
    smtp_port: int
    mail_port: int
    vendor_port: int


def generate() -> State:
    postgres, redis, smtp, mail, vendor = surroundings.free_ports(5)
    return State(
        superuser_password=secrets.token_urlsafe(24),
        database_password=secrets.token_urlsafe(24),
        redis_password=secrets.token_urlsafe(24),
        secret_key=secrets.token_urlsafe(48),
        fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        metrics_token=secrets.token_urlsafe(24),
        postgres_port=postgres,
        redis_port=redis,
        smtp_port=smtp,
        mail_port=mail,
        vendor_port=vendor,
    )


def load_or_generate(path: Path) -> State:
    """Return what an earlier run made, else make and write it; raises Unsuitable if the file is damaged."""
    if path.exists():
        return load(path)
    state = generate()
    write_private(path, json.dumps(asdict(state), indent=2))
    return state


def load(path: Path) -> State:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return State(**{field.name: known[field.name] for field in fields(State)})
    except (ValueError, KeyError, TypeError) as error:
        raise Unsuitable(f"{path} is damaged: make reset begins anew") from error


def write_private(path: Path, content: str) -> None:
    """Write a file that only its owner may read, never half of it."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(content)
    unfinished.replace(path)
