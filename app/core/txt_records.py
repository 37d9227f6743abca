"""TXT records of other people's domains: who can write one controls the domain. DNS is a function passed in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import dns.exception
import dns.resolver

from app.core.config import settings

LONGEST_WAIT_SECONDS = 5


class DnsSilent(Exception):
    """No name server gave an answer, not even that there is no record: nothing is known."""


class TxtRecords(Protocol):
    """What stands in TXT records."""

    def of(self, name: str) -> frozenset[str]:
        """Return the texts at a name, empty where it has none; raises DnsSilent."""


@dataclass(frozen=True, slots=True)
class Dns:
    """The real thing. `server` is an address and port; None: the name servers this machine is told to use."""

    server: tuple[str, int] | None = None

    def of(self, name: str) -> frozenset[str]:
        """Ask the name servers, for at most five seconds."""
        try:
            resolver = dns.resolver.Resolver(configure=self.server is None)
            if self.server is not None:
                resolver.nameservers, resolver.port = [self.server[0]], self.server[1]
            found = resolver.resolve(name, "TXT", lifetime=LONGEST_WAIT_SECONDS, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return frozenset()
        except dns.exception.DNSException as error:
            raise DnsSilent(str(error)) from error
        return frozenset(b"".join(record.strings).decode("utf-8", "replace") for record in found)


@dataclass(frozen=True, slots=True)
class TxtFile:
    """Stands in for DNS on a machine of one's own: a line is a name, a blank and a text."""

    path: Path

    def of(self, name: str) -> frozenset[str]:
        """Read the file anew; without one nothing has a record."""
        try:
            lines = self.path.read_text().splitlines()
        except FileNotFoundError:
            return frozenset()
        pairs = (line.partition(" ") for line in lines)
        return frozenset(text.strip() for written, _, text in pairs if written == name)


def txt_records() -> TxtRecords:
    """Return what this installation asks: DNS, or the file that its deployment names."""
    path = settings().txt_records_path
    return TxtFile(Path(path)) if path else Dns()
