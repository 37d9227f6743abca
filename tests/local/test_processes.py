from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

import pytest

from app.local import processes
from app.local.processes import ProcessRecord

FOREVER = [sys.executable, "-c", "import signal; signal.pause()"]


def has_ended(pid):
    """Wait for the end of a process that is no child of ours."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with os.fdopen(handle) as watched:
        return bool(select.select([watched], [], [], 20)[0])


@pytest.fixture
def somebodys_process():
    process = subprocess.Popen(FOREVER)
    yield process
    process.kill()
    process.wait()


def test_a_process_is_recognised_by_number_and_birth(somebodys_process):
    assert processes.record(somebodys_process.pid).is_alive()
    assert not ProcessRecord(somebodys_process.pid, "another birth").is_alive()


def test_a_process_that_reuses_a_number_is_left_alone(somebodys_process):
    stale = ProcessRecord(somebodys_process.pid, "another birth")
    assert processes.stop_recorded(stale) is False
    assert somebodys_process.poll() is None


def test_a_recorded_process_is_ended(somebodys_process):
    assert processes.stop_recorded(processes.record(somebodys_process.pid)) is True
    assert somebodys_process.wait(10) == -signal.SIGTERM


def test_a_process_that_ended_is_not_alive(somebodys_process):
    known = processes.record(somebodys_process.pid)
    somebodys_process.kill()
    somebodys_process.wait()
    assert not known.is_alive()


def test_a_deaf_process_is_ended_firmly(tmp_path):
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    process = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == b"deaf\n"
    processes.stop(process, patience_seconds=0.1)
    assert process.returncode == -signal.SIGKILL
    process.stdout.close()


def test_a_server_dies_with_us_even_when_we_are_killed(tmp_path):
    source = (
        "import os, sys; from pathlib import Path; from app.local import processes; "
        f"child = processes.start([sys.executable, '-c', 'import signal; signal.pause()'], environment={{}}, "
        f"log=Path('/dev/stdout'), directory=Path({str(tmp_path)!r})); "
        "print(child.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    parent = subprocess.run(
        [sys.executable, "-c", source], stdout=subprocess.PIPE, text=True, timeout=30, check=False, env=dict(os.environ)
    )
    assert parent.returncode == -signal.SIGKILL
    assert has_ended(int(parent.stdout))


def test_what_a_killed_server_left_behind_is_ended(tmp_path):
    source = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()']); "
        "print(child.pid, flush=True)"
    )
    server = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, start_new_session=True)
    assert server.stdout is not None
    orphan = processes.record(int(server.stdout.readline()))
    server.wait()
    assert orphan.is_alive()
    processes.stop(server)
    server.stdout.close()
    assert has_ended(orphan.pid)


def test_the_last_words_of_a_log_are_the_reason(tmp_path):
    log = tmp_path / "web.log"
    assert processes.last_words(log) == "it wrote nothing"
    log.write_text("starting\nno such module\n\n")
    assert processes.last_words(log) == "no such module"


def test_an_exception_explains_more_than_the_last_line(tmp_path):
    log = tmp_path / "db.log"
    log.write_text("  File x\nModuleNotFoundError: No module named 'app.seed'\n\nError: No such command 'db'.\n")
    assert processes.last_words(log) == "ModuleNotFoundError: No module named 'app.seed'"


def test_a_log_begins_anew_and_the_one_before_is_kept(tmp_path):
    log = tmp_path / "web.log"
    for word in ("first", "second"):
        source = f"print({word!r})"
        started = processes.start([sys.executable, "-c", source], environment={}, log=log, directory=tmp_path)
        assert started.wait(20) == 0
    assert log.read_text() == "second\n"
    assert (tmp_path / "web.log.1").read_text() == "first\n"
