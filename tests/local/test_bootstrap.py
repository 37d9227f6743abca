from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from lxml.etree import LIBXML_VERSION

from app.local import bootstrap
from app.local.places import CHECKOUT

SCRIPT = CHECKOUT / "app" / "local" / "bootstrap.py"


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A checkout whose environment is a working Python and whose lock is ours to change."""
    lock = tmp_path / "requirements.lock"
    lock.write_text("one==1\n")
    monkeypatch.setattr(bootstrap, "CHECKOUT", str(tmp_path))
    monkeypatch.setattr(bootstrap, "LOCK", str(lock))
    monkeypatch.setattr(bootstrap, "VENV", str(tmp_path / ".venv"))
    monkeypatch.setattr(bootstrap, "venv_python", lambda: sys.executable)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".prepared").write_text(bootstrap.fingerprint())
    return tmp_path


def test_bootstrap_is_understood_by_old_pythons():
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 6))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]


def test_an_old_python_is_told_in_one_line_without_a_traceback(tmp_path):
    pretend = (
        "import runpy, sys; sys.version_info = (3, 9, 2, 'final', 0); "
        f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    )
    answer = subprocess.run(
        [sys.executable, "-c", pretend], capture_output=True, text=True, check=False, env={"PATH": str(tmp_path)}
    )
    assert answer.returncode == 1
    assert answer.stderr.splitlines() == [
        "Python 3.11 or newer is needed, this is 3.9.2: install it, or name it as in make up PYTHON=python3.12"
    ]


def test_a_newer_python_on_the_path_serves_an_old_one(tmp_path, monkeypatch):
    newer = tmp_path / "python3.12"
    newer.write_text("#!/bin/sh\n")
    newer.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bootstrap.suitable_python((3, 9, 2), "/usr/bin/python3") == str(newer)


def test_this_python_is_taken_when_it_is_new_enough():
    assert bootstrap.suitable_python((3, 11, 0), "/usr/bin/python3") == "/usr/bin/python3"


def test_an_environment_made_from_this_lock_is_used_as_it_is(elsewhere, monkeypatch):
    monkeypatch.setattr(bootstrap, "install", lambda: pytest.fail("nothing is to be installed"))
    bootstrap.prepare(sys.executable)
    assert bootstrap.is_prepared()


def test_another_lock_is_installed_once_more(elsewhere, monkeypatch):
    installed: list[str] = []
    monkeypatch.setattr(bootstrap, "install", lambda: installed.append("once"))
    (elsewhere / "requirements.lock").write_text("one==2\n")
    bootstrap.prepare(sys.executable)
    bootstrap.prepare(sys.executable)
    assert installed == ["once"]


def test_an_environment_of_a_moved_checkout_is_made_anew(elsewhere, monkeypatch):
    made: list[str] = []
    monkeypatch.setattr(bootstrap, "make_venv", made.append)
    monkeypatch.setattr(bootstrap, "install", lambda: None)
    stamp = elsewhere / ".venv" / ".prepared"
    stamp.write_text(stamp.read_text().replace(str(elsewhere), "/where/it/was"))
    bootstrap.prepare("python-at-hand")
    assert made == ["python-at-hand"]


def test_too_little_room_is_told_before_anything_is_installed(elsewhere, monkeypatch):
    monkeypatch.setattr(bootstrap, "MEGABYTES_NEEDED", 10**9)
    monkeypatch.setattr(bootstrap, "install", lambda: pytest.fail("nothing is to be installed"))
    (elsewhere / "requirements.lock").write_text("one==2\n")
    with pytest.raises(
        bootstrap.Unsuitable, match=r"^Only \d+ MB are free on the disk of .*: 1000000000 MB are needed$"
    ):
        bootstrap.prepare(sys.executable)


def test_the_lock_names_no_address_and_no_path():
    lines = (CHECKOUT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    entries = [line for line in lines if line and not line.lstrip().startswith("#")]
    assert entries
    assert not [line for line in entries if "://" in line or "--find-links" in line or "--index" in line]
    assert all(" @ " not in line for line in entries)


def test_signatures_of_identity_providers_can_be_checked():
    """With another lxml than the one it was built with, xmlsec refuses to load."""
    import xmlsec  # noqa: PLC0415 - the import is what is tested

    assert xmlsec.get_libxml_version()[:2] == LIBXML_VERSION[:2]


def test_make_alone_lists_every_target():
    answer = subprocess.run(["make"], cwd=CHECKOUT, capture_output=True, text=True, check=True, env=dict(os.environ))
    listed = {line.split()[1] for line in answer.stdout.splitlines()}
    wanted = "up down reset seed worker migration migrate fmt lint types imports test test-fast bench check"
    assert set(wanted.split()) <= listed


def test_ci_runs_the_command_of_the_readme_and_prepares_nothing():
    script = Path(CHECKOUT / ".ci" / "run").read_text(encoding="utf-8")
    commands = [line for line in script.splitlines() if line and not line.startswith("#")]
    assert commands == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "exec timeout --kill-after=60 1740 make test"]
