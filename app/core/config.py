"""Settings of one installation, read once from the environment.

What differs per tenant is not here but in `tenants.settings`. Units stand in the names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

REQUIRED = ("DATABASE_URL_APP", "REDIS_URL", "SECRET_KEY", "FERNET_KEY", "MEDIA_PATH")


class SettingsIncomplete(RuntimeError):
    """Settings are missing or malformed; the message lists all of them at once."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("Settings are incomplete: " + "; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an installation is told from outside. One instance per process."""

    database_url_app: str  # role of web and workers, row security applies
    database_url_bulk: str  # same rights, planner left automatic: imports, reports, bench
    database_url_platform: str  # role of the console: distributors, addresses, operators only
    database_url_owner: str | None  # migrations and seeding of roles; absent in web processes
    redis_url: str
    secret_key: str
    fernet_key: str  # encrypts stored secrets (mail passwords, connector keys); urlsafe base64 of 32 bytes
    media_path: str  # uploaded price sheets and their reports, shared by web and workers
    public_scheme: str = "http"  # what people's browsers use; https sets Secure cookies, HSTS and redirects
    public_port: int | None = None  # appended to links when it is not the scheme's own
    platform_host: str = "platform.localhost"
    trusted_proxies: int = 0  # how many X-Forwarded-* hops are believed
    allowed_private_targets: frozenset[str] = (
        frozenset()
    )  # host:port that mail and connectors may reach in private nets
    txt_records_path: str | None = None  # a file that stands in for DNS when domains are proven (app.core.txt_records)
    metrics_token: str | None = None
    mail_timeout_seconds: int = 15
    database_pool_size: int = 4
    demo_path: str | None = None  # where `flask seed` writes the demo's addresses and passwords
    demo_smtp: str | None = None  # host:port of the demo's mail catcher
    demo_vendor_url: str | None = None

    @property
    def is_https(self) -> bool:
        """Whether people reach the installation by TLS."""
        return self.public_scheme == "https"

    def origin(self, host: str) -> str:
        """Return `scheme://host[:port]` as a browser writes it."""
        standard = {"http": 80, "https": 443}[self.public_scheme]
        port = "" if self.public_port in (None, standard) else f":{self.public_port}"
        return f"{self.public_scheme}://{host}{port}"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Build the settings from an environment; raises SettingsIncomplete naming every problem."""
    problems = [f"{name} is not set" for name in REQUIRED if not environment.get(name)]
    scheme = environment.get("PUBLIC_SCHEME", "http")
    if scheme not in ("http", "https"):
        problems.append("PUBLIC_SCHEME must be http or https")
    numbers: dict[str, int | None] = {}
    for name, default in (
        ("PUBLIC_PORT", None),
        ("TRUSTED_PROXIES", 0),
        ("MAIL_TIMEOUT_SECONDS", 15),
        ("DATABASE_POOL_SIZE", 4),
    ):
        raw = environment.get(name)
        if raw and not raw.isdigit():
            problems.append(f"{name} must be a whole number")
            continue
        numbers[name] = int(raw) if raw else default
    if problems:
        raise SettingsIncomplete(problems)
    app_url = environment["DATABASE_URL_APP"]
    smtp_host = environment.get("DEMO_SMTP_HOST")
    return Settings(
        database_url_app=app_url,
        database_url_bulk=environment.get("DATABASE_URL_BULK") or app_url,
        database_url_platform=environment.get("DATABASE_URL_PLATFORM") or app_url,
        database_url_owner=environment.get("DATABASE_URL") or None,
        redis_url=environment["REDIS_URL"],
        secret_key=environment["SECRET_KEY"],
        fernet_key=environment["FERNET_KEY"],
        media_path=environment["MEDIA_PATH"],
        public_scheme=scheme,
        public_port=numbers["PUBLIC_PORT"],
        platform_host=environment.get("PLATFORM_HOST", "platform.localhost"),
        trusted_proxies=numbers["TRUSTED_PROXIES"] or 0,
        allowed_private_targets=frozenset(
            part.strip() for part in environment.get("ALLOWED_PRIVATE_TARGETS", "").split(",") if part.strip()
        ),
        txt_records_path=environment.get("TXT_RECORDS_PATH") or None,
        metrics_token=environment.get("METRICS_TOKEN") or None,
        mail_timeout_seconds=numbers["MAIL_TIMEOUT_SECONDS"] or 15,
        database_pool_size=numbers["DATABASE_POOL_SIZE"] or 4,
        demo_path=environment.get("DEMO_PATH") or None,
        demo_smtp=f"{smtp_host}:{environment.get('DEMO_SMTP_PORT', '25')}" if smtp_host else None,
        demo_vendor_url=environment.get("DEMO_VENDOR_URL") or None,
    )


@cache
def settings() -> Settings:
    """Return this process's settings; raises SettingsIncomplete on the first call if anything is missing."""
    return read_settings(os.environ)
