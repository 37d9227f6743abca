"""The browser that tests drive: Debian's chromium, installed where we may."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from app.local import processes
from app.local.surroundings import Unsuitable

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REMEDY = "install it, as in apt-get install chromium"


def find_browser() -> str | None:
    """Return the browser's path; `CHROMIUM` names another one."""
    return shutil.which(os.environ.get("CHROMIUM") or "chromium") or next(filter(None, map(shutil.which, NAMES)), None)


def ensure_browser(log: Path) -> str:
    """Return the browser's path, installing it as root on Debian; raises Unsuitable with what to do."""
    found = find_browser()
    if found:
        return found
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Unsuitable(f"Chromium is needed for the browser tests: {REMEDY}")
    print("Installing chromium for the browser tests (a minute or two, once)", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        for command in (
            ["apt-get", "update"],
            ["apt-get", "install", "--yes", "--no-install-recommends", "chromium"],
        ):
            code = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, env=environment, check=False)
            if code.returncode:
                raise Unsuitable(f"Chromium could not be installed ({processes.last_words(log)}): {REMEDY}")
    found = find_browser()
    if found is None:
        raise Unsuitable(f"Chromium was installed but is not on the PATH: {REMEDY}")
    return found
