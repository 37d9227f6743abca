"""Which system user the database server runs as: PostgreSQL refuses root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from app.local.surroundings import Unsuitable

SYSTEM_USER = "galleria"
# Belongs to nobody in particular, hence to us too where no user can be made.
SPARE_USER = "nobody"


class PopenArguments(TypedDict):
    """None leaves things as they are."""

    user: int | None
    group: int | None
    extra_groups: list[int] | None


@dataclass(frozen=True, slots=True)
class Account:
    """A system user other than the one we run as."""

    name: str
    uid: int
    gid: int

    def can_enter(self, directory: Path) -> bool:
        """Whether this user reaches the directory, or the program, by its full path."""
        answer = subprocess.run(
            ["/bin/sh", "-c", 'test -x "$1"', "sh", str(directory)],
            cwd="/",
            check=False,
            **run_as(self),
        )
        return answer.returncode == 0


def run_as(account: Account | None) -> PopenArguments:
    """Return what makes a child run as `account` and nothing more, or as we do."""
    if account is None:
        return {"user": None, "group": None, "extra_groups": None}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def server_account() -> Account | None:
    """Return the user to drop to when we are root (made if missing), or None when we are an ordinary user."""
    if os.geteuid() != 0:
        return None
    return _account(SYSTEM_USER) or _create(SYSTEM_USER) or _spare()


def _account(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, entry.pw_uid, entry.pw_gid)


def _create(name: str) -> Account | None:
    useradd = shutil.which("useradd") or shutil.which("useradd", path="/usr/sbin:/sbin")
    if useradd is None:
        return None
    # Two runs may meet here: whoever comes second finds the user made.
    subprocess.run(
        [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/false",
         name],
        capture_output=True,
        check=False,
    )  # fmt: skip
    return _account(name)


def _spare() -> Account:
    account = _account(SPARE_USER)
    if account is None or account.uid == 0:
        raise Unsuitable("PostgreSQL does not run as root, and no system user could be made: run as an ordinary user")
    return account
