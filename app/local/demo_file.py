"""var/demo.json: the seed writes hosts, users and passwords; we add where everything else is reached and show it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.local import state
from app.local.surroundings import Unsuitable


@dataclass(frozen=True, slots=True)
class Addresses:
    """What the seed cannot know."""

    port: int
    mail_url: str
    vendor_url: str
    database_url_owner: str
    database_url_app: str
    redis_url: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: where somebody signs in and as whom."""

    place: str
    address: str
    user: str = ""
    password: str = ""
    note: str = ""


def complete(path: Path, addresses: Addresses) -> None:
    """Add the addresses to what the seed wrote, leaving its part as it is; raises Unsuitable if it wrote nothing."""
    content = read(path)
    for name in Addresses.__slots__:
        content[name] = getattr(addresses, name)
    state.write_private(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Unsuitable(f"The seed left no readable {path}: make seed writes it again") from error
    if not isinstance(content, dict) or not isinstance(content.get("hosts"), dict):
        raise Unsuitable(f"{path} names no hosts: make seed writes it again")
    return content


def rows(content: Mapping[str, Any]) -> Iterator[Row]:
    """Yield every sign-in of the demo, the operator's first."""
    port = content["port"]
    hosts = content["hosts"]
    operators = [hosts["operator"]] if "operator" in hosts else []
    yield from _sign_ins("Console", f"{_origin(hosts['platform'], port)}console/", operators)
    for distributor in hosts.get("distributors", []):
        origin = _origin(distributor["host"], port)
        yield from _sign_ins("Back office", f"{origin}bss/", distributor.get("bss_users", []))
        for storefront in distributor.get("storefronts", []):
            yield from _sign_ins(_storefront_name(storefront), _storefront(origin, storefront), storefront["users"])
    yield Row("Mail", content["mail_url"])
    yield Row("Demo vendor", content["vendor_url"])


def _origin(host: str, port: int) -> str:
    return f"http://{host}:{port}/"


def _storefront(origin: str, storefront: Mapping[str, Any]) -> str:
    alias = storefront.get("alias")
    return f"{origin}{alias}/" if alias else origin


def _storefront_name(storefront: Mapping[str, Any]) -> str:
    edition = storefront.get("edition")
    return f"Storefront ({edition})" if edition else "Storefront"


def _sign_ins(place: str, address: str, users: list[Mapping[str, Any]]) -> Iterator[Row]:
    if not users:
        yield Row(place, address)
    for user in users:
        yield Row(place, address, user["email"], user["password"], _note(user))


def _note(user: Mapping[str, Any]) -> str:
    roles = user.get("roles") or user.get("role") or ""
    words = [user.get("kind", ""), roles if isinstance(roles, str) else ", ".join(roles)]
    return ": ".join(word for word in words if word)


def table(content: Mapping[str, Any]) -> str:
    """Return the demo's sign-ins as aligned lines; what repeats from the line above is left out."""
    header = Row("Where", "Address", "User", "Password", "Who")
    lines = [header, *rows(content)]
    widths = [max(len(getattr(row, name)) for row in lines) for name in Row.__slots__]
    told: list[str] = []
    before = Row("", "")
    for row in lines:
        same_place = (row.place, row.address) == (before.place, before.address)
        place, address = ("", "") if same_place else (row.place, row.address)
        cells = (place, address, row.user, row.password, row.note)
        told.append("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
        before = row
    return "\n".join([told[0], "  ".join("-" * width for width in widths), *told[1:]])
