"""The environment that every process of an installation is started with; `app/core/config.py` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from app.local import databases
from app.local.databases import DatabaseUrls
from app.local.places import Places
from app.local.services import Backing
from app.local.state import State
from app.local.surroundings import Unsuitable

# Migrations and seeding run as the owner; nothing that answers people does.
OWNER_ONLY = ("DATABASE_URL",)


def given_backing(surrounding: Mapping[str, str]) -> Backing | None:
    """Return the database and queue that the person who starts us gave, or None; raises Unsuitable on half of it."""
    owner, redis_url = surrounding.get("DATABASE_URL"), surrounding.get("REDIS_URL")
    if not owner and not redis_url:
        return None
    if not owner or not redis_url:
        missing = "REDIS_URL" if owner else "DATABASE_URL"
        raise Unsuitable(f"{missing} is not set: give both DATABASE_URL and REDIS_URL, or neither")
    owner = databases.sqlalchemy_url(owner)
    restricted = {
        name: databases.sqlalchemy_url(surrounding.get(name) or owner)
        for name in ("DATABASE_URL_APP", "DATABASE_URL_BULK", "DATABASE_URL_PLATFORM")
    }
    urls = DatabaseUrls(
        owner,
        restricted["DATABASE_URL_APP"],
        restricted["DATABASE_URL_BULK"],
        restricted["DATABASE_URL_PLATFORM"],
    )
    return Backing(urls, redis_url)


def for_installation(home: Places, known: State, backing: Backing, *, port: int) -> dict[str, str]:
    """Return the settings of the running demo."""
    return {
        **backing.environment(),
        **_keys(known),
        "PUBLIC_SCHEME": "http",
        "PUBLIC_PORT": str(port),
        "MEDIA_PATH": str(home.media),
        "TXT_RECORDS_PATH": str(home.txt_records),
        "METRICS_TOKEN": known.metrics_token,
        "ALLOWED_PRIVATE_TARGETS": f"127.0.0.1:{known.smtp_port},127.0.0.1:{known.vendor_port}",
        "DEMO_SMTP_HOST": "127.0.0.1",
        "DEMO_SMTP_PORT": str(known.smtp_port),
        "DEMO_VENDOR_URL": f"http://127.0.0.1:{known.vendor_port}",
        "DEMO_PATH": str(home.demo),
    }


def for_tests(known: State, backing: Backing, *, media: Path) -> dict[str, str]:
    """Return the settings of a test run; its mail and vendor addresses lead nowhere until a test starts its own."""
    return {
        **backing.environment(),
        **_keys(known),
        "PUBLIC_SCHEME": "http",
        "MEDIA_PATH": str(media),
    }


def _keys(known: State) -> dict[str, str]:
    return {"SECRET_KEY": known.secret_key, "FERNET_KEY": known.fernet_key}


def without_owner(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what web and workers get: they cannot become the owner of the tables."""
    return {name: value for name, value in environment.items() if name not in OWNER_ONLY}
